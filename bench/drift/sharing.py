"""Batches of histories shared by processes, each with an engine of its own.

Knows processes and queues. Refuses to know what becomes of a batch.
"""

import contextlib
import multiprocessing
import queue
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue

from bench.drift.judging import Judged
from bench.drift.loading import open_databases
from bench.drift.plans import Plan
from bench.drift.running import open_database, run
from tests.plugins.engine import Database

_LOOK_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of the batch of this number: `rows` were loaded and counted in `loading` seconds; `seconds` is what it took in all."""

    number: int
    judged: tuple[Judged, ...]
    rows: int
    loading: float
    seconds: float


@contextlib.contextmanager
def shared(batches: Sequence[Sequence[Plan]], processes: int) -> Iterator[Iterator[Done]]:
    """What becomes of batches, in the order of their ends; they are begun in their own order.

    Raises RuntimeError where a process ended before its time.
    """
    spawn = multiprocessing.get_context("spawn")  # a process with an engine's connections must not be forked
    waiting: Queue[tuple[int, Sequence[Plan]] | None] = spawn.Queue()
    ended: Queue[Done] = spawn.Queue()
    for each in [*enumerate(batches), *[None] * processes]:
        waiting.put(each)
    workers = [spawn.Process(target=_work, args=(waiting, ended), daemon=False) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        yield _ended(ended, workers, len(batches))
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()


def _ended(ended: "Queue[Done]", workers: Sequence[BaseProcess], count: int) -> Iterator[Done]:
    for _ in range(count):
        while True:
            with contextlib.suppress(queue.Empty):
                yield ended.get(timeout=_LOOK_SECONDS)
                break
            if any(worker.exitcode for worker in workers):
                raise RuntimeError("a process of the bench ended before its batches did; its last words are above")


def _work(waiting: "Queue[tuple[int, Sequence[Plan]] | None]", ended: "Queue[Done]") -> None:
    each = waiting.get()
    failures = 0
    while each is not None:
        try:
            with open_databases() as databases, open_database(databases) as database:
                while each is not None:
                    ended.put(_done(database, *each))
                    each, failures = waiting.get(), 0
        except Exception:  # a batch that fails is tried once more, on a new engine: hours of work may hang on it
            failures += 1
            if failures > 1:
                raise
            traceback.print_exc()


def _done(database: Database, number: int, plans: Sequence[Plan]) -> Done:
    judged: list[Judged] = []
    began = time.monotonic()
    rows, loading = run(database, plans, judged.append)
    return Done(number=number, judged=tuple(judged), rows=rows, loading=loading, seconds=time.monotonic() - began)
