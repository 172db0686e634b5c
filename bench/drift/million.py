"""Row 9: how long a report takes over a million calls, one prompt and all of them.

One prompt has a third of the calls, twenty share the rest; they use three models. The time is that of the product's own function, on a
connection that is open, with the engine beside it on the same cores. What was loaded within the last minute is counted by each report
itself; asked at once, all of the million is such. So the large prompt is asked about twice: then, and a minute later.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bench.drift.asking import ask, ask_all
from bench.drift.loading import count, load
from bench.drift.plans import DAY, Plan
from bench.drift.single import SINGLE, single
from bench.drift.tables import Result
from bench.drift.traffic import Calls, calls_of
from tests.plugins.engine import Databases
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import OVERLAP, count_scores

_DAYS, _SHIFT = 31, 16 * DAY
_RATE, _LARGE_RATE = 45.0, 455.0
_TIMES = 5


def measure(databases: Databases) -> Result:
    """Loads a million calls and asks five times each."""
    plans = [_long(SINGLE[seed % len(SINGLE)], seed, _RATE) for seed in range(20)]
    large = _long("prompt", 100, _LARGE_RATE)
    with databases.one() as database:
        loaded = [
            _on_shared_model(calls, seed % 3) for seed, plan in enumerate([*plans, large]) for calls in calls_of(plan)
        ]
        with contextlib.closing(database.client()) as client:
            load(client, loaded)
        taken = asyncio.run(_ask(ClickHouse(database.target), plans, large))
    calls = sum(map(len, loaded))
    lines = ["| question | seconds, median of 5 | each | aim |", "| --- | --- | --- | --- |"]
    medians = {what: statistics.median(seconds) for what, seconds in taken.items()}
    for what, seconds in taken.items():
        aim = f"{_AIMS[what]:.0f} s" if what in _AIMS else "none"
        lines.append(f"| {what} | {medians[what]:.2f} | {', '.join(f'{each:.2f}' for each in seconds)} | {aim} |")
    return Result(
        row="9",
        met=all(medians[what] <= aim for what, aim in _AIMS.items()),
        line=f"{calls:,} calls: " + "; ".join(f"{what} {median:.2f} s" for what, median in medians.items()),
        table="\n".join(lines),
        data={"calls": calls, "seconds": taken},
    )


_AIMS = {"a prompt with 33,000 calls": 2.0, "a prompt with 340,000 calls": 2.0, "every metric of all 21 prompts": 10.0}


async def _ask(connection: ClickHouse, plans: list[Plan], large: Plan) -> dict[str, list[float]]:
    async with connection as clickhouse:
        await count(clickhouse)
        await ask(clickhouse, plans[0])  # imports scipy, which a server has done once
        loading = await _timed(lambda: ask(clickhouse, large))
        await asyncio.sleep((OVERLAP + timedelta(seconds=1)).total_seconds())
        await count_scores(clickhouse)  # as the keeper does all the time: from then on nothing of this counts as new
        return {
            "a prompt with 33,000 calls": await _timed(lambda: ask(clickhouse, plans[0])),
            "a prompt with 340,000 calls": await _timed(lambda: ask(clickhouse, large)),
            "every metric of all 21 prompts": await _timed(lambda: ask_all(clickhouse, [*plans, large])),
            "a prompt with 340,000 calls, while all of them count as just loaded": loading,
        }


async def _timed(question: Callable[[], Awaitable[Any]]) -> list[float]:
    seconds = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await question()
        seconds.append(time.perf_counter() - began)
    return seconds


def _long(family: str, seed: int, rate: float) -> Plan:
    """A month of a family, with what happens in it a week before its end."""
    plan = single(family, seed, rate=rate, name=f"month-{family}")
    changes = tuple(replace(change, at=change.at + _SHIFT) for change in plan.changes)
    return replace(plan, length=float(_DAYS * DAY), since=plan.since + _SHIFT, changes=changes, controls=0, weekday=0)


def _on_shared_model(calls: Calls, model: int) -> Calls:
    return replace(calls, names={**calls.names, "model": (f"m-{model}-0513", f"m-{model}-1002")})
