"""Histories through ClickHouse and the product: loaded by the batch, counted, asked about one by one, judged."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from bench.drift.asking import ask
from bench.drift.judging import Judged, failed, judge
from bench.drift.loading import count, load
from bench.drift.plans import Plan
from bench.drift.traffic import Calls, calls_of
from tests.plugins.engine import Databases
from tracing.clickhouse import ClickHouse

BATCH_CALLS = 300_000
"""Calls in the database at a time: some ten prompts with their controls."""

AT_ONCE = 3
"""Questions at a time: while one waits for ClickHouse, another computes. Row 9 asks one by one."""


def run(databases: Databases, plans: Sequence[Plan], told: Callable[[Judged], None]) -> tuple[int, float]:
    """Judges every plan; gives the number of rows that were loaded, and the seconds that took."""
    rows, seconds = 0, 0.0
    for batch in _batches(plans):
        with databases.one() as database:
            began = time.monotonic()
            with contextlib.closing(database.client()) as client:
                rows += load(client, [each for _, calls in batch for each in calls])
            loading = time.monotonic() - began
            counting = asyncio.run(_ask(ClickHouse(database.target), [plan for plan, _ in batch], told))
            seconds += loading + counting
    return rows, seconds


async def _ask(connection: ClickHouse, plans: Sequence[Plan], told: Callable[[Judged], None]) -> float:
    """Counts and asks; gives the seconds that the counting took."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(plan: Plan) -> None:
        async with at_once:
            began = time.monotonic()
            try:
                report = await ask(clickhouse, plan)
            except Exception as error:  # a bench goes on, and what failed is in its results
                told(failed(plan, error, time.monotonic() - began))
            else:
                told(judge(plan, report, time.monotonic() - began))

    async with connection as clickhouse:
        began = time.monotonic()
        await count(clickhouse)
        counting = time.monotonic() - began
        await asyncio.gather(*(one(plan) for plan in plans))
    return counting


def _batches(plans: Sequence[Plan]) -> Iterator[list[tuple[Plan, list[Calls]]]]:
    """Plans with their calls, so many at a time as go into a database together."""
    batch: list[tuple[Plan, list[Calls]]] = []
    waiting = 0
    for plan in plans:
        calls = calls_of(plan)
        batch.append((plan, calls))
        waiting += sum(map(len, calls))
        if waiting >= BATCH_CALLS:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch
