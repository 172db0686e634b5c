"""How a worker keeps what it holds of the registry fresh, and says what it has seen: a thread for each database's way.

Knows leases, LISTEN and the roster's pipes. Refuses to know what is held: it is handed `reload`, which brings that up to date and
gives the revision. The rules:

1. On PostgreSQL no resolve waits for the database. The thread learns of writes by LISTEN, and asks every BEAT_SECONDS in any case.
2. What it holds counts as fresh for LEASE_SECONDS from the start of the last round trip that found it so. The clock goes on while
   the process or the machine sleeps, so whoever wakes finds that the lease has run out.
3. A resolve that finds it run out wakes the thread and waits a moment. While the thread fails, nobody waits: it says so at once.
4. On SQLite each resolve looks for itself, so the thread only acknowledges, when it is called.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from registry.errors import RegistryUnavailableError
from registry.storage.leases import LEASE_SECONDS
from registry.storage.roster_sqlite import SqliteSeat, beside

_log = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
CONFIRM_SECONDS = 1.0
"""How long a resolve waits for the database once its lease has run out."""

_RETRY_SECONDS = 0.25

Reload = Callable[[], int]
"""Brings what is held up to date and gives its revision. Raises RegistryUnavailableError."""

ReloadBy = Callable[[Connection], int]
"""The same by a connection that is there already: each round trip less is a promotion's reply sooner."""


class Follower(Protocol):
    """A running thread."""

    def fresh(self) -> bool | None:
        """Is what is held as new as the database? None: it doesn't know, look for yourself."""

    def close(self) -> None:
        """Give up the seat and end."""


def boot_clock() -> float:
    """Seconds that pass while the machine sleeps, too, where the system has such a clock (clock_gettime(2))."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SqliteFollower:
    """Acknowledges when it is called."""

    def __init__(self, database: str, name: str, reload: Reload) -> None:
        """Raises OSError where the roster's folder can't be written."""
        self._reload = reload
        self._seat = SqliteSeat(beside(database), name)
        self._acknowledge()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._thread.start()

    def fresh(self) -> bool | None:
        """As Follower says."""
        return None

    def close(self) -> None:
        """As Follower says."""
        self._seat.leave()
        self._thread.join()
        self._seat.close()

    def _run(self) -> None:
        while self._seat.called():
            self._acknowledge()

    def _acknowledge(self) -> None:
        with contextlib.suppress(RegistryUnavailableError):
            self._seat.acknowledge(self._reload())


class PostgresFollower:
    """Listens, reloads, acknowledges, and holds the lease."""

    def __init__(self, engine: Engine, name: str, reload: ReloadBy, *, clock: Callable[[], float] = boot_clock) -> None:
        self._engine = engine
        self._name = name
        self._reload = reload
        self._clock = clock
        self._id = uuid.uuid4().hex
        self._until = float("-inf")
        self._failing = False
        self._round = 0
        self._done = threading.Condition()
        self._ending = threading.Event()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._thread.start()
        with self._done:  # a worker that takes calls knows where it stands
            self._done.wait_for(lambda: self._round > 0, CONFIRM_SECONDS)

    def fresh(self) -> bool | None:
        """As Follower says; waits CONFIRM_SECONDS at most, and only if the last round trip went well."""
        if self._clock() < self._until:
            return True
        if not self._failing:
            with self._done:
                before = self._round
                self._call()
                self._done.wait_for(lambda: self._round != before, CONFIRM_SECONDS)
                if self._clock() < self._until:
                    return True
                self._failing = True
        return False

    def close(self) -> None:
        """As Follower says."""
        self._ending.set()
        self._call()
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    def _call(self) -> None:
        with contextlib.suppress(BlockingIOError):  # so full that it will wake in any case
            os.write(self._wake, b"\0")

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._follow()
            except Exception as error:  # whatever it is: without this thread all answers would stay stale
                if not isinstance(error, (SQLAlchemyError, RegistryUnavailableError)):
                    _log.exception("following the registry's database failed; trying again")
                self._tell(failing=True)
                self._ending.wait(_RETRY_SECONDS)
        self._until = float("-inf")

    def _follow(self) -> None:
        """One connection's life."""
        from registry.storage.roster_postgresql import CHANNEL, PostgresSeat

        with self._engine.connect() as pooled:
            connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = connection.connection.driver_connection
            try:
                # What has come is known by looking; without a handler the driver would collect it.
                driver.add_notify_handler(lambda _: None)
                connection.execute(text(f"LISTEN {CHANNEL}"))
                seat = PostgresSeat(connection, self._id, self._name, driver.info.backend_pid)
                seen = -1
                beaten = float("-inf")
                while not self._ending.is_set():
                    began = self._clock()
                    beats = began - beaten >= BEAT_SECONDS
                    if beats and not seat.beat():
                        return  # the row is gone: take a seat anew
                    # Asked on this connection: that takes in what has come on it, too.
                    revision = self._reload(connection)
                    if revision != seen:
                        seat.acknowledge(revision)
                        seen = revision
                    if beats:
                        beaten = began
                        self._until = began + LEASE_SECONDS
                        self._tell(failing=False)
                    self._wait(driver.fileno(), beaten + BEAT_SECONDS)
                self._until = float("-inf")
                seat.leave()
            finally:
                connection.invalidate()  # it listens, so it is nothing for the pool

    def _tell(self, *, failing: bool) -> None:
        with self._done:
            self._failing = failing
            self._round += 1
            self._done.notify_all()

    def _wait(self, connection: int, until: float) -> None:
        """Until somebody wrote, or asks, or it is time for the next beat."""
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = poll.poll(max(0.0, until - self._clock()) * 1000)
        if any(fd == self._woken for fd, _ in ready):
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
