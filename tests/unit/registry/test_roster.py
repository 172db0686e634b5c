"""Who has seen a write: what a roster says of workers that answer, that don't, and that are gone."""

import threading
import time

import pytest
from sqlalchemy import text

from registry.roles import owner
from registry.storage.roster import open_roster
from registry.storage.roster_postgresql import PostgresSeat, await_workers
from registry.storage.roster_sqlite import SqliteRoster, SqliteSeat
from registry.values import Served
from tests.unit.registry.conftest import chat

ANN = owner("ann")


@pytest.fixture
def seats(tmp_path):
    """Makes seats, each with a thread that answers calls with a revision, if it has one."""
    made = []

    def make(name: str, answer: int | None = None) -> SqliteSeat:
        seat = SqliteSeat(tmp_path / "workers", name)

        def run() -> None:
            while seat.called():
                if answer is not None:
                    seat.acknowledge(answer)

        thread = threading.Thread(target=run)
        thread.start()
        made.append((seat, thread))
        return seat

    yield make
    for seat, thread in made:
        seat.leave()
        thread.join()
        seat.close()


def test_who_answers_is_named_and_who_does_not_is_missing(seats, tmp_path):
    roster = SqliteRoster(tmp_path / "workers")
    assert roster.settle(1) == Served()
    seats("worker 1", 7), seats("worker 2", 6), seats("worker 3")
    found = roster.settle(7, seconds=0.2)
    assert found.acknowledged == ("worker 1",)
    assert [one.worker for one in found.missing] == ["worker 2", "worker 3"]
    again = roster.settle(7, seconds=0.2)
    assert again.missing[0].silent_seconds > found.missing[0].silent_seconds
    assert roster.settle(6, seconds=0.2).acknowledged == ("worker 1", "worker 2")


def test_who_left_is_not_asked_and_leaves_nothing(seats, tmp_path):
    seats("worker 1", 7).leave()
    assert SqliteRoster(tmp_path / "workers").settle(7) == Served()
    assert list((tmp_path / "workers").iterdir()) == []


def test_what_a_dead_worker_left_is_swept_away(tmp_path):
    SqliteSeat(tmp_path / "workers", "worker 1").close()  # as the system closes the files of a process that dies
    assert len(list((tmp_path / "workers").iterdir())) == 2
    assert SqliteRoster(tmp_path / "workers").settle(7) == Served()
    assert list((tmp_path / "workers").iterdir()) == []


pytestmark_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def connection(engine):
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _sit(connection, name: str, revision: int, silent: float = 0.0) -> PostgresSeat:
    backend = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    seat = PostgresSeat(connection, name, name, backend)
    seat.acknowledge(revision)
    connection.execute(
        text("UPDATE workers SET seen_at = seen_at - make_interval(secs => :s) WHERE name = :n"),
        {"s": silent, "n": name},
    )
    return seat


@pytestmark_postgresql
def test_on_postgresql_rows_say_it(engine, connection):
    _sit(connection, "worker 1", 7)
    _sit(connection, "worker 2", 6)
    _sit(connection, "worker 3", 6, silent=100)  # stopped: its connection is still there
    found = open_roster(engine).settle(7, seconds=0)
    assert found.acknowledged == ("worker 1",)
    assert [one.worker for one in found.missing] == ["worker 2", "worker 3"]
    assert found.missing[1].silent_seconds >= 100


@pytestmark_postgresql
def test_on_postgresql_who_is_gone_is_forgotten(engine, connection):
    _sit(connection, "worker 1", 6, silent=100)
    connection.execute(text("UPDATE workers SET backend = 0"))
    assert open_roster(engine).settle(7, seconds=0) == Served()
    _sit(connection, "worker 2", 7)
    assert connection.execute(text("SELECT name FROM workers")).scalars().all() == ["worker 2"]


@pytestmark_postgresql
def test_on_postgresql_a_write_returns_after_the_acknowledgement(store, engine, connection):
    seat = _sit(connection, "worker 1", 0)
    happened = []

    def acknowledge() -> None:
        while store.revision() < 1:
            time.sleep(0.01)
        time.sleep(0.2)
        happened.append("acknowledged")
        seat.acknowledge(1)

    thread = threading.Thread(target=acknowledge)
    thread.start()
    store.save("a", chat("one"), message="m", by=ANN)
    happened.append("returned")
    thread.join()
    assert happened == ["acknowledged", "returned"]


@pytestmark_postgresql
def test_on_postgresql_a_write_waits_for_a_lease_to_run_out_but_not_for_one_that_has(engine, connection, monkeypatch):
    """What it waits for is counted, not timed."""
    pauses: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("registry.storage.roster_postgresql.time.sleep", sleep)
    monkeypatch.setattr("registry.storage.roster_postgresql.time.monotonic", lambda: clock[0])
    seat = _sit(connection, "worker 1", 6)
    await_workers(engine, 7)
    assert sum(pauses) == pytest.approx(2.25)
    pauses.clear()
    _sit(connection, "worker 1", 6, silent=10)
    await_workers(engine, 7)
    assert pauses == []
    seat.leave()
