"""A registry on a real database, SQLite's and PostgreSQL's by turns, and the shortest way to content."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine

from registry.storage.database import open_engine
from registry.values import Content
from registry.writing.store import Store
from tests.plugins.postgresql import PostgreSQL
from tests.plugins.registries import new_registry


def chat(*texts: str, **fields: object) -> Content:
    """Content of system, user, assistant … messages with these texts."""
    roles = ("system", "user", "assistant")
    messages = tuple({"role": roles[i % 3], "content": text} for i, text in enumerate(texts))
    return Content(messages=messages, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Database:
    """Where a registry lies. `path` is the file on SQLite, None on PostgreSQL."""

    url: str
    path: Path | None

    def run(self, statement: str) -> list[Any]:
        """Runs a statement past everything of the registry's, as an administrator would; gives its rows."""
        engine = sqlalchemy.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.begin() as connection:
                result = connection.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def tamper(self, *statements: str) -> None:
        """Runs statements as somebody with the database in hand would, past the triggers; each changes something."""
        engine = sqlalchemy.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            if self.path is None:
                connection.exec_driver_sql("SET session_replication_role = replica")
            else:
                names = (
                    connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
                )
                for name in names:
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount > 0, statement
        engine.dispose()

    def dump(self) -> str:
        """Everything in all tables, as text."""
        found = sqlalchemy.MetaData()
        engine = sqlalchemy.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.connect() as connection:
                found.reflect(connection)
                return "\n".join(
                    str(tuple(row))
                    for table in found.sorted_tables
                    for row in connection.execute(sqlalchemy.select(table))
                )
        finally:
            engine.dispose()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody reaches it until the block ends; connections that are open break."""
        if self.path is not None:
            hidden = self.path.parent / "away"
            hidden.mkdir()
            for path in self.path.parent.glob(f"{self.path.name}*"):
                if path.is_file():
                    path.rename(hidden / path.name)
            self.path.mkdir()  # else whoever opens it makes an empty one
            yield
            self.path.rmdir()
            for path in hidden.iterdir():
                path.rename(self.path.parent / path.name)
            return
        server, _, rest = self.url.partition("@/")
        name, _, options = rest.partition("?")
        administrator = Database(f"{server}@/postgres?{options}", None)
        administrator.run(f"UPDATE pg_database SET datallowconn = false WHERE datname = '{name}'")
        administrator.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        administrator.run(f"UPDATE pg_database SET datallowconn = true WHERE datname = '{name}'")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A registry's database with its tables; a test that takes it runs on both."""
    if request.param == "postgresql":
        return Database(request.getfixturevalue("postgresql_url"), None)
    return _sqlite(tmp_path)


class Beginning:
    """What all tests of a module find in their registry: `fill` writes it once for SQLite and once for PostgreSQL, and each test gets a copy."""

    def __init__(self, fill: Callable[[Store], None]) -> None:
        self._fill = fill
        self._file = b""
        self._template = ""

    def on_sqlite(self, folder: Path) -> Database:
        """A copy of it as a file in `folder`."""
        path = folder / "registry.db"
        if self._file:
            path.write_bytes(self._file)
            return Database(f"sqlite:///{path}", path)
        made = _sqlite(folder)
        self._write(made.url)
        assert not path.with_name("registry.db-wal").exists()  # the last connection has brought it into the file
        self._file = path.read_bytes()
        return made

    @contextmanager
    def on_postgresql(self, server: PostgreSQL) -> Iterator[Database]:
        """A copy of it on the server, dropped at the end."""
        if not self._template:
            url = server.create("template")
            self._write(url)
            self._template = url.partition("@/")[2].partition("?")[0]
        with server.lent(self._template) as url:
            yield Database(url, None)

    def _write(self, url: str) -> None:
        engine = open_engine(url)
        self._fill(Store(engine))
        engine.dispose()


def database_with(beginning: Beginning) -> Any:
    """A module's own `database`, in place of the empty one."""

    @pytest.fixture(params=["sqlite", "postgresql"], name="database")
    def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
        if request.param == "sqlite":
            yield beginning.on_sqlite(tmp_path)
            return
        with beginning.on_postgresql(request.getfixturevalue("postgresql")) as database:
            yield database

    return filled


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    """For what only SQLite has."""
    return _sqlite(tmp_path)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """An engine on a migrated database."""
    engine = open_engine(database.url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """The write path."""
    return Store(engine)


def _sqlite(folder: Path) -> Database:
    path = folder / "registry.db"
    return Database(new_registry(path), path)
