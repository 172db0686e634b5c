"""Opening and migrating the registry's database, SQLite or PostgreSQL, and the two kinds of transactions on it.

Knows the settings of both, and Alembic. Refuses to know tables and rows. Nothing here happens at import.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError

from registry.errors import RegistryUnavailableError

BUSY_SECONDS = 5.0
"""How long a writer waits for another process's write before it gives up; on PostgreSQL, for any one answer."""

MIGRATION_SECONDS = 300.0
"""How long a step may take there, and how long others wait for it."""

_FORMS = "sqlite:////var/lib/slugline/registry.db or postgresql://user@host/database"
_WRITING = "registry_writing"
_ANNOUNCED = "registry_announced"
_LOCK = 7_021_513_844_904_205_001  # any number will do that nobody else uses for advisory locks
_WAITED_FOR = ("57014", "55P03")  # https://www.postgresql.org/docs/current/errcodes-appendix.html


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:////path/to/registry.db` or `postgresql://user@host/database`; connects on first use.

    SQLite's file is made by `migrate`, and by nothing else. What a URL of PostgreSQL leaves open, libpq's variables (PGPASSWORD …)
    and ~/.pgpass say. Raises RegistryUnavailableError for a URL that isn't one, or of another database, and where psycopg isn't
    installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number
        raise RegistryUnavailableError(
            f"the registry's URL is not one: write {_FORMS}", param="registry.url"
        ) from error
    name = parsed.drivername.partition("+")[0]
    if name in ("postgresql", "postgres"):
        return _open_postgresql(parsed)
    if name != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise RegistryUnavailableError(
            f"the registry can't be kept in '{parsed.render_as_string(hide_password=True)}': it needs a file of "
            f"SQLite or a database of PostgreSQL, such as {_FORMS}",
            param="registry.url",
        )
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "do_connect", _connect_to_file)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "checkout", _check_file)
    event.listen(engine, "begin", _begin)
    return engine


def _open_postgresql(url: URL) -> Engine:
    try:
        from registry.storage.postgresql import open_postgresql
    except ImportError as error:  # psycopg raises it for a missing libpq, too
        raise RegistryUnavailableError(
            f"a registry on PostgreSQL needs psycopg: pip install 'slugline[postgresql]' ({error})",
            param="registry.url",
        ) from error
    try:
        return open_postgresql(url, BUSY_SECONDS)
    except (ArgumentError, ValueError) as error:
        raise RegistryUnavailableError(
            f"the registry's URL is not one: write {_FORMS}", param="registry.url"
        ) from error


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest step. Safe to call from several processes at once: one does it, others wait.

    Raises RegistryUnavailableError.
    """
    steps = _steps()
    found = _schema_or_none(engine)
    if found == steps[-1]:
        return
    if found is not None and found not in steps:
        raise RegistryUnavailableError(
            f"the registry was written by a newer Slugline (its tables are at step {found}, this release knows {steps[-1]}): use that "
            "release or a newer one"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if engine.dialect.name == "sqlite":
        with _translated(), contextlib.suppress(FileExistsError):
            _make_file(str(engine.url.database))
    with writing(engine, seconds=MIGRATION_SECONDS) as connection:
        if engine.dialect.name == "postgresql" and connection.execute(text("SHOW server_encoding")).scalar() != "UTF8":
            raise RegistryUnavailableError("the registry's database must have the encoding UTF8: create another")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _steps() -> list[str]:
    """The steps of the tables that this release knows, in order; by their files, as Alembic takes long to import."""
    files = (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
    return sorted(path.name.partition("_")[0] for path in files)


def _schema_or_none(engine: Engine) -> str | None:
    """The step that the tables are at; None where there are none, or it can't be read now: whoever migrates finds out why."""
    try:
        return schema_of(engine)
    except RegistryUnavailableError:
        return None


def schema_of(engine: Engine) -> str:
    """The newest step of the tables that a database has. Raises RegistryUnavailableError."""
    with reading(engine) as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


