"""What this room answers over HTTP: scores come in, are read back, and are taken away.

Knows the addresses, the shapes and the order: a batch is checked as a whole before any of it is written. Refuses to know roles: it is
handed somebody who asks (`Asking`), and who raises what such a one may not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Body, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Discriminator, Field, Tag

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.event import Event, ScoreSource, TargetKind
from tracing.score_models import (
    ScoreDeleted,
    ScoreHistoryModel,
    ScoresAccepted,
    ScoresModel,
    history_model,
    page_model,
    place,
)
from tracing.score_reads import (
    ScoreFilter,
    prompts_of_scores,
    prompts_of_targets,
    score_and_history,
    scores_page,
)
from tracing.scores import Score, deletion, score_events
from tracing.transfer.export import Format, export_scores, streamed

MOST_SCORES = 10_000

Scores = Annotated[list[Score], Field(min_length=1, max_length=MOST_SCORES)]
OneOrMany = Annotated[
    Annotated[Score, Tag("score")] | Annotated[Scores, Tag("scores")],
    Discriminator(lambda posted: "scores" if isinstance(posted, list) else "score"),
]
"""With the tag in front, an error names the item: `scores.3.value`."""


class ScoresExported(BaseModel):
    """Which scores an export has: those given in a window, of some names, and the form."""

    since: datetime | None = Field(None, description="first moment; without a zone it is UTC")
    until: datetime | None = Field(None, description="first moment after the window")
    name: list[str] = Field(default=[], description="only scores of these names")
    format: Format = "jsonl"


class NotRecorded(Exception):
    """Scores could not be written to the spool (a full disk, say); the message says which were."""


class ScoreNotFound(Exception):
    """No score with this id is on record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks: `name` goes on record, `prompts` are patterns of those in scope (empty: all). `permit` raises for what they may not do,
    given an action and a prompt's slug, None where it is about none."""

    name: str
    prompts: Sequence[str]
    permit: Callable[[Literal["score", "inspect"], str | None], None]


