"""The real engine for tests: one engine process for each run's worker, a database of its own for each test.

`engine` is the running process's endpoint; `clickhouse` adds a fresh database with every migration applied,
and `records` Slugline's own connection to it. The process takes part in no test's state: a test that has to kill an engine starts its own with `run_engine`.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import time
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
            "host": parts.hostname,
            "port": parts.port,
            "username": self.user,
            "password": self.password,
            "database": self.database,
            "autogenerate_session_id": False,
        }


@contextlib.contextmanager
def run_engine(folder: Path) -> Iterator[Database]:
    """An engine process with its data in `folder`, gone at the end; it also goes if this process dies."""
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


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One engine process for all tests of this worker."""
    with run_engine(tmp_path_factory.mktemp("engine")) as database:
        yield database


@pytest.fixture(scope="session")
def _database_numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def clickhouse(engine: Database, _database_numbers: Iterator[int]) -> Iterator[Database]:
    """A fresh database with the current schema, dropped after the test."""
    name = f"test_{next(_database_numbers)}"
    with contextlib.closing(engine.client()) as client:
        client.command(f"CREATE DATABASE {name}")
        database = Database(url=engine.url, user=engine.user, password=engine.password, database=name)
        with contextlib.closing(database.client()) as inside:
            for _, text in migrations():
                for statement in statements(text):
                    inside.command(statement)
        yield database
        client.command(f"DROP DATABASE {name} SYNC")


@pytest.fixture
async def records(clickhouse: Database) -> AsyncIterator[ClickHouse]:
    """Slugline's own connection to the test's database."""
    async with ClickHouse(clickhouse.target) as connection:
        yield connection
