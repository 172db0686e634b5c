"""`GET /api/prompts/{slug}/drift`, `/api/drift` and `/api/changes`: what changed and what caused it, over HTTP.

Knows addresses, parameters and who may ask. Refuses to decide what a change is. What decides it stands on numpy and scipy, which a worker
loads when it is asked for the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from evaluation.changes import Change, changes_report
from evaluation.drift.values import DriftReport, Metric
from evaluation.intervals import Interval
from evaluation.windows import Since, Until, Zone, window_of
from registry.roles import Principal, permit
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse


class DriftModel(BaseModel):
    """Reports on a prompt's metrics, those with a named cause first; changes of metrics with `log` are differences of logarithms."""

    prompt: str
    since: datetime
    until: datetime
    reports: list[DriftReport]


class MovedModel(BaseModel):
    """One metric of one prompt, before and since. `changed`: told from chance after correction for how many were looked at."""

    prompt: str
    metric: Metric
    n_before: float
    n_after: float
    before: float
    after: float
    change: float
    interval: Interval
    changed: bool
    report: DriftReport | None = Field(description="what caused it, for those that changed most surely")


class OverviewModel(BaseModel):
    """What moved anywhere, the surest first."""

    since: datetime
    until: datetime
    rows: list[MovedModel]
    too_small: list[tuple[str, str]] = Field(description="prompt and metric of those with too few values to tell")


class ChangesModel(BaseModel):
    """What changed, newest first."""

    since: datetime
    until: datetime
    changes: list[Change]


def build_router(
    clickhouse: ClickHouse, store: Store, who: Callable[[Request], Principal], now: Callable[[], datetime]
) -> APIRouter:
    """The routes; `who` says who asks: whoever may inspect a prompt may see its drift."""
    router = APIRouter(tags=["quality"])

    @router.get("/api/prompts/{slug}/drift")
    async def drift(
        slug: str,
        request: Request,
        metric: Annotated[
            str | None, Query(description="a score's name, or a metric of every call such as latency; without it all")
        ] = None,
        since: Since = None,
        until: Until = None,
        zone: Zone = "UTC",
    ) -> DriftModel:
        """What changed in a prompt's metrics since a time (a week ago unless said otherwise) against the 14 days before it, what caused
        it, how sure that is, and what would settle the rest."""
        from evaluation.drift.moves import moves_of
        from evaluation.drift.reports import drift_reports
        from evaluation.probes.reading import replays_of

        permit(who(request), "inspect", slug=slug)
        begin, end = window_of(since, until, zone, now())
        found = await drift_reports(
            clickhouse,
            prompt=slug,
            metric=metric,
            since=begin,
            until=end,
            promotions=await to_thread.run_sync(moves_of, store, slug),
            replays=await to_thread.run_sync(replays_of, store, slug),
            now=now(),
        )
        return DriftModel.model_validate(found, from_attributes=True)

    @router.get("/api/drift")
    async def overview(request: Request, since: Since = None, until: Until = None, zone: Zone = "UTC") -> OverviewModel:
        """Which metrics of which prompts changed, all prompts at once, with reports on the surest."""
        from evaluation.drift.moves import all_moves
        from evaluation.drift.reports import drift_everywhere

        by = who(request)
        permit(by, "inspect")
        begin, end = window_of(since, until, zone, now())
        promotions = await to_thread.run_sync(all_moves, store)
        found = await drift_everywhere(
            clickhouse, sees=by.sees, since=begin, until=end, promotions=promotions, now=now()
        )
        return OverviewModel.model_validate(found, from_attributes=True)

    @router.get("/api/changes")
    async def changes(
        request: Request,
        prompt: Annotated[str | None, Query(description="one prompt's slug; without it all that may be seen")] = None,
        since: Since = None,
        until: Until = None,
        zone: Zone = "UTC",
    ) -> ChangesModel:
        """Promotions, rollbacks and rollouts, and changes of served models and fingerprints that calls tell of, newest first; since 14
        days ago unless said otherwise."""
        from evaluation.drift.moves import all_moves, moves_of

        by = who(request)
        permit(by, "inspect", slug=prompt)
        begin, end = window_of(since, until, zone, now())
        if prompt is None:
            moves = await to_thread.run_sync(all_moves, store)
        else:
            moves = {prompt: await to_thread.run_sync(moves_of, store, prompt)}
        found = await changes_report(
            clickhouse, moves=moves, sees=by.sees, prompt=prompt or "", since=begin, until=end, now=now()
        )
        return ChangesModel.model_validate(found, from_attributes=True)

    return router
