"""Drift reports on real rows on the real engine: changes of the prompt, the model, the inputs and of nothing, each told from the others."""

import asyncio
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from evaluation.drift.overview import drift_overview
from evaluation.drift.reading import UnknownMetric, metric_named
from evaluation.drift.report import drift_report
from evaluation.drift.sides import Span
from evaluation.drift.users import design_effect
from evaluation.drift.values import DriftReport, Event
from tests.plugins.engine import Database, Databases
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.rollups.scores import count_scores

_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 16
_CHANGE = _BEGIN + timedelta(days=12, hours=9)
_EARLY = _CHANGE - timedelta(days=2)
_END = _BEGIN + timedelta(days=_DAYS)
_ids = itertools.count(1)
_STRATA = {"billing": 0.92, "angry": 0.70}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How a prompt's calls are answered: what changes when, and by how much the share of accepted answers moves then."""

    prompt: str
    model: str
    promoted: datetime | None = None
    by_version: float = 0.0
    updated: datetime | None = None
    by_model: float = 0.0
    hidden: bool = False
    angry_after: float = 0.4
    users: int = 0
    failing: float = 0.0
    per_hour: int = 10

    def rows(self, seed: int) -> tuple[list[CallEvent], list[ScoreEvent]]:
        chance = random.Random(seed)
        failing = {user for user in range(self.users) if chance.random() < self.failing}
        calls, scores = [], []
        for hour in range(_DAYS * 24):
            for _ in range(self.per_hour):
                at = _BEGIN + timedelta(hours=hour, seconds=chance.uniform(0, 3599))
                kind = "angry" if chance.random() < (self.angry_after if at >= _CHANGE else 0.4) else "billing"
                promoted = self.promoted is not None and at >= self.promoted
                updated = self.updated is not None and at >= self.updated
                user = chance.randrange(self.users) if self.users else -1
                good = _STRATA[kind] + self.by_version * promoted + self.by_model * updated
                if updated and user in failing:
                    good = 0.0
                number = next(_ids)
                call = CallEvent(
                    call_id=str(uuid.UUID(int=number)), ts=timestamp(at), outcome="ok", status=200, prompt=self.prompt,
                    version=8 if promoted else 7, channel="stable", stratum=kind, params_hash="p", duration_ms=10.0,
                    model_served=f"{self.model}-2" if updated and not self.hidden else self.model, finish_reason="length" if number % 16 == 0 else "stop",
                    output_tokens=max(1, int(chance.gauss(200, 40)) + 30 * updated), user=f"u{user}" if user >= 0 else "",
                )  # fmt: skip
                calls.append(call)
                scores.append(ScoreEvent(
                    score_id=f"score-{number}", target_kind="call", target=call.call_id, ts=call.ts, received_at=call.ts,
                    name="accepted", value=float(chance.random() < good), kind="bool", scorer="judge", scorer_version="1",
                ))  # fmt: skip
        return calls, scores


_WORLDS = (
    World(prompt="updated", model="a", promoted=_EARLY, updated=_CHANGE, by_model=-0.16),
    World(prompt="promoted", model="b", promoted=_CHANGE, by_version=-0.16),
    World(prompt="mixed", model="c", angry_after=0.8),
    World(prompt="both", model="d", promoted=_CHANGE, by_version=-0.16, updated=_CHANGE),
    World(prompt="silent", model="e", updated=_CHANGE, by_model=-0.16, hidden=True),
    World(prompt="neighbour", model="e", updated=_CHANGE, by_model=-0.16, hidden=True),
    World(prompt="local", model="f", updated=_CHANGE, by_model=-0.16, hidden=True),
    World(prompt="unmoved", model="f"),
    World(prompt="sticky", model="g", updated=_CHANGE, users=60, failing=0.15),
)


@pytest.fixture(scope="module")
def loaded(databases: Databases) -> Iterator[Database]:
    """A database with all worlds in it, for tests that only read."""
    with databases.one() as database:
        asyncio.run(_load(database))
        yield database


async def _load(database: Database) -> None:
    async with ClickHouse(database.target) as records:
        for seed, world in enumerate(_WORLDS, start=1):
            calls, scores = world.rows(seed)
            await _insert(records, "calls", calls)
            await _insert(records, "score_events", scores)
        await count_scores(records, everything=True)


