"""Opening and migrating the registry's database.

Knows SQLite's settings and Alembic. Refuses to know tables and rows. Nothing here happens at import.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from registry.errors import RegistryUnavailableError

BUSY_SECONDS = 5.0
"""How long a writer waits for another process's write before it gives up."""

_WRITING = "registry_writing"


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:////path/to/registry.db`; connects on first use, and then makes the file if need be.

    Raises RegistryUnavailableError for a URL that isn't one, or not one of SQLite's files.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise RegistryUnavailableError(
            "the registry's URL is not one: write sqlite:////path/to/registry.db", param="registry.url"
        ) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise RegistryUnavailableError(
            f"the registry can't be kept in '{parsed.render_as_string(hide_password=True)}': it needs a file of "
            "SQLite, such as sqlite:////var/lib/slugline/registry.db",
            param="registry.url",
        )
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest step. Safe to call from several processes at once: one does it, others wait."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction, which takes the database's write lock at its start, not halfway through.

    Raises RegistryUnavailableError when the database can't be written or stays locked for BUSY_SECONDS.
    """
    with _translated(), engine.execution_options(**{_WRITING: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything read in it is of the same moment. Raises RegistryUnavailableError."""
    with _translated(), engine.begin() as connection:
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        locked = "locked" in str(error.orig) or "busy" in str(error.orig)
        reason = f"another writer held it for more than {BUSY_SECONDS:g} s, try again" if locked else str(error.orig)
        raise RegistryUnavailableError(f"the registry's database can't be used now: {reason}") from error
    except SQLAlchemyError as error:
        raise RegistryUnavailableError(f"the registry's database can't be used now: {error}") from error


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy begins transactions through the "begin" event below; the driver must not begin its own.
    connection.isolation_level = None
    for setting in (
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",  # a promotion that was acknowledged survives power loss
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
