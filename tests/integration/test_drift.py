"""Drift reports on real rows on the real engine: a change of the prompt, of the model and of the inputs, each told from the others."""

import itertools
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from evaluation.drift.reading import UnknownMetric
from evaluation.drift.report import drift_report
from evaluation.drift.values import DriftReport, Event
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.rollups.scores import count_scores

_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 18
_CHANGE = _BEGIN + timedelta(days=13, hours=9)
_END = _BEGIN + timedelta(days=_DAYS)
_ids = itertools.count(1)
_STRATA = {"billing": 0.95, "angry": 0.70}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How calls are answered: what changes when, and by how much the share of accepted answers moves then."""

    prompt: str = "agent"
    promoted: datetime | None = None
    by_version: float = 0.0
    updated: datetime | None = None
    by_model: float = 0.0
    hidden: bool = False
    angry: float = 0.4
    angry_after: float | None = None
    per_hour: int = 24

    def rows(self, seed: int) -> tuple[list[CallEvent], list[ScoreEvent]]:
        chance = random.Random(seed)
        calls, scores = [], []
        for hour in range(_DAYS * 24):
            for _ in range(self.per_hour):
                at = _BEGIN + timedelta(hours=hour, seconds=chance.uniform(0, 3599))
                share = self.angry if self.angry_after is None or at < _CHANGE else self.angry_after
                kind = "angry" if chance.random() < share else "billing"
                promoted = self.promoted is not None and at >= self.promoted
                updated = self.updated is not None and at >= self.updated
                good = _STRATA[kind] + self.by_version * promoted + self.by_model * updated
                number = next(_ids)
                call = CallEvent(
                    call_id=str(uuid.UUID(int=number)), ts=timestamp(at), outcome="ok", status=200, prompt=self.prompt,
                    version=8 if promoted else 7, channel="stable", stratum=kind, params_hash="p", duration_ms=10.0,
                    model_served="gpt-4o-2026-03" if updated and not self.hidden else "gpt-4o-2026-01", finish_reason="stop",
                    output_tokens=int(chance.gauss(200, 40)) + 30 * updated,
                )  # fmt: skip
                calls.append(call)
                scores.append(ScoreEvent(
                    score_id=f"score-{number}", target_kind="call", target=call.call_id, ts=call.ts, received_at=call.ts,
                    name="accepted", value=float(chance.random() < good), kind="bool", scorer="judge", scorer_version="1",
                ))  # fmt: skip
        return calls, scores


async def _load(records: ClickHouse, *worlds: World) -> None:
    for number, world in enumerate(worlds):
        calls, scores = world.rows(number)
        for table, rows in (("calls", calls), ("score_events", scores)):
            await _insert(records, table, rows)
    await count_scores(records, everything=True)


async def _insert(records: ClickHouse, table: str, rows: Sequence[CallEvent | ScoreEvent]) -> None:
    for first in range(0, len(rows), 10_000):
        lines = b"".join(encode(row) for row in rows[first : first + 10_000])
        await records.insert_lines(table, lines, {"date_time_input_format": "best_effort"})


def _promotion(at: datetime) -> Event:
    return Event(kind="promotion", at=at, before="7", after="8", announced=True, by="ann", channel="stable")


async def _report(records: ClickHouse, *moves: Event, metric: str = "accepted") -> DriftReport:
    return await drift_report(
        records, prompt="agent", metric=metric, since=_CHANGE - timedelta(hours=12), promotions=moves, now=_END
    )


def _named(report: DriftReport) -> set[str]:
    return {each.cause for each in report.contributions if each.named}


async def test_the_model_is_named_and_the_promotion_two_days_earlier_is_not(records: ClickHouse) -> None:
    early = _CHANGE - timedelta(days=2)
    await _load(records, World(promoted=early, updated=_CHANGE, by_model=-0.12))
    report = await _report(records, _promotion(early))
    assert _named(report) == {"model"}
    model, prompt = (
        next(each for each in report.contributions if each.cause == cause) for cause in ("model", "prompt")
    )
    assert model.interval.low < -0.12 < model.interval.high
    assert prompt.interval.low < 0 < prompt.interval.high
    assert report.change is not None and report.remainder_change is not None
    assert sum(each.change for each in report.contributions) + report.remainder_change == pytest.approx(report.change)
    assert report.change_at is not None and abs(report.change_at - _CHANGE) < timedelta(hours=1)
    assert "around 09:" in report.sentence and "from `gpt-4o-2026-01` to `gpt-4o-2026-03`" in report.sentence
    assert "The promotion of version 8 two days earlier did not contribute [" in report.sentence


async def test_a_promotion_is_named(records: ClickHouse) -> None:
    await _load(records, World(promoted=_CHANGE, by_version=-0.1))
    report = await _report(records, _promotion(_CHANGE))
    assert _named(report) == {"prompt"}
    assert report.contributions[0].event == _promotion(_CHANGE)


async def test_other_inputs_are_no_worse_answers(records: ClickHouse) -> None:
    await _load(records, World(angry_after=0.75))
    report = await _report(records)
    assert _named(report) == {"mix"}
    assert report.contributions[0].change == pytest.approx(0.35 * (0.70 - 0.95), abs=0.02)


async def test_prompt_and_model_at_once_are_not_told_apart(records: ClickHouse) -> None:
    await _load(records, World(promoted=_CHANGE, by_version=-0.1, updated=_CHANGE))
    report = await _report(records, _promotion(_CHANGE))
    assert _named(report) == {"prompt or model"}
    assert report.contributions[0].grade == "X"
    assert report.next_step is not None and report.next_step.command == "slugline probe agent"


async def test_a_step_that_nobody_announced_is_the_models_if_other_prompts_move_with_it(records: ClickHouse) -> None:
    await _load(
        records,
        World(updated=_CHANGE, by_model=-0.12, hidden=True),
        World(prompt="other", updated=_CHANGE, by_model=-0.1, hidden=True),
    )
    report = await _report(records)
    assert _named(report) == {"silent model"}
    assert report.change_at is not None and abs(report.change_at - _CHANGE) <= timedelta(hours=6)


async def test_a_step_of_one_prompt_alone_is_local(records: ClickHouse) -> None:
    await _load(records, World(updated=_CHANGE, by_model=-0.12, hidden=True), World(prompt="other"))
    report = await _report(records)
    assert _named(report) == {"local"}
    assert any("did not move with it" in refusal.why for refusal in report.refusals)


async def test_nothing_is_named_where_nothing_changed(records: ClickHouse) -> None:
    await _load(records, World(promoted=_CHANGE))
    report = await _report(records, _promotion(_CHANGE))
    assert report.enough and not _named(report)


async def test_a_metric_of_calls_needs_no_scores(records: ClickHouse) -> None:
    await _load(records, World(updated=_CHANGE))
    report = await _report(records, metric="output_tokens")
    assert _named(report) == {"model"}
    assert report.contributions[0].change == pytest.approx(30, abs=2)


async def test_too_few_scores_say_how_many_are_needed(records: ClickHouse) -> None:
    calls, scores = World(per_hour=1).rows(1)
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores[:150])
    report = await _report(records)
    assert not report.enough and "scored calls per side are needed to see 5.0 points, you have" in report.sentence


async def test_an_unknown_metric_names_those_that_are_there(records: ClickHouse) -> None:
    calls, scores = World(per_hour=1).rows(1)
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores)
    with pytest.raises(UnknownMetric, match="did you mean 'accepted'"):
        await _report(records, metric="acepted")
