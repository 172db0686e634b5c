"""Several processes and threads on one registry, on SQLite and on PostgreSQL: nobody sees an old version, nobody loses a save."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from registry.errors import PromptConflictError
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from registry.storage.leases import LEASE_SECONDS
from registry.storage.roster import open_roster
from registry.values import Content, Served
from registry.writing.store import Store
from tests.plugins.registries import new_registry

WRITERS = 16
SAVES = 1000
_SPAWN = multiprocessing.get_context("spawn")


def _content(text: str) -> Content:
    return Content(messages=({"role": "user", "content": text},))


def _answer(url: str, name: str, pipe: Connection) -> None:
    """What a worker does: resolve when asked, and answer with what it found."""
    live = LiveRegistry(url)
    if name:
        live.join(name)
    pipe.send("ready")
    while reference := pipe.recv():
        resolved = live.resolve(reference)
        pipe.send((resolved.version.number, resolved.revision, live.stale))
    live.close()


@dataclass
class Process:
    """A worker."""

    process: BaseProcess
    pipe: Connection

    def ask(self, reference: str = "a") -> tuple[int, int, bool]:
        """Number, revision and whether it is stale."""
        self.pipe.send(reference)
        return self.told()

    def told(self) -> tuple[int, int, bool]:
        assert self.pipe.poll(30)
        found: tuple[int, int, bool] = self.pipe.recv()
        return found

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)


@contextlib.contextmanager
def workers(url: str, *names: str) -> Iterator[list[Process]]:
    """Processes that answer from a registry, each with a place in the roster if it has a name."""
    running = []
    for name in names:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_answer, args=(url, name, theirs), daemon=True)
        process.start()
        running.append(Process(process, ours))
    for one in running:
        assert one.pipe.poll(60)
        assert one.pipe.recv() == "ready"
    yield running
    for one in running:
        if one.process.is_alive():
            one.pipe.send("")
            one.process.join(30)
            assert one.process.exitcode == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return new_registry(tmp_path / "registry.db")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A registry with three versions, the third live."""
    engine = open_engine(url)
    store = Store(engine)
    for text in ("one", "two", "three"):
        store.save("a", _content(text), message="m", by=owner("ann"))
    store.promote("a", 3, reason="r", by=owner("ann"))
    yield store
    engine.dispose()


@pytest.mark.parametrize("names", [("", ""), ("one", "two")], ids=["looking", "joined"])
def test_no_resolve_after_a_promotion_has_returned_gives_the_old_version(url, store, names):
    stale = []
    with workers(url, *names) as running:
        for turn in range(200):
            move = store.promote("a", turn % 3 + 1, reason="r", by=owner("ann"))
            assert move.changed
            for worker in running:
                worker.pipe.send("a")
            for worker in running:
                if worker.told() != (move.to_version, move.revision, False):
                    stale.append(turn)
    assert stale == []


def test_the_reply_names_who_has_seen_it(url, store):
    assert store.promote("a", 2, reason="r", by=owner("ann")).served is None
    with workers(url, "worker 1", "worker 2"):
        move = store.promote("a", 1, reason="r", by=owner("ann"))
        assert move.served == Served(acknowledged=("worker 1", "worker 2"))
    assert store.promote("a", 2, reason="r", by=owner("ann")).served is None


def test_a_stopped_worker_is_named_and_serves_nothing_old_as_fresh_when_it_wakes(url, store):
    with workers(url, "worker 1", "worker 2") as (goes_on, stopped):
        for number in (1, 2, 1):
            assert stopped.ask()[0] == store.prompt("a").channels["stable"]
            stopped.signal(signal.SIGSTOP)
            move = store.promote("a", number, reason="r", by=owner("ann"))
            seen = move.served
            assert seen is not None
            assert seen.acknowledged == ("worker 1",)
            assert [one.worker for one in seen.missing] == ["worker 2"]
            assert seen.missing[0].silent_seconds > 0
            assert goes_on.ask() == (number, move.revision, False)
            stopped.pipe.send("a")  # it finds this when it wakes, before anything else
            stopped.signal(signal.SIGCONT)
            answered, _, stale = stopped.told()
            assert answered == number or stale
            deadline = time.monotonic() + 30
            while stopped.ask() != (number, move.revision, False):
                assert time.monotonic() < deadline
                time.sleep(0.01)


