"""Several processes and threads on one registry: nobody sees an old version, nobody loses a save."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from registry.database import migrate, open_engine
from registry.live import LiveRegistry
from registry.roles import owner
from registry.store import Store
from registry.values import Content


def _content(text: str) -> Content:
    return Content(messages=({"role": "user", "content": text},))


def _answer(url: str, pipe: Connection) -> None:
    """What a worker does: resolve when asked, and answer with what it found."""
    live = LiveRegistry(url)
    while reference := pipe.recv():
        resolved = live.resolve(reference)
        pipe.send((resolved.version.number, resolved.revision))
    live.close()


def _save_some(url: str, writer: int, count: int) -> None:
    store = Store(open_engine(url))
    for number in range(count):
        store.save("a", _content(f"{writer}-{number}"), message="m", by=owner(f"process {writer}"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return url


def test_no_resolve_after_a_promotion_has_returned_gives_the_old_version(url):
    engine = open_engine(url)
    store = Store(engine)
    for text in ("one", "two", "three"):
        store.save("a", _content(text), message="m", by=owner("ann"))
    store.promote("a", 3, reason="r", by=owner("ann"))
    spawn = multiprocessing.get_context("spawn")
    workers = []
    for _ in range(2):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_answer, args=(url, theirs), daemon=True)
        process.start()
        workers.append((process, ours))
    stale = []
    for turn in range(200):
        move = store.promote("a", turn % 3 + 1, reason="r", by=owner("ann"))
        assert move.changed
        for _, pipe in workers:
            pipe.send("a")
        for _, pipe in workers:
            assert pipe.poll(30)
            if pipe.recv() != (move.to_version, move.revision):
                stale.append(turn)
    for process, pipe in workers:
        pipe.send("")
        process.join(30)
        assert process.exitcode == 0
    engine.dispose()
    assert stale == []


def test_sixteen_threads_save_without_a_gap_or_a_double(url):
    engine = open_engine(url)
    store = Store(engine)

    def save(writer: int) -> list[int]:
        return [
            store.save("a", _content(f"{writer}-{n}"), message="m", by=owner("ann")).version.number for n in range(15)
        ]

    with ThreadPoolExecutor(16) as pool:
        numbers = [number for numbers in pool.map(save, range(16)) for number in numbers]
    assert sorted(numbers) == list(range(1, 241))
    assert [version.number for version in store.versions("a")] == list(range(240, 0, -1))
    assert [entry.revision for entry in store.history(limit=1000)] == list(range(240, 0, -1))
    said = {version.content.messages[0]["content"] for version in store.versions("a")}
    assert said == {f"{writer}-{n}" for writer in range(16) for n in range(15)}
    engine.dispose()


def test_processes_save_without_a_gap_or_a_double(url):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_save_some, args=(url, writer, 30)) for writer in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    engine = open_engine(url)
    assert [version.number for version in Store(engine).versions("a")] == list(range(90, 0, -1))
    engine.dispose()


def test_of_two_writers_on_the_same_revision_one_wins(url):
    engine = open_engine(url)
    store = Store(engine)
    revision = store.save("a", _content("start"), message="m", by=owner("ann")).revision

    def save(writer: int) -> str:
        try:
            store.save("a", _content(f"{writer}"), message="m", by=owner("ann"), if_match=revision)
        except Exception as error:
            return getattr(error, "code", repr(error))
        return "saved"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(save, range(8)))
    assert outcomes == ["prompt_conflict"] * 7 + ["saved"]
    engine.dispose()
