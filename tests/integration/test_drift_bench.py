"""The bench of drift reports: that what it loads is what an import loads, and that reports are right on a few histories of each family."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.drift.asking import ask, question_of
from bench.drift.compound import LOW, compound, not_separable, null
from bench.drift.importing import imported
from bench.drift.judging import Judged, judge
from bench.drift.loading import METRIC, count, left_out, load
from bench.drift.plans import Plan, contribution
from bench.drift.running import open_database, run
from bench.drift.scenarios import ROWS
from bench.drift.single import single
from bench.drift.tables import row_result
from bench.drift.traffic import Calls, calls_of
from evaluation.drift.values import Contribution, DriftReport, Metric, Side
from evaluation.intervals import Interval
from tests.plugins.command_line import CommandLine
from tests.plugins.engine import Database, Databases
from tracing.clickhouse import ClickHouse
from tracing.engine.endpoint import Endpoint
from tracing.rollups.repair import Difference, check

pytestmark = pytest.mark.timeout(600)
_OWN = {"loaded_at", "counted_at"}
"""Columns that say when a row came."""
_TABLES = {
    "calls": "",
    "score_events": "FINAL",
    "call_keys": "",
    "score_targets": "",
    "score_history": "FINAL",
    "fresh_keys": "",
    "scores_hourly": "FINAL",
    "scores_daily": "FINAL",
}


def _import(calls: Sequence[Calls], database: Database, folder: Path) -> None:
    """Loads calls by the commands that people run."""
    told = {name: getattr(database, name) for name in ("url", "user", "password", "database")}
    Endpoint(**told, pid=os.getpid(), version="").write(folder / "engine.json")
    line = CommandLine(options=("--data", str(folder)))
    lines = [imported(each) for each in calls]
    for kind, place in (("calls", 0), ("scores", 1)):
        file = folder / f"{kind}.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for each in lines for one in each[place]))
        done = line(kind, "import", str(file))
        assert done.status == 0, done.told


def _rows(database: Database, table: str, final: str) -> list[Any]:
    client = database.client()
    try:
        columns = [row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows if row[0] not in _OWN]
        return list(client.query(f"SELECT {', '.join(columns)} FROM {table} {final} ORDER BY ALL").result_rows)
    finally:
        client.close()


async def _counted(database: Database) -> list[Difference]:
    async with ClickHouse(database.target) as clickhouse:
        await count(clickhouse)
        return await check(clickhouse)


def test_what_is_loaded_fast_is_what_an_import_loads(databases: Databases, tmp_path: Path) -> None:
    plan = replace(single("holdback", 5), rate=1.0, control_rate=0.5, controls=1, late=5.0)
    calls = calls_of(plan)
    assert {0, 1} == {int(each) for each in calls[0].version - 1}
    with databases.one() as imported_into, databases.one() as loaded_into:
        _import(calls, imported_into, tmp_path)
        client = loaded_into.client()
        assert load(client, calls) == sum(len(each) + int((each.value >= 0).sum()) for each in calls)
        client.close()
        for database in (imported_into, loaded_into):
            assert asyncio.run(_counted(database)) == [], "materialized views have what the calls say"
        for table, final in _TABLES.items():
            there = _rows(imported_into, table, final)
            assert there, table
            assert _rows(loaded_into, table, final) == there, table
        sums = (
            "calls_hourly GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, "
            "purpose, left_out"
        )
        counted = "sum(calls), sum(output_tokens), round(sum(log_ms), 6), uniqCombinedMerge(12)(users), sumMap(finish_reasons)"
        told = []
        for database in (imported_into, loaded_into):
            client = database.client()
            told.append(
                client.query(f"SELECT {sums.partition('GROUP BY ')[2]}, {counted} FROM {sums} ORDER BY ALL").result_rows
            )
            client.close()
        assert told[0] == told[1] != []


def test_reports_are_the_same_without_what_other_pages_read(databases: Databases) -> None:
    """And the same from scores that aren't counted yet as from those that are."""
    plan = replace(single("silent", 54, rate=20.0), control_rate=6.0)
    calls = calls_of(plan)
    told = []
    for whole in (True, False):
        with open_database(databases, whole=whole) as database:
            client = database.client()
            load(client, calls)
            told.append(_report(database, plan))
            fed = set(left_out().values())
            there = {table for table in fed if client.query(f"SELECT 1 FROM {table} LIMIT 1").result_rows}
            client.close()
            assert there == (fed if whole else set())
    assert _near(told[0], told[1])
    assert any(each["named"] for each in told[0]["contributions"])


def _report(database: Database, plan: Plan) -> Any:
    async def asked() -> DriftReport:
        async with ClickHouse(database.target) as clickhouse:
            await count(clickhouse)
            return await ask(clickhouse, plan)

    return asyncio.run(asked()).to_json()