def test_a_killed_worker_is_forgotten(url, store):
    with workers(url, "worker 1", "worker 2") as (_, killed):
        killed.signal(signal.SIGKILL)
        killed.process.join()
        deadline = time.monotonic() + 30
        for turn in itertools.count():
            move = store.promote("a", turn % 3 + 1, reason="r", by=owner("ann"))
            seen = move.served
            assert seen is not None
            assert seen.acknowledged == ("worker 1",)
            if not seen.missing:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_write_waits_for_a_stopped_worker_no_longer_than_its_lease(url, store):
    """And on SQLite not at all, because there a worker looks before each answer."""
    with workers(url, "worker 1") as (stopped,):
        assert stopped.ask()[0] == 3
        stopped.signal(signal.SIGSTOP)
        began = time.monotonic()
        for number in range(1, 31):
            store.promote("a", number % 2 + 1, reason="r", by=owner("ann"))
        assert time.monotonic() - began < 10 * LEASE_SECONDS  # thirty leases would be sixty seconds
        stopped.signal(signal.SIGCONT)


def _save_some(url: str, writer: int, threads: int, count: int) -> None:
    """One process: threads that save versions of their own, and count a prompt's shared counter up, each with If-Match."""
    engine = open_engine(url)
    store = Store(engine)

    def save(thread: int) -> None:
        for number in range(count):
            store.save("a", _content(f"{writer}-{thread}-{number}"), message="m", by=owner(f"writer {writer}-{thread}"))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(save, range(threads)))
    engine.dispose()


def test_sixteen_writers_save_a_thousand_versions_without_a_gap_or_a_double(url):
    processes, threads = 4, WRITERS // 4
    rounds = SAVES // WRITERS
    running = [_SPAWN.Process(target=_save_some, args=(url, n, threads, rounds)) for n in range(processes)]
    for process in running:
        process.start()
    engine = open_engine(url)
    store = Store(engine)
    for number in range(SAVES - rounds * WRITERS):
        store.save("a", _content(f"rest-{number}"), message="m", by=owner("ann"))
    for process in running:
        process.join(200)
        assert process.exitcode == 0
    found = store.versions("a")
    assert [version.number for version in found] == list(range(SAVES, 0, -1))
    history = store.history("a", limit=SAVES + 1)
    assert [entry.revision for entry in history] == list(range(SAVES, 0, -1))
    assert [entry.to_version for entry in history] == list(range(SAVES, 0, -1))
    assert [entry.from_version for entry in history[:-1]] == list(range(SAVES - 1, 0, -1))
    said = {version.content.messages[0]["content"] for version in found}
    wanted = {f"{n}-{t}-{k}" for n in range(processes) for t in range(threads) for k in range(rounds)}
    assert said == wanted | {f"rest-{n}" for n in range(SAVES - rounds * WRITERS)}
    engine.dispose()


def _count_up(url: str, times: int) -> None:
    """Reads a number, adds one and saves it, if nobody wrote meanwhile; else once more."""
    engine = open_engine(url)
    store = Store(engine)
    for _ in range(times):
        while True:
            prompt = store.prompt("counter")
            current = int(store.version("counter", prompt.latest).content.messages[0]["content"])
            try:
                store.save(
                    "counter", _content(f"{current + 1}"), message="m", by=owner("ann"), if_match=prompt.revision
                )
                break
            except PromptConflictError:
                continue
    engine.dispose()


def test_no_update_is_lost_to_another_process(url, store):
    store.save("counter", _content("0"), message="m", by=owner("ann"))
    running = [_SPAWN.Process(target=_count_up, args=(url, 25)) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join(100)
        assert process.exitcode == 0
    newest = store.prompt("counter").latest
    assert store.version("counter", newest).content.messages[0]["content"] == "100"
    assert newest == 101


def test_of_two_writers_on_the_same_revision_one_wins(url, store):
    revision = store.prompt("a").revision

    def save(writer: int) -> str:
        try:
            store.save("a", _content(f"{writer}"), message="m", by=owner("ann"), if_match=revision)
        except Exception as error:
            return getattr(error, "code", repr(error))
        return "saved"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(save, range(8)))
    assert outcomes == ["prompt_conflict"] * 7 + ["saved"]


def test_a_roster_of_nobody_settles_at_once(url):
    engine = open_engine(url)
    assert open_roster(engine).settle(7, seconds=1000) == Served()
    engine.dispose()
