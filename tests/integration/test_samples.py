"""Calls of a sample on the real engine: whatever counts them weighs them by what they stand for, from rollups and from the calls alike."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from evaluation.intervals import wilson
from evaluation.quality import QualityRow
from evaluation.report import quality_report
from tests.integration.test_schema_rollups import call, insert, score
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, timestamp
from tracing.rollups.repair import check, repair
from tracing.rollups.scores import count_scores

__all__ = ["insert"]  # the fixture
_START = datetime(2026, 3, 1, tzinfo=UTC)
Insert = Callable[..., Awaitable[None]]


def at(hours: float, **more: Any) -> CallEvent:
    return call(ts=timestamp(_START + timedelta(hours=hours)), **more)


async def sampled(insert: Insert) -> list[CallEvent]:
    """Every tenth of 1000 fast calls, every fourth of 80 slow ones, and all 10 errors, over three days; the fast ones are good."""
    fast = [at(n * 0.7, sample_rate=0.1, duration_ms=10.0, cost="0.01", output_tokens=7) for n in range(100)]
    slow = [at(n * 3, sample_rate=0.25, duration_ms=1000.0, cost="0.02", output_tokens=7) for n in range(20)]
    errors = [at(n * 5, outcome="timeout", duration_ms=9.0) for n in range(10)]
    scores = [score(each, 1.0) for each in fast] + [score(each, 0.0) for each in slow]
    await insert(*fast, *slow, *errors, *scores)
    return fast + slow + errors


async def test_counts_rates_and_means_are_those_of_all_calls(records: ClickHouse, insert: Insert) -> None:
    await sampled(insert)

    async def row(**window: Any) -> QualityRow:
        return (await quality_report(records, prompt="agent", **window)).totals[0]

    for counted in (False, True):
        if counted:
            await count_scores(records)
        whole = await row()
        assert (whole.calls, whole.recorded_calls, whole.errors) == (1090, 130, 10)
        assert whole.error_rate == pytest.approx(10 / 1090)
        assert whole.cost == pytest.approx(1000 * 0.01 + 80 * 0.02)
        assert whole.cost_mean == pytest.approx((1000 * 0.01 + 80 * 0.02) / 1080)
        assert (whole.output_tokens, whole.unpriced_calls) == (7 * 1080, 10)
        assert (whole.scored_calls, whole.coverage) == (1080, pytest.approx(1080 / 1090))
        (good,) = whole.scores
        # (100 x 10 + 20 x 4)² / (100 x 10² + 20 x 4²): what equal weights would have to be to know as much.
        effective = 1080**2 / 10_320
        assert (good.n, good.mean, good.effective_n) == (120, pytest.approx(1000 / 1080), pytest.approx(effective))
        expected = wilson(1000 / 1080 * effective, effective)
        assert expected is not None and good.interval is not None
        assert (good.interval.low, good.interval.high) == pytest.approx((expected.low, expected.high))
        # 93 % of the calls are fast, 83 % of the rows.
        assert whole.latency_p50_ms == pytest.approx(10, rel=0.01) and whole.latency_p95_ms == pytest.approx(
            1000, rel=0.01
        )
    # A window that begins and ends within a day: the edges come from the calls, the middle from the rollup.
    since, until = _START + timedelta(hours=3.1), _START + timedelta(hours=57.3)
    part = await row(since=since, until=until)
    assert part.calls == 10 * sum(3.1 <= n * 0.7 < 57.3 for n in range(100)) + 4 * 18 + 9
    assert (part.first_seen, part.last_seen) == (_START + timedelta(hours=3.5), _START + timedelta(hours=57))


async def test_the_views_weigh_what_a_sample_kept(records: ClickHouse, insert: Insert) -> None:
    await sampled(insert)
    await count_scores(records)
    [quality] = (await records.query("SELECT * FROM quality_by_version WHERE prompt = 'agent'")).dicts()
    assert (quality["calls"], quality["recorded_calls"], quality["errors"], quality["scored_calls"]) == (
        1090,
        130,
        10,
        1080,
    )
    assert (quality["mean"], quality["effective_n"]) == (pytest.approx(1000 / 1080), pytest.approx(1080**2 / 10_320))
    assert float(quality["cost"]) == pytest.approx(11.6)
    assert quality["latency_p95_ms"] == pytest.approx(1000, rel=0.01)
    share = 1000 / 1080
    assert quality["deviation"] == pytest.approx((share * (1 - share) * 120 / 119) ** 0.5)
    hours = "SELECT sum(calls), sum(errors), sum(cost), sum(output_tokens), sum(recorded_calls) FROM calls_by_hour"
    [found] = (await records.query(hours)).rows
    assert (found[0], found[1], float(found[2]), found[3], found[4]) == (1090, 10, pytest.approx(11.6), 7560, 130)
    assert (await records.query("SELECT sum(calls) FROM what_was_live")).rows[0][0] == 1090
    digest = (
        "SELECT sum(calls), quantilesTDigestMerge(0.5, 0.95, 0.99)(duration)[2] FROM latency_hourly WHERE day(hour) = 1"
    )
    [(rows, p95)] = (await records.query(digest)).rows
    # On the first day 350 of the 382 calls that succeeded are fast, and 35 of the 43 rows.
    assert rows == 43 and p95 == pytest.approx(1000, rel=0.01)
    [(p50,)] = (await records.query(digest.replace("[2]", "[1]").replace("sum(calls), ", ""))).rows
    assert p50 == pytest.approx(10, rel=0.01)


async def test_a_rollup_that_lost_the_weights_is_derived_anew(records: ClickHouse, insert: Insert) -> None:
    await sampled(insert)
    before = (await records.query("SELECT * FROM quality_by_version")).rows
    await records.command("ALTER TABLE calls_hourly DROP PARTITION 202603")
    await records.command("ALTER TABLE versions_daily DROP PARTITION 202603")
    # As it was before rollups knew of samples: the right number of calls, each of which stands for itself.
    for table, time, by in (
        ("calls_hourly", "hour", "toStartOfHour(ts, 'UTC')"),
        ("versions_daily", "day", "toDate(ts, 'UTC')"),
    ):
        await records.command(
            f"INSERT INTO {table} (prompt, {time}, calls) SELECT prompt, {by} AS t, count() FROM calls GROUP BY prompt, t"
        )
    assert {difference.table for difference in await repair(records)} == {"calls_hourly", "versions_daily"}
    assert await check(records) == []
    assert (await records.query("SELECT * FROM quality_by_version")).rows == before


async def test_days_say_what_the_calls_say(records: ClickHouse, insert: Insert) -> None:
    """Without a sample, the report from the rollup differs from the one from the calls in nothing but the last digits of latencies."""
    chance = random.Random(11)
    calls = [
        at(
            chance.uniform(0, 24 * 6), version=chance.randint(1, 2), model_served=chance.choice(("m-1", "m-2")),
            channel=chance.choice(("stable", "canary", "")), outcome=chance.choice(("ok",) * 5 + ("refused", "client_left")),
            duration_ms=chance.expovariate(1 / 200), first_chunk_ms=chance.choice((None, chance.uniform(1, 50))),
            input_tokens=chance.choice((None, 5)), cost=chance.choice((None, "0.001")), purpose=chance.choice(("production", "probe")),
        )
        for _ in range(600)
    ]  # fmt: skip
    await insert(*calls)
    windows: list[dict[str, Any]] = [
        {},
        {"purpose": None},
        {"since": _START + timedelta(hours=30), "until": _START + timedelta(hours=100)},
        {"since": _START + timedelta(hours=48), "until": _START + timedelta(hours=96)},
        {"since": _START + timedelta(hours=26), "until": _START + timedelta(hours=29)},
        {"since": _START + timedelta(hours=20), "until": _START + timedelta(hours=28)},
        {"until": _START + timedelta(hours=60)},
        {"since": _START + timedelta(hours=60)},
    ]
    for window in windows:
        exact = await quality_report(records, prompt="agent", **window)
        by_day = await quality_report(records, prompt="agent", exact_calls=0, **window)
        assert (exact.exact, by_day.exact) == (True, False)
        assert len(exact.totals) == 2
        for one, other in zip(exact.rows + exact.totals, by_day.rows + by_day.totals, strict=True):
            for name in one.__dataclass_fields__:
                mine, its = getattr(one, name), getattr(other, name)
                if name.startswith(("latency", "first_chunk")):
                    # Of a few dozen calls the 95th percentile is between two of them: where, is anybody's choice.
                    assert (its is None) == (mine is None), (window, name)
                    assert one.calls < 100 or its == pytest.approx(mine, rel=0.2), (window, name)
                elif isinstance(mine, float):
                    assert its == pytest.approx(mine), (window, name)
                else:
                    assert its == mine, (window, name)
    fine = [
        each.duration_ms
        for each in calls
        if each.outcome == "ok" and each.version == 1 and each.purpose == "production"
    ]
    total = (await quality_report(records, prompt="agent", exact_calls=0)).totals[0]
    assert total.latency_p50_ms == pytest.approx(np.percentile(fine, 50), rel=0.05)
