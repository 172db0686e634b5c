"""A ClickHouse for tests: one for each run's worker, a database of its own for each test.

`any_clickhouse` is a server: an embedded engine's process, or what `SLUGLINE_TEST_CLICKHOUSE_URL` (`http[s]://user:password@host:port`) names.
`clickhouse` adds an empty database with every migration applied, and `records` Slugline's own connection to it. The server takes part in
no test's state. What needs the embedded engine itself, to kill it or for its files, starts one by name with `run_engine`.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tracing.clickhouse import ClickHouse, Target
from tracing.migrate import migrations, statements

_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database on a running engine: what a client needs to connect."""

    url: str
    user: str
    password: str
    database: str

    def client(self) -> Client:
        """A synchronous client; the caller closes it."""
        return clickhouse_connect.get_client(**self._arguments())

    def target(self) -> Target:
        """The same for Slugline's own connection."""
        return Target(url=self.url, user=self.user, password=self.password, database=self.database)

    def _arguments(self) -> dict[str, object]:
        parts = urlsplit(self.url)
        return {
            "interface": parts.scheme,
            "host": parts.hostname,
            "port": parts.port,
            "username": self.user,
            "password": self.password,
            "database": self.database,
            "autogenerate_session_id": False,
        }


@contextlib.contextmanager
def run_engine(folder: Path) -> Iterator[Database]:
    """An embedded engine's process with its data in `folder`, gone at the end; it also goes if this process dies."""
    endpoint = folder / "endpoint.json"
    arguments = ["--path", str(folder / "clickhouse"), "--endpoint", str(endpoint), "--until-stdin-closes"]
    with (folder / "engine.log").open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tracing.engine", *arguments], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not endpoint.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (folder / "engine.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"the engine did not start (exit status {process.poll()}); it said: {said}")
                time.sleep(0.05)
            told = json.loads(endpoint.read_text())
            yield Database(**{name: told[name] for name in ("url", "user", "password", "database")})
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                if process.stdin:
                    process.stdin.close()


def server_to_test() -> Database | None:
    """The server that `SLUGLINE_TEST_CLICKHOUSE_URL` names, if it names one. Its user must be allowed to create databases."""
    if not (url := os.environ.get("SLUGLINE_TEST_CLICKHOUSE_URL")):
        return None
    target = Target.from_url(url)
    # Until a test has its own database: the one that every server has.
    database = urlsplit(url).path.strip("/") or "default"
    return Database(url=target.url, user=target.user, password=target.password, database=database)


@pytest.fixture(scope="session")
def any_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One server for all tests of this worker."""
    if named := server_to_test():
        yield named
        return
    with run_engine(tmp_path_factory.mktemp("engine")) as database:
        yield database


class Databases:
    """Databases with the current schema on one server, for one test after the other.

    Some 40 statements make one. A test that left the schema as it was leaves its database to the next, emptied: with the rows go the tokens
    of their inserts, so that nothing of the test is left.
    """

    def __init__(self, server: Database) -> None:
        self._server = server
        self._free: list[Database] = []
        self._names = (f"test_{uuid.uuid4().hex[:8]}_{number}" for number in itertools.count(1))
        self._schema: object = None

    @contextlib.contextmanager
    def one(self) -> Iterator[Database]:
        """An empty database that no other test has now."""
        # The client is made before the test, which may name proxies that lead nowhere.
        with contextlib.closing(self._server.client()) as client:
            database = self._free.pop() if self._free else self._make()
            yield database
            if self._schema_of(client, database) == self._schema:
                client.command(f"TRUNCATE ALL TABLES FROM {database.database}")
                self._free.append(database)
            else:
                client.command(f"DROP DATABASE IF EXISTS {database.database} SYNC")

    def drop(self) -> None:
        """Leaves a server as it was."""
        with contextlib.closing(self._server.client()) as client:
            for database in self._free:
                client.command(f"DROP DATABASE IF EXISTS {database.database} SYNC")

    def _make(self) -> Database:
        database = dataclasses.replace(self._server, database=next(self._names))
        with contextlib.closing(self._server.client()) as client:
            client.command(f"CREATE DATABASE {database.database}")
            with contextlib.closing(database.client()) as inside:
                for _, text in migrations():
                    for statement in statements(text):
                        inside.command(statement)
            self._schema = self._schema or self._schema_of(client, database)
        return database

    def _schema_of(self, client: Client, database: Database) -> object:
        found = client.query(
            "SELECT name, replaceAll(create_table_query, database, '') FROM system.tables WHERE database = {name:String} ORDER BY name",
            {"name": database.database},
        )
        return list(found.result_rows)


@pytest.fixture(scope="session")
def databases(any_clickhouse: Database) -> Iterator[Databases]:
    """Databases on this worker's server; gone at the end."""
    made = Databases(any_clickhouse)
    yield made
    made.drop()


@pytest.fixture
def clickhouse(databases: Databases) -> Iterator[Database]:
    """An empty database with the current schema, of this test alone."""
    with databases.one() as database:
        yield database


@pytest.fixture
async def records(clickhouse: Database) -> AsyncIterator[ClickHouse]:
    """Slugline's own connection to the test's database."""
    async with ClickHouse(clickhouse.target) as connection:
        yield connection