@contextlib.contextmanager
def writing(engine: Engine, *, seconds: float | None = None) -> Iterator[Connection]:
    """One write transaction, which takes the database's write lock at its start, not halfway through.

    On PostgreSQL it ends, if it announced a revision, once no worker serves an older one as fresh (`roster_postgresql`). `seconds`
    are for the lock and for each statement there, instead of BUSY_SECONDS.
    Raises RegistryUnavailableError when the database can't be written or stays locked for BUSY_SECONDS.
    """
    if engine.dialect.name == "sqlite":
        with _translated(), engine.execution_options(**{_WRITING: True}).begin() as connection:
            yield connection
        return
    revision: int | None = None
    committing = engine.execution_options(isolation_level="READ COMMITTED")
    with _translated(), committing.begin() as connection, _patience(connection, seconds or BUSY_SECONDS):
        connection.info.pop(_ANNOUNCED, None)
        # Each statement after this one sees what the last holder of the lock has committed.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        yield connection
        revision = connection.info.pop(_ANNOUNCED, None)
    if revision is not None:
        from registry.storage.roster_postgresql import await_workers

        await_workers(engine, revision)


@contextlib.contextmanager
def appending(engine: Engine) -> Iterator[Connection]:
    """One write transaction that makes no revision, for rows that nobody serves from: no worker is waited for, and on PostgreSQL nobody
    waits for it who doesn't touch the same rows. Raises RegistryUnavailableError as `writing` does.
    """
    options = {_WRITING: True} if engine.dialect.name == "sqlite" else {"isolation_level": "READ COMMITTED"}
    with _translated(), engine.execution_options(**options).begin() as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything read in it is of the same moment. Raises RegistryUnavailableError."""
    if engine.dialect.name != "sqlite":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _translated(), engine.begin() as connection:
        yield connection


def announce(connection: Connection, revision: int) -> None:
    """Say within a write transaction which revision it makes: workers are told when it commits, and `writing` waits for them.

    On SQLite there is nothing to say: each resolve looks.
    """
    if connection.dialect.name == "postgresql":
        from registry.storage.roster_postgresql import announce as tell

        tell(connection, revision)
        connection.info[_ANNOUNCED] = revision


@contextlib.contextmanager
def _patience(connection: Connection, seconds: float) -> Iterator[None]:
    """Bounds each statement of a transaction on PostgreSQL, there and here."""
    driver: Any = connection.connection.driver_connection
    before, bound = driver.patience, f"{int(seconds * 1000)}ms"
    limits = text("SELECT set_config('statement_timeout', :bound, true), set_config('lock_timeout', :bound, true)")
    try:
        if seconds != BUSY_SECONDS:  # what every connection is set to
            driver.patience += seconds
            connection.execute(limits, {"bound": bound})
        yield
    finally:
        driver.patience = before


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        locked = "locked" in said or "busy" in said or getattr(error.orig, "sqlstate", "") in _WAITED_FOR
        reason = f"another writer held it for more than {BUSY_SECONDS:g} s, try again" if locked else said
        raise RegistryUnavailableError(f"the registry's database can't be used now: {reason}") from error
    except SQLAlchemyError as error:
        raise RegistryUnavailableError(f"the registry's database can't be used now: {error}") from error


def _make_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise
    except OSError as error:
        raise RegistryUnavailableError(f"the registry's file {path} can't be made: {error.strerror}") from error


def _connect_to_file(_dialect: Any, _record: Any, arguments: Any, options: Any) -> sqlite3.Connection:
    # SQLite would make a file that is missing, and an empty one would be taken for a registry without prompts.
    path = Path(arguments[0])
    try:
        made: sqlite3.Connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, **options)
    except sqlite3.OperationalError as error:
        if path.exists():
            raise
        raise sqlite3.OperationalError(f"there is no file {path}") from error
    return made


def _check_file(_connection: Any, record: Any, _proxy: Any) -> None:
    # A file that was moved or replaced can still be written through connections to it, and nobody would ever see that.
    if record.info["file"] != _identity(record.info["path"]):
        raise DisconnectionError


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - as in registry.serving.watch
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare(connection: sqlite3.Connection, record: Any) -> None:
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    record.info.update(path=path, file=_identity(path))
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
