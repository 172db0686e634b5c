"""The roster on PostgreSQL: a table of workers, where each writes that it lives and what it has seen.

Knows the table `workers` and the order in which things must be said. Refuses to know how a worker reloads. Why a write may return:

1. A worker writes its row first and reads the revision afterwards, in another transaction; only then its lease is renewed, counted
   from before both. So if its row came too late for a writer to see, its reading came late enough to see the write.
2. After its commit the writer waits for each row that is behind and could have a lease, but never longer than a lease lasts.
3. Rows are written with synchronous_commit off, so a crash of the server can take back the last moments of them (three times
   wal_writer_delay, 0.6 s). LATE_SECONDS is longer than that.

Silence is measured by the server's clock alone. A lease is measured by the worker's, and never reaches beyond its row's time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    delete,
    extract,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from registry.storage.leases import LEASE_SECONDS, SETTLE_SECONDS
from registry.values import Missing, Served

CHANNEL = "slugline_registry"
"""What workers LISTEN to; the payload is the new revision."""

LATE_SECONDS = 1.0
MARGIN_SECONDS = 0.25
FORGET_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02

metadata = MetaData()

workers = Table(
    "workers",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("backend", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
"""The workers' rows; `backend` is the process of the server that a worker's own connection ends in."""

_silent = extract("epoch", func.clock_timestamp() - workers.c.seen_at)
# Somebody still holds the other end: the worker is stopped or cut off, not gone.
_backend = "EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = workers.backend AND datname = current_database())"
_connected, _cut_off = text(_backend), text(f"NOT {_backend}")


def announce(connection: Connection, revision: int) -> None:
    """Tell all workers of a write, as soon as its transaction has committed."""
    connection.execute(select(func.pg_notify(CHANNEL, str(revision))))


def await_workers(engine: Engine, revision: int) -> None:
    """Wait until no worker answers from before the revision as if it were fresh; at most as long as a lease lasts.

    Raises nothing: should the database fail meanwhile, what was committed stays so, and the time of a lease is waited for.
    """
    deadline = time.monotonic() + LEASE_SECONDS + MARGIN_SECONDS
    pause = _FIRST_PAUSE
    with_lease = _silent < LEASE_SECONDS + LATE_SECONDS
    behind = select(workers.c.worker_id).where(workers.c.revision < revision, with_lease).limit(1)
    while (left := deadline - time.monotonic()) > 0:
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                while left > 0 and connection.execute(behind).first() is not None:
                    time.sleep(min(pause, left))
                    pause = min(pause * 1.5, _LONGEST_PAUSE)
                    left = deadline - time.monotonic()
                return
        except SQLAlchemyError:
            time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))


class PostgresRoster:
    """Reads the table of workers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def settle(self, revision: int, *, seconds: float = SETTLE_SECONDS) -> Served:
        """As Roster says. A write has waited for its workers before it returned, so this seldom waits."""
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                found = self._read()
            except SQLAlchemyError:
                return Served()
            expected = any(row.revision < revision and row.silent < LEASE_SECONDS for row in found)
            if not expected or time.monotonic() >= deadline:
                return told(revision, found)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _read(self) -> Sequence[Row[Any]]:
        query = (
            select(workers.c.name, workers.c.revision, _silent.label("silent"))
            .where((_silent < LEASE_SECONDS + LATE_SECONDS) | _connected)
            .order_by(workers.c.name)
        )
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(query).all()


def told(revision: int, rows: Sequence[Any]) -> Served:
    """The reply from what was read: rows with a name, a revision and the seconds of their silence."""
    return Served(
        acknowledged=tuple(row.name for row in rows if row.revision >= revision),
        missing=tuple(
            Missing(worker=row.name, silent_seconds=round(max(0.0, float(row.silent)), 3))
            for row in rows
            if row.revision < revision
        ),
    )


class PostgresSeat:
    """One worker's row, written through the connection that it listens on."""

    def __init__(self, connection: Connection, worker_id: str, name: str, backend: int) -> None:
        self._connection = connection
        given = {"worker_id": worker_id, "name": name, "backend": backend}
        values = {**given, "revision": 0, "seen_at": func.clock_timestamp()}
        row = insert(workers).values(values)
        changes = {name: row.excluded[name] for name in ("name", "backend", "seen_at")}
        # The first row is on disk before the first lease; its renewals need not be.
        connection.execute(row.on_conflict_do_update(index_elements=["worker_id"], set_=changes))
        connection.execute(text("SET synchronous_commit = off"))
        connection.execute(delete(workers).where(_silent > FORGET_SECONDS, _cut_off))
        mine = workers.c.worker_id == worker_id
        self._beat = workers.update().where(mine).values(seen_at=func.clock_timestamp())
        self._mine = mine

    def beat(self) -> bool:
        """Say that this worker lives; False if somebody took its row away."""
        return self._connection.execute(self._beat).rowcount == 1

    def acknowledge(self, revision: int) -> None:
        """As Seat says."""
        self._connection.execute(self._beat.values(revision=revision))

    def leave(self) -> None:
        """As Seat says."""
        self._connection.execute(delete(workers).where(self._mine))
