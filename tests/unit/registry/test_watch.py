import sqlite3

import pytest

from registry.errors import RegistryUnavailableError
from registry.serving.watch import SqliteWatch


@pytest.fixture
def writer(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    yield connection
    connection.close()


@pytest.fixture
def watch(writer, tmp_path):
    watch = SqliteWatch(str(tmp_path / "x.db"))
    yield watch
    watch.close()


def test_a_commit_is_seen_once_it_is_marked_as_seen(watch, writer):
    watch.seen(watch.look())
    assert watch.look() is None
    writer.execute("INSERT INTO t VALUES (1)")
    assert watch.look() is not None
    changed = watch.look()  # not marked yet: still news
    assert changed is not None
    assert watch.replaced is False
    watch.seen(changed)
    assert watch.look() is None


def test_what_is_not_committed_is_not_seen(watch, writer):
    watch.seen(watch.look())
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (1)")
    assert watch.look() is None
    writer.execute("COMMIT")
    assert watch.look() is not None


def test_another_file_in_its_place_is_seen(watch, writer, tmp_path):
    watch.seen(watch.look())
    other = sqlite3.connect(tmp_path / "y.db")
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE t (x)")
    other.close()
    for leftover in tmp_path.glob("x.db-*"):
        leftover.unlink()
    (tmp_path / "y.db").replace(tmp_path / "x.db")
    changed = watch.look()
    assert changed is not None
    assert watch.replaced is True
    watch.seen(changed)
    with sqlite3.connect(tmp_path / "x.db") as later:
        later.execute("INSERT INTO t VALUES (1)")
    later.close()
    assert watch.look() is not None
    assert watch.replaced is False


def test_a_missing_file_is_unavailable_and_never_made(tmp_path):
    watch = SqliteWatch(str(tmp_path / "none.db"))
    with pytest.raises(RegistryUnavailableError):
        watch.look()
    assert not (tmp_path / "none.db").exists()


def test_it_can_not_write(watch, writer, tmp_path):
    watch.look()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        watch._connection.execute("INSERT INTO t VALUES (1)")  # type: ignore[union-attr]
