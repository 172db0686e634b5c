"""Histories through ClickHouse and the product: loaded by the batch, counted, asked about one by one, judged."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench.drift.asking import ask
from bench.drift.judging import Judged, failed, judge
from bench.drift.loading import count, leave_out, load
from bench.drift.plans import Plan, volume
from bench.drift.traffic import calls_of
from tests.plugins.engine import Database, Databases
from tracing.clickhouse import ClickHouse

BATCH_CALLS = 300_000
"""Calls in the database at a time: some ten prompts with their controls."""

AT_ONCE = 3
"""Questions at a time: while one waits for ClickHouse, another computes. Row 9 asks one by one."""


@contextlib.contextmanager
def open_database(databases: Databases, *, whole: bool = False) -> Iterator[Database]:
    """A database for histories; without the views that reports don't need, unless it should be the `whole` schema."""
    with databases.one() as database:
        if not whole:
            with contextlib.closing(database.client()) as client:
                leave_out(client)
        yield database


def run(database: Database, plans: Sequence[Plan], told: Callable[[Judged], None]) -> tuple[int, float]:
    """Judges every plan; gives the number of rows that were loaded, and the seconds that took. The database is empty again then."""
    rows, seconds = 0, 0.0
    for batch in batches(plans):
        began = time.monotonic()
        with contextlib.closing(database.client()) as client:
            rows += load(client, [calls for plan in batch for calls in calls_of(plan)])
            seconds += time.monotonic() - began
            seconds += asyncio.run(_ask(ClickHouse(database.target), batch, told))
            client.command(f"TRUNCATE ALL TABLES FROM {database.database}")
    return rows, seconds


def batches(plans: Sequence[Plan]) -> Iterator[list[Plan]]:
    """So many plans at a time as go into a database together."""
    batch: list[Plan] = []
    waiting = 0.0
    for plan in plans:
        batch.append(plan)
        waiting += _expected_calls(plan)
        if waiting >= BATCH_CALLS:
            yield batch
            batch, waiting = [], 0.0
    if batch:
        yield batch


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


def _expected_calls(plan: Plan) -> float:
    hours = np.arange(np.ceil(plan.length))
    return float(volume(plan, hours).sum()) * (plan.rate + plan.controls * plan.control_rate)
