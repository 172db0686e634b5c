"""`GET /api/prompts/{slug}/quality` and `/served`: the quality report, and which versions answered when, over HTTP.

Knows the address, its parameters and the shape of the answer. Refuses to know which prompts exist (it is handed a look-up);
what the look-up and ClickHouse raise goes through to the application, which has one place for it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from evaluation.comparison.measures import MARGIN
from evaluation.comparison.report import baseline_of, compared_quality
from evaluation.comparison.values import Comparison
from evaluation.served import versions_served
from evaluation.windows import Since, Until, Zone, window_of
from registry.values import Prompt
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
    coverage: float | None = Field(description="the share of the row's calls that have a value of this score")


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
    comparison: Comparison | None = Field(
        description="the versions against one of them, like with like; null where nothing is stable yet, or with against=none"
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


def build_router(clickhouse: ClickHouse, prompt_of: Callable[[str], Prompt]) -> APIRouter:
    """The router; `prompt_of` raises for a slug that the registry doesn't know."""
    router = APIRouter(tags=["quality"])

    @router.get("/api/prompts/{slug}/quality")
    async def quality(
        slug: str,
        since: Since = None,
        until: Until = None,
        zone: Zone = "UTC",
        purpose: Annotated[str, Query(description="purpose of the calls, or 'all'")] = "production",
        score: Annotated[
            str | None, Query(description="one score's name, or a metric of every call such as latency; without it all")
        ] = None,
        against: Annotated[
            str, Query(description="the version that others are compared with: a channel, a number, or 'none'")
        ] = "stable",
        margin: Annotated[
            float, Query(description="the largest difference of a rate that is none to speak of: 0.02 is two points")
        ] = MARGIN,
    ) -> QualityModel:
        """Calls, errors, scores with 95 % intervals, latency, tokens and cost, by version and served model; and each version against
        the one that is stable, with 99 % intervals and a verdict."""
        begin, end = window_of(since, until, zone, datetime.now(UTC))
        prompt = await to_thread.run_sync(prompt_of, slug)
        report = await compared_quality(
            clickhouse,
            prompt=slug,
            baseline=baseline_of(prompt, against),
            since=begin,
            until=end,
            purpose=None if purpose == "all" else purpose,
            metric=score,
            margin=margin,
        )
        return QualityModel.model_validate(report.to_json())

    @router.get("/api/prompts/{slug}/served")
    async def served(slug: str, since: datetime, until: datetime) -> ServedModel:
        """Which versions answered calls between two times; without a zone they are UTC."""
        begin, end = _in_utc(since), _in_utc(until)
        await to_thread.run_sync(prompt_of, slug)
        found = await versions_served(clickhouse, prompt=slug, since=begin, until=end)
        return ServedModel(
            prompt=slug,
            since=begin,
            until=end,
            served=[VersionCallsModel.model_validate(each, from_attributes=True) for each in found],
        )

    return router


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
