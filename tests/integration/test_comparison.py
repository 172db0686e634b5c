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
        print(good)
        assert good.raw.change == pytest.approx(-0.25, abs=0.03)
        assert good.standardised is not None and good.standardised.interval is not None
        assert abs(good.standardised.change) < 0.03
        assert (good.basis.design, good.basis.same_model) == ("before/after", True)
        assert good.verdict in {"no_difference", "not_enough_data"}
    print(report.to_json()["versions"][0]["metrics"][1])
