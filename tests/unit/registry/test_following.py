"""The thread that keeps a worker fresh on PostgreSQL: leases by a clock that the test holds."""

import time

import pytest

from registry.serving.following import BEAT_SECONDS, PostgresFollower
from registry.storage.leases import LEASE_SECONDS

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Clock:
    """Goes on by itself unless it is set ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rows_at_reading() -> list[int]:
    return []


@pytest.fixture
def follower(engine, database, clock, rows_at_reading):
    def reload(_: object) -> int:
        rows_at_reading.append(database.run("SELECT count(*) FROM workers")[0][0])
        return 0

    follower = PostgresFollower(engine, "worker 1", reload, clock=clock)
    yield follower
    follower.close()


def _until(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_its_row_is_there_before_it_reads_and_gone_when_it_ends(follower, database, rows_at_reading):
    _until(lambda: follower.fresh() is True)
    assert set(rows_at_reading) == {1}
    follower.close()
    assert database.run("SELECT * FROM workers") == []
    follower.close = lambda: None


def test_who_wakes_from_a_long_sleep_asks_before_it_answers(follower, database, clock):
    _until(lambda: follower.fresh() is True)
    before = database.run("SELECT seen_at FROM workers")
    clock.ahead += LEASE_SECONDS + BEAT_SECONDS
    assert follower.fresh() is True
    assert database.run("SELECT seen_at FROM workers") > before


def test_without_the_database_it_is_not_fresh_once_the_lease_has_run_out(follower, engine, database, clock):
    _until(lambda: follower.fresh() is True)
    with database.away():
        engine.dispose()
        clock.ahead += LEASE_SECONDS
        assert follower.fresh() is False
        assert follower.fresh() is False
    _until(lambda: follower.fresh() is True)


def test_a_lease_never_reaches_beyond_its_row(follower, database, clock):
    """What the worker takes for two seconds began before the time that its row has, whatever lies between the two."""
    for _ in range(5):
        _until(lambda: follower.fresh() is True)
        age = database.run("SELECT extract(epoch FROM clock_timestamp() - seen_at) FROM workers")[0][0]
        left = follower._until - clock()  # the one thing that no answer shows
        assert left <= LEASE_SECONDS - float(age) + 0.001
        time.sleep(BEAT_SECONDS / 2)


def test_a_row_that_somebody_took_away_is_put_back(follower, engine, database):
    _until(lambda: follower.fresh() is True)
    database.run("DELETE FROM workers")
    _until(lambda: database.run("SELECT name FROM workers") == [("worker 1",)])


def test_a_connection_that_broke_is_made_again(follower, database):
    _until(lambda: follower.fresh() is True)
    backend = database.run("SELECT backend FROM workers")
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    _until(lambda: database.run("SELECT backend FROM workers") != backend)
    _until(lambda: follower.fresh() is True)


def test_a_notice_wakes_it_before_it_would_look(monkeypatch, engine, database):
    monkeypatch.setattr("registry.serving.following.BEAT_SECONDS", 3600.0)
    read = []
    follower = PostgresFollower(engine, "worker 1", lambda _: read.append("read") or 1)
    _until(lambda: follower.fresh() is True)
    count = len(read)
    database.run("SELECT pg_notify('slugline_registry', '1')")
    _until(lambda: len(read) > count)
    follower.close()
