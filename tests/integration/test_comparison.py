"""Versions compared on real rows on the real engine: like with like, as SQL makes the cells."""

import itertools
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluation.comparison.report import comparison_report
from evaluation.comparison.values import MetricComparison
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.rollups.scores import count_scores

_MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
_ids = itertools.count(1)

Fill = Callable[..., Any]


def _call(at: datetime, **more: Any) -> CallEvent:
    fields: dict[str, Any] = {
        "call_id": str(uuid.UUID(int=next(_ids))), "ts": timestamp(at), "outcome": "ok", "status": 200, "prompt": "agent", "version": 1,
        "channel": "stable", "model_served": "m-1", "duration_ms": 100.0, "output_tokens": 50, "finish_reason": "stop",
    }  # fmt: skip
    return CallEvent(**fields | more)


def _score(call: CallEvent, value: float, **more: Any) -> ScoreEvent:
    fields: dict[str, Any] = {
        "score_id": f"score-{next(_ids)}", "target_kind": "call", "target": call.call_id, "ts": call.ts, "received_at": call.ts,
        "name": "good", "value": value, "kind": "bool",
    }  # fmt: skip
    return ScoreEvent(**fields | more)


@pytest.fixture
def fill(records: ClickHouse) -> Fill:
    """Insert events as the loader does: lines of JSON."""

    async def into_tables(*events: CallEvent | ScoreEvent) -> None:
        for kind, table in ((CallEvent, "calls"), (ScoreEvent, "score_events")):
            lines = b"".join(encode(event) for event in events if isinstance(event, kind))
            if lines:
                await records.insert_lines(table, lines, {"date_time_input_format": "best_effort"})

    return into_tables


def _traffic(
    chance: random.Random,
    version: int,
    days: range,
    rate: Callable[[str], float],
    *,
    a_day: int = 60,
    calm: float = 0.8,
    **more: Any,
) -> list[CallEvent | ScoreEvent]:
    """Calls over whole days, each scored; `calm` is the share of calm inputs, the others are angry."""
    made: list[CallEvent | ScoreEvent] = []
    for day in days:
        for _ in range(a_day):
            stratum = "calm" if chance.random() < calm else "angry"
            call = _call(
                _MONDAY + timedelta(days=day, seconds=chance.randrange(86_400)),
                version=version,
                stratum=stratum,
                **more,
            )
            made += [call, _score(call, float(chance.random() < rate(stratum)))]
    return made


def _of(metrics: tuple[MetricComparison, ...], name: str) -> MetricComparison:
    (found,) = [each for each in metrics if each.metric.name == name]
    return found


async def test_another_mix_is_no_difference_of_the_version(records: ClickHouse, fill: Fill) -> None:
    chance = random.Random(1)
    rate = {"calm": 0.9, "angry": 0.4}.__getitem__
    await fill(
        *_traffic(chance, 1, range(14), rate, a_day=300),
        *_traffic(chance, 2, range(14, 28), rate, a_day=300, calm=0.3),
    )
    for counted in (False, True):
        if counted:
            await count_scores(records)
        report = await comparison_report(records, prompt="agent", baseline=1, channel="stable")
        (version,) = report.versions
        good = _of(version.metrics, "good")
        assert good.raw.change == pytest.approx(-0.25, abs=0.03)
        assert good.standardised is not None and good.standardised.interval is not None
        assert abs(good.standardised.change) < 0.03
        assert (good.basis.design, good.basis.same_model) == ("before/after", True)
        assert good.verdict in {"no_difference", "not_enough_data"}


async def test_failures_have_no_served_model_and_count_all_the_same(records: ClickHouse, fill: Fill) -> None:
    chance = random.Random(2)
    calls = [
        _call(
            _MONDAY + timedelta(days=day, seconds=chance.randrange(86_400)),
            version=version,
            **({"outcome": "provider_error", "status": 500, "model_served": ""} if chance.random() < share else {}),
        )
        for version, share, days in ((1, 0.05, range(10)), (2, 0.15, range(10, 20)))
        for day in days
        for _ in range(100)
    ]
    await fill(*calls)
    report = await comparison_report(records, prompt="agent", baseline=1, metric="error_rate")
    (errors,) = report.versions[0].metrics
    failed = [sum(call.outcome != "ok" for call in calls if call.version == version) for version in (1, 2)]
    assert [errors.baseline.mean, errors.candidate.mean] == [pytest.approx(each / 1_000) for each in failed]
    assert errors.standardised is not None
    assert errors.standardised.change == pytest.approx((failed[1] - failed[0]) / 1_000)
    assert (errors.verdict, errors.basis.same_model) == ("worse", True)


async def test_a_promotions_hour_is_not_concurrent_and_a_rollouts_hours_are(records: ClickHouse, fill: Fill) -> None:
    """Version 1 until noon, version 2 from noon on; and in the next hours both by shares."""
    chance = random.Random(3)

    def calls(version: int, begin: float, end: float, count: int, **more: Any) -> list[CallEvent | ScoreEvent]:
        made: list[CallEvent | ScoreEvent] = []
        for _ in range(count):
            call = _call(_MONDAY + timedelta(hours=chance.uniform(begin, end)), version=version, **more)
            made += [call, _score(call, float(chance.random() < 0.8))]
        return made

    await fill(*calls(1, 12, 12.5, 600), *calls(2, 12.5, 13, 600))
    report = await comparison_report(records, prompt="agent", baseline=1, metric="good")
    assert report.versions[0].metrics[0].basis.design == "before/after"
    await fill(*calls(1, 14, 18, 800), *calls(2, 14, 18, 800))
    report = await comparison_report(records, prompt="agent", baseline=1, metric="good")
    good = report.versions[0].metrics[0]
    assert (good.basis.design, good.basis.same_channel) == ("concurrent", True)
    assert (good.baseline.n, good.candidate.n) == (800, 800)
    await fill(*calls(3, 14, 18, 600, channel="latest"))
    report = await comparison_report(records, prompt="agent", baseline=1, metric="good", versions=[3])
    other = report.versions[0].metrics[0]
    assert (other.basis.design, other.basis.same_channel) == ("concurrent", False)


async def test_calls_of_a_sample_are_weighed(records: ClickHouse, fill: Fill) -> None:
    """Of version 2 one in ten good answers is on record, and every bad one."""
    made: list[CallEvent | ScoreEvent] = []
    for number in range(1_000):
        old = _call(_MONDAY + timedelta(minutes=number), version=1)
        made += [old, _score(old, float(number % 5 > 0))]
        good = number % 5 > 0
        if not good or number % 10 == 1:
            new = _call(_MONDAY + timedelta(days=2, minutes=number), version=2, sample_rate=0.125 if good else 1.0)
            made += [new, _score(new, float(good))]
    await fill(*made)
    report = await comparison_report(records, prompt="agent", baseline=1, metric="good")
    (good_,) = report.versions[0].metrics
    assert (good_.baseline.n, good_.candidate.n, good_.candidate.calls) == (1_000, 1_000, 1_000)
    assert good_.candidate.mean == pytest.approx(0.8)
    assert good_.raw.change == pytest.approx(0)


async def test_versions_beyond_the_newest_are_named(records: ClickHouse, fill: Fill) -> None:
    await fill(*(_call(_MONDAY, version=version) for version in range(1, 12)))
    report = await comparison_report(records, prompt="agent", baseline=11)
    assert [each.version for each in report.versions] == list(range(3, 11))
    assert report.not_compared == (1, 2)
