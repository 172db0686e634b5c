"""`GET /api/prompts/{slug}/quality` and `/served`: the quality report, and which versions answered when, over HTTP.

Knows the address, its parameters and the shape of the answer. Refuses to know which prompts exist (it is handed a check);
what the check and ClickHouse raise goes through to the application, which has one place for it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, overload

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from evaluation.report import quality_report
from evaluation.served import versions_served
from tracing.clickhouse import ClickHouse


class IntervalModel(BaseModel):
    """A 95 % confidence interval, both ends included."""

    low: float
    high: float


class ScoreModel(BaseModel):
    """One score's name: a mean with its interval, or counts by label for a category."""

    name: str
    kind: str = Field(description="bool, number or category")
    n: int = Field(description="calls on record with at least one parsed value of this score")
    mean: float | None
    interval: IntervalModel | None = Field(
        description="95 %: Wilson for bools, Student's t for numbers, null below two"
    )
    unparsed: int = Field(description="scores whose value could not be read from the scorer's output")
    labels: dict[str, int] = Field(description="for a category: number of scores by label")
    effective_n: float | None = Field(
        description="how many calls of equal weight know as much: n, or less where calls of a sample are weighed"
    )


class QualityRowModel(BaseModel):
    """One version under one served model; `model_served` is null in the totals over all models."""

    version: int
    model_served: str | None
    calls: int
    errors: int = Field(description="calls whose outcome is neither ok nor client_left")
    error_rate: float
    client_left: int
    scored_calls: int
    coverage: float = Field(description="scored calls as a share of calls")
    scores: list[ScoreModel]
    latency_p50_ms: float | None = Field(description="over calls that succeeded")
    latency_p95_ms: float | None
    first_chunk_p50_ms: float | None
    input_tokens: int | None = Field(description="null where no call reports tokens")
    input_tokens_mean: float | None
    output_tokens: int | None
    output_tokens_mean: float | None
    cost: float | None = Field(description="US dollars over the calls that have a price; null where none has")
    cost_mean: float | None
    unpriced_calls: int
    first_seen: datetime
    last_seen: datetime
    channels: list[str]
    recorded_calls: int = Field(
        description="calls on record; where a sample left some out, all other counts and sums are estimates of all calls"
    )


class QualityModel(BaseModel):
    """A prompt's quality by version in a half-open window; null bounds are open."""

    prompt: str
    since: datetime | None
    until: datetime | None
    purpose: str | None = Field(description="null where calls of every purpose were taken")
    score: str | None
    rows: list[QualityRowModel]
    totals: list[QualityRowModel]
    exact: bool = Field(
        description="whether latencies are exact; false: estimates from digests, as there are many calls"
    )


class VersionCallsModel(BaseModel):
    """Calls that one version answered on one channel."""

    version: int
    channel: str = Field(description="'pinned' where the calls named a number")
    variant: str = Field(description="main, rollout or holdback where the channel was split")
    calls: int
    errors: int = Field(description="calls whose outcome is neither ok nor client_left")
    first_seen: datetime
    last_seen: datetime


class ServedModel(BaseModel):
    """Which versions answered a prompt's production calls in a half-open window."""

    prompt: str
    since: datetime
    until: datetime
    served: list[VersionCallsModel]


def build_router(clickhouse: ClickHouse, check_prompt: Callable[[str], object]) -> APIRouter:
    """The router; `check_prompt` raises for a slug that the registry doesn't know."""
    router = APIRouter(tags=["quality"])

    @router.get("/api/prompts/{slug}/quality")
    async def quality(
        slug: str,
        since: Annotated[datetime | None, Query(description="first moment; without a zone it is UTC")] = None,
        until: Annotated[datetime | None, Query(description="first moment after the window")] = None,
        purpose: Annotated[str, Query(description="purpose of the calls, or 'all'")] = "production",
        score: Annotated[str | None, Query(description="one score's name; without it every score")] = None,
    ) -> QualityModel:
        """Calls, errors, scores with 95 % intervals, latency, tokens and cost, by version and served model."""
        begin, end = _in_utc(since), _in_utc(until)
        if begin is not None and end is not None and begin >= end:
            raise HTTPException(422, f"since ({begin.isoformat()}) must be before until ({end.isoformat()})")
        await to_thread.run_sync(check_prompt, slug)
        report = await quality_report(
            clickhouse, prompt=slug, since=begin, until=end, purpose=None if purpose == "all" else purpose, score=score
        )
        return QualityModel.model_validate(report.to_json())

    @router.get("/api/prompts/{slug}/served")
    async def served(slug: str, since: datetime, until: datetime) -> ServedModel:
        """Which versions answered calls between two times; without a zone they are UTC."""
        begin, end = _in_utc(since), _in_utc(until)
        await to_thread.run_sync(check_prompt, slug)
        found = await versions_served(clickhouse, prompt=slug, since=begin, until=end)
        return ServedModel(
            prompt=slug,
            since=begin,
            until=end,
            served=[VersionCallsModel.model_validate(each, from_attributes=True) for each in found],
        )

    return router


@overload
def _in_utc(time: datetime) -> datetime: ...
@overload
def _in_utc(time: None) -> None: ...
def _in_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
