"""Asks the product for the drift report of a plan: from rows in ClickHouse and the registry's history, as the command does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bench.drift.loading import METRIC
from bench.drift.plans import Plan
from evaluation.drift.events import moves
from evaluation.drift.overview import DriftOverview, drift_overview
from evaluation.drift.report import drift_report
from evaluation.drift.values import DriftReport
from registry.values import HistoryEntry
from tracing.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the slug, from when on, and when it is asked."""

    prompt: str
    since: datetime
    now: datetime
    history: tuple[HistoryEntry, ...]


def question_of(plan: Plan) -> Question:
    """The question about a plan's history: asked at its end, "since" the day that the plan says."""
    promotions = [0.0, *sorted(change.at for change in plan.changes if change.shows == "version")]
    history = tuple(
        HistoryEntry(
            revision=number,
            at=plan.time(at) if number > 1 else plan.time(-24.0),
            actor="ann",
            action="promote",
            slug=plan.prompt,
            channel="stable",
            from_version=number - 1 or None,
            to_version=number,
            reason="better",
            evidence={},
            request_id="",
        )
        for number, at in enumerate(promotions, 1)
    )
    return Question(prompt=plan.prompt, since=plan.time(plan.since), now=plan.time(plan.length), history=history)


async def ask(clickhouse: ClickHouse, plan: Plan) -> DriftReport:
    """The report. Raises what the product raises."""
    asked = question_of(plan)
    return await drift_report(
        clickhouse,
        prompt=asked.prompt,
        metric=METRIC,
        since=asked.since,
        until=asked.now,
        promotions=moves(asked.history),
        now=asked.now,
    )


async def ask_all(clickhouse: ClickHouse, plans: Sequence[Plan]) -> DriftOverview:
    """What moved in all prompts, as `slugline drift` without a slug; the plans must ask from the same time on."""
    asked = [question_of(plan) for plan in plans]
    promotions = {each.prompt: moves(each.history) for each in asked}
    return await drift_overview(
        clickhouse, since=asked[0].since, until=asked[0].now, promotions=promotions, now=asked[0].now
    )