def build_router(
    record: Callable[[Event], bool],
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    clickhouse: ClickHouse,
    asking: Callable[[Request], Asking],
) -> APIRouter:
    """`/api/scores`. Accepted scores are on disk when the answer goes out."""
    router = APIRouter(tags=["scores"])

    @router.post("/api/scores", summary="Score one call or several", status_code=201)
    async def post_scores(
        request: Request,
        scores: Annotated[OneOrMany, Body(description=f"one score, or a list of up to {MOST_SCORES:,}")],
    ) -> ScoresAccepted:
        by = asking(request)
        by.permit("score", None)
        posted = scores if isinstance(scores, list) else [scores]
        if by.prompts:
            await _in_scope(clickhouse, by, posted)
        try:
            events = score_events(posted, at=now(), new_id=new_id, posted_by=by.name)
        except ValueError as error:
            raise _invalid(("body",), str(error)) from error
        await to_thread.run_sync(_write, record, events)
        return ScoresAccepted(ids=[event.score_id for event in events])

    @router.get("/api/scores", summary="Scores, newest first")
    async def get_scores(
        request: Request,
        call_id: str = "",
        trace_id: str = "",
        external_id: str = "",
        prompt: str = "",
        version: Annotated[int, Query(ge=0, le=2**32 - 1, description="0 is any")] = 0,
        name: str = "",
        source: Annotated[ScoreSource | Literal[""], Query()] = "",
        scorer: str = "",
        orphan: Annotated[bool | None, Query(description="true: only scores whose call is not on record")] = None,
        since: Annotated[datetime | None, Query(description="first moment; without a zone it is UTC")] = None,
        until: Annotated[datetime | None, Query(description="first moment after the window")] = None,
        after: Annotated[str, Query(description="`next` of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> ScoresModel:
        by = asking(request)
        by.permit("inspect", prompt or None)
        place_after = place(after)
        if after and place_after is None:
            raise _invalid(("query", "after"), "takes `next` of the page before")
        chosen = ScoreFilter(
            call_id=call_id,
            trace_id=trace_id,
            external_id=external_id,
            prompt=prompt,
            version=version,
            name=name,
            source=source,
            scorer=scorer,
            orphan=orphan,
            since=_in_utc(since),
            until=_in_utc(until),
            scope=by.prompts,
            after=place_after,
            limit=limit,
        )
        return page_model(await scores_page(clickhouse, chosen), limit)

    @router.get("/api/scores/export", summary="All scores, streamed in the form that `slugline scores import` reads")
    async def export(request: Request, asked: Annotated[ScoresExported, Query()]) -> StreamingResponse:
        by = asking(request)
        by.permit("inspect", None)
        since, until = _in_utc(asked.since), _in_utc(asked.until)
        lines = export_scores(clickhouse, since=since, until=until, names=asked.name, scope=by.prompts)
        return await streamed(lines, asked.format)

    @router.get("/api/scores/{score_id:path}", summary="One score with its history")
    async def get_score(request: Request, score_id: str) -> ScoreHistoryModel:
        by = asking(request)
        by.permit("inspect", None)
        score, history = await score_and_history(clickhouse, score_id)
        if by.prompts:
            by.permit("inspect", await _prompt_of(clickhouse, score, history))
        if score is None and not history:
            raise ScoreNotFound(f"no score '{score_id}' on record (a score shows about a second after it was posted)")
        return history_model(score, history)

    @router.delete("/api/scores/{score_id:path}", summary="Take a score away")
    async def delete_score(request: Request, score_id: str) -> ScoreDeleted:
        """Also takes one away that is recorded and not loaded yet; an id that never was is no error. Posted again, the score is back."""
        by = asking(request)
        by.permit("score", None)
        score: dict[str, Any] | None = None
        try:
            score, history = await score_and_history(clickhouse, score_id)
            if by.prompts and history:
                by.permit("score", await _prompt_of(clickhouse, score, history))
        except (ClickHouseUnavailable, ClickHouseRefused):
            if by.prompts:
                raise  # whose score it is can't be told now
        target: tuple[TargetKind, str] = ("call", "") if score is None else (score["target_kind"], score["target"])
        name = "" if score is None else score["name"]
        await to_thread.run_sync(
            _write, record, [deletion(score_id, at=now(), posted_by=by.name, target=target, name=name)]
        )
        return ScoreDeleted(id=score_id)

    return router


def _write(record: Callable[[Event], bool], events: Sequence[Event]) -> None:
    for done, event in enumerate(events):
        if not record(event):
            told = (
                "none of the scores could be written to disk: post them again"
                if done == 0
                else f"the disk took the first {done:,} of {len(events):,} scores, those before index {done}, and no more: "
                f"post the rest again, from index {done} on"
            )
            raise NotRecorded(told)


async def _in_scope(clickhouse: ClickHouse, by: Asking, posted: Sequence[Score]) -> None:
    """Raises for a call or a score of another prompt. What is not loaded yet can't be told apart, and passes; `posted_by` is on record."""
    try:
        prompts = await prompts_of_targets(clickhouse, [score.target for score in posted])
        replaced = await prompts_of_scores(clickhouse, [score.id for score in posted if score.id])
    except (ClickHouseUnavailable, ClickHouseRefused):
        return
    for score in posted:
        for slug in (prompts.get(score.target), replaced.get(score.id or "")):
            if slug is not None:
                by.permit("score", slug)


async def _prompt_of(clickhouse: ClickHouse, score: dict[str, Any] | None, history: Sequence[dict[str, Any]]) -> str:
    """The prompt that a score belongs to, or belonged to before it was deleted; "" where its call is not on record."""
    if score is not None:
        return str(score["prompt"])
    for event in history:
        if event["target"]:
            found = await prompts_of_targets(clickhouse, [(event["target_kind"], event["target"])])
            return next(iter(found.values()), "")
    return ""


def _invalid(where: tuple[str, ...], what: str) -> RequestValidationError:
    return RequestValidationError([{"loc": where, "msg": what, "type": "value_error"}])


def _in_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
