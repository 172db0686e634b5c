"""The quality report says the same from the rollup, from the scores themselves, and from both."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluation.quality import Quality
from evaluation.report import quality_report
from tests.integration.test_schema_rollups import call, insert, score
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, timestamp
from tracing.rollups.scores import count_scores

__all__ = ["insert"]  # the fixture
_START = datetime(2026, 3, 1, tzinfo=UTC)


def scored(chance: random.Random, count: int) -> list[CallEvent | ScoreEvent]:
    events: list[CallEvent | ScoreEvent] = []
    for _ in range(count):
        given = call(
            ts=timestamp(_START + timedelta(minutes=chance.randrange(3000))), version=chance.randint(1, 2),
            model_served=chance.choice(("m-1", "m-2")), purpose=chance.choice(("production", "production", "evaluation")),
        )  # fmt: skip
        events.append(given)
        for name, kind in (("good", "bool"), ("good", "number"), ("stars", "number"), ("topic", "category")):
            if chance.random() < 0.4:
                value = None if kind == "category" else float(chance.randint(0, 1))
                label = chance.choice(("billing", "delivery")) if kind == "category" else ""
                events.append(score(given, value, name=name, kind=kind, label=label, parsed=chance.random() < 0.9))
    return events


def plain(report: Quality) -> Any:
    """Without the last digits of floating-point sums, which depend on their order."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rounded(item) for item in value]
        return round(value, 9) if isinstance(value, float) else value

    return rounded(report.to_json())


@pytest.mark.parametrize("seed", [1, 2])
async def test_counted_half_counted_and_uncounted_scores_say_the_same(
    records: ClickHouse, insert: Callable[..., Awaitable[None]], seed: int
) -> None:
    chance = random.Random(seed)
    windows: list[dict[str, Any]] = [
        {},
        {"since": _START + timedelta(hours=2), "until": _START + timedelta(hours=5)},
        {"since": _START + timedelta(minutes=90), "until": _START + timedelta(minutes=455)},
        {"since": _START + timedelta(minutes=125), "until": _START + timedelta(minutes=130)},
        {"purpose": None},
        {"since": _START + timedelta(hours=20), "until": _START + timedelta(minutes=2950)},
        {"score": "good"},
        {"score": "absent"},
    ]
    await insert(*scored(chance, 60))
    await count_scores(records)
    await insert(*scored(chance, 60))
    half = [plain(await quality_report(records, prompt="agent", **window)) for window in windows]
    await count_scores(records)
    # Far in the future, so that every hour counts as counted.
    await records.command("INSERT INTO rollup_marks (name, through) VALUES ('scores_hourly', '2090-01-01 00:00:00')")
    counted = [plain(await quality_report(records, prompt="agent", **window)) for window in windows]
    await records.command("TRUNCATE TABLE rollup_marks")
    await records.command("TRUNCATE TABLE scores_hourly")
    uncounted = [plain(await quality_report(records, prompt="agent", **window)) for window in windows]
    assert half == uncounted
    assert counted == uncounted
    assert len(uncounted[0]["totals"]) == 2 and uncounted[0]["totals"][0]["scored_calls"] > 10


async def test_a_score_that_was_deleted_leaves_no_name_behind(
    records: ClickHouse, insert: Callable[..., Awaitable[None]]
) -> None:
    given = call()
    await insert(given, score(given, 1.0, score_id="one", name="gone"))
    await count_scores(records)
    assert [entry.name for entry in (await quality_report(records, prompt="agent")).totals[0].scores] == ["gone"]
    await insert(score(given, None, score_id="one", name="gone"), deleted=True)
    assert (await quality_report(records, prompt="agent")).totals[0].scores == ()
    await count_scores(records)
    await records.command("INSERT INTO rollup_marks (name, through) VALUES ('scores_hourly', '2090-01-01 00:00:00')")
    assert (await quality_report(records, prompt="agent")).totals[0].scores == ()
    assert [tuple(row) for row in (await records.query("SELECT score, scored_calls FROM quality_by_version")).rows] == [
        ("", 0)
    ]