def _near(one: Any, other: Any) -> bool:
    """Equal but for the last digits of sums, which come in any order."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_near(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_near, one, other))
    return one == (pytest.approx(other, rel=1e-6, abs=1e-9) if isinstance(one, float) else other)


FAST = {
    "prompt": partial(single, "prompt", 56, rate=40.0),
    "model": partial(single, "model", 52, rate=40.0),
    "fingerprint": partial(single, "fingerprint", 52, rate=40.0),
    "silent": partial(single, "silent", 54, rate=40.0),
    "local": partial(single, "local", 52, rate=40.0),
    "mix": partial(single, "mix", 74, rate=40.0),
    "params": partial(single, "params", 50, rate=40.0),
    "scorer": partial(single, "scorer", 51, rate=40.0),
    "holdback": partial(single, "holdback", 52, rate=40.0),
    "hidden-disaster": partial(compound, "hidden-disaster", 50, rate=LOW),
    "same-hour": partial(not_separable, 51),
    "null-promotion": partial(null, "null-promotion", 51),
}
"""A history of each kind, with effects of 8 points and more: thousands of them are judged by `python -m bench.drift`."""


@pytest.fixture(scope="module")
def judged(databases: Databases) -> dict[str, Judged]:
    found: list[Judged] = []
    plans = {name: replace(make(), control_rate=6.0) for name, make in FAST.items()}
    with open_database(databases) as database:
        run(database, list(plans.values()), found.append)
    by_prompt = {(each.family, each.seed): each for each in found}
    return {name: by_prompt[plan.family, plan.seed] for name, plan in plans.items()}


@pytest.mark.parametrize("family", FAST)
def test_the_true_causes_are_named_and_no_others(judged: dict[str, Judged], family: str) -> None:
    each = judged[family]
    assert each.right, f"{each.why}; it said: {each.said}"


def test_the_judge_finds_what_is_wrong() -> None:
    """A report on one history, held against the truth of another."""
    plan, other = single("prompt", 56, rate=40.0), single("model", 52, rate=40.0)
    asked = question_of(plan)
    side = Side(
        since=plan.begin,
        until=asked.since,
        calls=9000.0,
        n=8000.0,
        coverage=0.9,
        unparsed=0.0,
        mean=0.8,
        interval=None,
        hours=192,
    )
    causes = (
        Contribution(cause="prompt", change=-0.1, interval=Interval(low=-0.12, high=-0.08), named=True, grade="B"),
        Contribution(cause="mix", change=-0.01, interval=Interval(low=-0.02, high=0.0), named=False, grade="B"),
    )
    metric = Metric(name=METRIC, unit="points")
    after = replace(side, since=asked.since, until=asked.now)
    report = DriftReport(
        prompt=plan.prompt, metric=metric, before=side, after=after, enough=True, change=-0.11, contributions=causes, sentence="It fell."
    )  # fmt: skip
    assert judge(plan, report, 0.1).right
    assert judge(other, report, 0.1).why == "named prompt, true is model"
    assert judge(plan, replace(report, contributions=()), 0.1).why == "named nothing, true is prompt"
    intervals = {cause: (truth, low, high) for cause, truth, _, low, high in judge(plan, report, 0.1).intervals}
    assert intervals["mix"] == (pytest.approx(0.0, abs=1e-9), -0.02, 0.0)
    assert intervals["prompt"][0] == pytest.approx(
        contribution(plan, "prompt", (0.0, plan.since), (plan.since, plan.length)), abs=1e-9
    )
    assert -0.1 < intervals["prompt"][0] < -0.04
    assert row_result(ROWS["1"], [judge(plan, report, 0.1)]).met is True
    assert row_result(ROWS["1"], [judge(other, report, 0.1)]).met is False


def test_a_plans_truth_is_what_its_calls_do() -> None:
    """The mean of many histories' calls against what the plan says: rates, shares of the version, and the mix."""
    for family, cause in (("holdback", "prompt"), ("fingerprint", "model"), ("mix", "mix")):
        off = []
        for seed in range(60, 68):
            plan = replace(single(family, seed, rate=120.0), controls=0, hour_sd=0.0, day_sd=0.0)
            calls = calls_of(plan)[0]
            change = plan.changes[0]
            begin = plan.begin.timestamp() * 1000
            scored, hours = calls.value >= 0, (calls.at - begin) / 3_600_000
            old, new = scored & (hours < change.at), scored & (hours >= change.at + change.over)
            told = contribution(plan, cause, (0.0, change.at), (change.at + change.over, plan.length))
            off.append(calls.value[new].mean() - calls.value[old].mean() - told)
        assert abs(sum(off) / len(off)) < 0.01, family
