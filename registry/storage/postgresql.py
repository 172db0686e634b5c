"""How a connection to PostgreSQL is made and kept from waiting for ever.

Knows psycopg and PostgreSQL's settings. Refuses to know tables. Imported only where a URL asks for PostgreSQL, because psycopg is
an extra. Three bounds hold for every connection:

1. Connecting takes at most CONNECT_SECONDS for each address that the host's name has.
2. The server ends a statement, or a wait for a lock, after the seconds that `open_postgresql` is given.
3. Should the server itself have stopped answering, the wait for it ends `SLACK_SECONDS` later here.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Engine, create_engine, event

CONNECT_SECONDS = 3
SLACK_SECONDS = 1.0
_POOLED, _MORE = 2, 14  # connections kept, and those beyond them that are made while many ask at once

Answer = TypeVar("Answer")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits `patience` seconds for each answer, then closes itself and raises OperationalError."""

    patience = 10.0

    def wait(self, gen: Generator[Any, Any, Answer], *args: Any, **options: Any) -> Answer:
        """What every statement's round trip goes through (psycopg's documented hook)."""
        return super().wait(self._within(gen), *args, **options)

    def _within(self, gen: Generator[Any, Any, Answer]) -> Generator[Any, Any, Answer]:
        # psycopg asks in steps of a tenth of a second: what it sends is 0 while nothing has arrived.
        deadline = time.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()  # its answer may still come, and would be taken for another statement's
                    raise psycopg.OperationalError(f"no answer from the server for {self.patience:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            answer: Answer = done.value
            return answer


def open_postgresql(url: URL, seconds: float) -> Engine:
    """An engine on PostgreSQL; connects on first use. What the URL leaves open, libpq's variables and files say.

    `seconds` bounds each statement and each wait for a lock. See
    https://www.postgresql.org/docs/current/libpq-envars.html and https://www.postgresql.org/docs/current/libpq-pgpass.html.
    """
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "client_encoding": "utf8",
            "application_name": "slugline",
            # A peer that vanished without a word is noticed while nothing is asked, too.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            **dict(url.query),
        },
        use_native_hstore=False,
        pool_pre_ping=True,
        pool_size=_POOLED,
        max_overflow=_MORE,
        pool_timeout=seconds,
    )
    milliseconds = int(seconds * 1000)

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        connection.patience = seconds + SLACK_SECONDS
        return connection

    def prepare(connection: BoundedConnection, _record: Any) -> None:
        connection.autocommit = True
        # As a statement, not as start-up options: those are the user's, for a search_path, say.
        connection.execute(
            f"SELECT set_config('statement_timeout', '{milliseconds}', false), "
            f"set_config('lock_timeout', '{milliseconds}', false), "
            f"set_config('idle_in_transaction_session_timeout', '{4 * milliseconds}', false)"
        )
        connection.autocommit = False

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", prepare)
    return engine