async def _insert(records: ClickHouse, table: str, rows: Sequence[CallEvent | ScoreEvent]) -> None:
    await records.insert_lines(table, b"".join(map(encode, rows)), {"date_time_input_format": "best_effort"})


@pytest.fixture
async def worlds(loaded: Database) -> AsyncIterator[ClickHouse]:
    """Slugline's own connection to them."""
    async with ClickHouse(loaded.target) as connection:
        yield connection


def _promotion(at: datetime) -> Event:
    return Event(kind="promotion", at=at, before="7", after="8", announced=True, by="ann", channel="stable")


async def _report(records: ClickHouse, prompt: str, *moves: Event, metric: str = "accepted") -> DriftReport:
    since = _CHANGE - timedelta(hours=12)
    return await drift_report(records, prompt=prompt, metric=metric, since=since, promotions=moves, now=_END)


def _named(report: DriftReport) -> set[str]:
    return {each.cause for each in report.contributions if each.named}


async def test_the_model_is_named_and_the_promotion_two_days_earlier_is_not(worlds: ClickHouse) -> None:
    report = await _report(worlds, "updated", _promotion(_EARLY))
    assert _named(report) == {"model"}
    model, prompt = (
        next(each for each in report.contributions if each.cause == cause) for cause in ("model", "prompt")
    )
    assert model.interval.low < -0.16 < model.interval.high
    assert prompt.interval.low < 0 < prompt.interval.high
    assert report.change is not None and report.remainder_change is not None
    assert sum(each.change for each in report.contributions) + report.remainder_change == pytest.approx(report.change)
    assert report.change_at is not None and abs(report.change_at - _CHANGE) < timedelta(hours=1)
    assert "the served model changed from `a` to `a-2`" in report.sentence
    assert "The promotion of version 8 two days earlier did not contribute [" in report.sentence


async def test_a_promotion_is_named(worlds: ClickHouse) -> None:
    report = await _report(worlds, "promoted", _promotion(_CHANGE))
    assert _named(report) == {"prompt"}
    assert report.contributions[0].event == _promotion(_CHANGE)
    assert report.next_step is not None and "slugline prompt rollout promoted 7=10" in report.next_step.command


async def test_other_inputs_are_no_worse_answers(worlds: ClickHouse) -> None:
    report = await _report(worlds, "mixed")
    assert _named(report) == {"mix"}
    assert report.contributions[0].change == pytest.approx(0.4 * (0.70 - 0.92), abs=0.03)


async def test_prompt_and_model_at_once_are_not_told_apart(worlds: ClickHouse) -> None:
    report = await _report(worlds, "both", _promotion(_CHANGE))
    assert _named(report) == {"prompt or model"}
    assert report.contributions[0].grade == "X"
    assert report.next_step is not None and report.next_step.command == "slugline probe both"


async def test_a_step_that_nobody_announced_is_the_models_if_other_prompts_move_with_it(worlds: ClickHouse) -> None:
    report = await _report(worlds, "silent")
    assert _named(report) == {"silent model"}
    assert report.change_at is not None and abs(report.change_at - _CHANGE) <= timedelta(hours=6)


async def test_a_step_of_one_prompt_alone_is_local(worlds: ClickHouse) -> None:
    report = await _report(worlds, "local")
    assert _named(report) == {"local"}
    assert any("did not move with it" in refusal.why for refusal in report.refusals)


async def test_nothing_is_named_where_nothing_changed(worlds: ClickHouse) -> None:
    report = await _report(worlds, "unmoved")
    assert report.enough and not _named(report)
    assert "no change that can be told from chance" in report.sentence


async def test_a_metric_of_calls_needs_no_scores(worlds: ClickHouse) -> None:
    report = await _report(worlds, "updated", metric="output_tokens")
    assert _named(report) == {"model"}
    assert report.contributions[0].change == pytest.approx(30, abs=4)


@pytest.mark.parametrize(
    "metric", ["error_rate", "truncation_rate", "refusal_rate", "latency", "cost", "finish_reason=length"]
)
async def test_every_metric_of_calls_has_a_report(worlds: ClickHouse, metric: str) -> None:
    report = await _report(worlds, "sticky", metric=metric)
    assert report.metric.name == metric and not _named(report) and report.sentence
    share_of_all = {"finish_reason=length": 1 / 16, "truncation_rate": 1 / 16, "error_rate": 0.0}
    if metric in share_of_all:
        assert report.before.mean == pytest.approx(share_of_all[metric], abs=0.02)


