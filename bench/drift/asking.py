"""Asks the product for the drift report of a plan: from rows in ClickHouse and the registry's history, as the command does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evaluation.drift.events import moves
from evaluation.drift.report import drift_report

from bench.drift.loading import METRIC
from bench.drift.plans import Plan
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


async def ask_all(clickhouse: ClickHouse, plans: Sequence[Plan]) -> list[DriftReport]:
    """The reports of all prompts, one after the other."""
    return [await ask(clickhouse, plan) for plan in plans]