async def test_a_failure_that_sticks_to_few_users_is_less_sure_than_its_calls(worlds: ClickHouse) -> None:
    sticky, spread_out = [await _report(worlds, prompt) for prompt in ("sticky", "promoted")]
    assert sticky.interval is not None and spread_out.interval is not None
    widths = [interval.high - interval.low for interval in (sticky.interval, spread_out.interval)]
    assert widths[0] > 1.3 * widths[1]
    assert any("x-slugline-user" in refusal.why for refusal in spread_out.refusals)
    assert not any("x-slugline-user" in refusal.why for refusal in sticky.refusals)


@pytest.mark.parametrize("kind", ["call", "trace", "external"])
async def test_a_users_calls_are_found_by_whatever_their_scores_name(records: ClickHouse, kind: str) -> None:
    """Users who always fail or never do: their twenty calls tell no more than one, whichever of its names a score has for a call.

    What a trace's or an external id names is the last call that has it: the earlier ones are nobody's here.
    """
    calls, scores = [], []
    for number in range(1200):
        at, user = _BEGIN + timedelta(minutes=number), number % 30 + 30 * (number // 600)
        made = CallEvent(
            call_id=str(uuid.UUID(int=next(_ids))), ts=timestamp(at), outcome="ok", status=200, prompt="known", user=f"u{user}",
            trace_id=f"{number:032x}", external_id=f"order-{number}", duration_ms=10.0,
        )  # fmt: skip
        earlier = msgspec.structs.replace(
            made,
            call_id=str(uuid.UUID(int=next(_ids))),
            ts=timestamp(at - timedelta(minutes=5)),
            user=f"nobody{number}",
        )
        target = {"call": made.call_id, "trace": made.trace_id, "external": made.external_id}[kind]
        calls += [earlier, made]
        scores.append(ScoreEvent(
            score_id=f"known-{number}", target_kind=kind, target=target, ts=made.ts, received_at=made.ts, name="accepted",
            value=float(user % 3 > 0), kind="bool",
        ))  # fmt: skip
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores)
    measured = await metric_named(records, prompt="known", name="accepted")
    begin = int(_BEGIN.timestamp()) // 3600
    before, after = Span(begin=begin, end=begin + 10), Span(begin=begin + 10, end=begin + 20)
    found = await design_effect(records, measured, prompt="known", before=before, after=after)
    assert found == pytest.approx(20, rel=0.05)


async def test_an_overview_finds_what_moved_and_explains_it(worlds: ClickHouse) -> None:
    moves = {"promoted": [_promotion(_CHANGE)], "both": [_promotion(_CHANGE)]}
    overview = await drift_overview(worlds, since=_CHANGE, promotions=moves, now=_END, most_reports=2)
    accepted = {row.prompt: row for row in overview.rows if row.metric.name == "accepted"}
    assert {prompt for prompt, row in accepted.items() if row.changed} >= {
        "updated",
        "promoted",
        "both",
        "silent",
        "local",
    }
    assert not accepted["unmoved"].changed
    first = overview.rows[0]
    assert first.changed and first.report is not None and _named(first.report)


async def test_too_few_scores_say_how_many_are_needed(records: ClickHouse) -> None:
    calls, scores = World(prompt="agent", model="m", per_hour=1).rows(1)
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores[:150])
    report = await _report(records, "agent")
    assert not report.enough and "scored calls per side are needed to see 5.0 points, you have" in report.sentence


async def test_scores_that_are_not_counted_yet_are_read_from_the_scores_themselves(records: ClickHouse) -> None:
    calls, scores = World(prompt="agent", model="m", per_hour=1).rows(1)
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores[:200])
    await count_scores(records, everything=True)
    await _insert(records, "score_events", scores[200:])
    report = await _report(records, "agent")
    assert report.before.n + report.after.n == len(scores)
    values = [score.value or 0.0 for score in scores[-int(report.after.n) :]]
    assert report.after.mean == pytest.approx(sum(values) / len(values))


async def test_an_unknown_metric_names_those_that_are_there(records: ClickHouse) -> None:
    calls, scores = World(prompt="agent", model="m", per_hour=1).rows(1)
    await _insert(records, "calls", calls)
    await _insert(records, "score_events", scores)
    with pytest.raises(UnknownMetric, match="did you mean 'accepted'"):
        await _report(records, "agent", metric="acepted")
