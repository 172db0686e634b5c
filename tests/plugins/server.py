"""A whole server for tests: `slugline serve` as a user starts it, with the embedded engines, in a folder of its own.

Every server is searched for secrets at its end (tests/plugins/leaks.py).

`server` is shared by the tests of a run's worker, with the product's own simulator as its provider; a test that kills things
starts its own with `run_server`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.plugins.begun import begin
from tests.plugins.leaks import look_at_files, look_at_pages, look_at_rows, planted_values
from tests.plugins.simulator import serve_simulator
from tracing.engine.endpoint import Endpoint

START_SECONDS = 60
STOP_SECONDS = 90
ROW_SECONDS = 60


@dataclass(slots=True)
class Server:
    """A running server."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
    log: Path
    owners: dict[str, str] | None = None
    """On a shared server, the test file that each slug belongs to."""
    api: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.api = httpx.Client(base_url=self.url, timeout=60)

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Rows of a query on the embedded engine."""
        endpoint = Endpoint.read(self.data / "engine.json")
        assert endpoint is not None, "the engine is not up"
        parts = urlsplit(endpoint.url)
        client = clickhouse_connect.get_client(
            host=parts.hostname,
            port=parts.port,
            username=endpoint.user,
            password=endpoint.password,
            database=endpoint.database,
            autogenerate_session_id=False,
        )
        with contextlib.closing(client):
            return list(client.query(statement).named_results())

    def engine_is_up(self) -> bool:
        """Whether the embedded engine answers for this server now."""
        return Endpoint.read(self.data / "engine.json") is not None

    def until(self, statement: str, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Asks until the rows are as they should be; the last answer when they never are."""
        deadline = time.monotonic() + ROW_SECONDS
        while True:
            rows: list[dict[str, Any]] = []
            with contextlib.suppress(ClickHouseError, AssertionError):
                rows = self.sql(statement)
                if holds(rows):
                    return rows
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"still {rows} after {ROW_SECONDS} s of {statement}\n{self.log.read_text(errors='replace')[-3000:]}"
                )
            time.sleep(0.1)

    def row(self, call_id: str) -> dict[str, Any]:
        """The row of a call, once it is loaded; fails when there is more than one."""
        rows = self.until(f"SELECT * FROM calls WHERE call_id = '{call_id}'", lambda found: len(found) > 0)
        assert len(rows) == 1
        return rows[0]

    def save(self, slug: str, text: str, **content: Any) -> int:
        """Saves a one-message chat prompt; gives the version's number."""
        if self.owners is not None:
            here = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
            assert self.owners.setdefault(slug, here) == here, f"'{slug}' is {self.owners[slug]}'s"
        given = {
            "kind": "chat",
            "messages": [{"role": "system", "content": text}],
            "model": "simulator-large",
            **content,
        }
        answer = self.api.post(f"/api/prompts/{slug}/versions", json={"content": given, "message": "test"})
        if answer.status_code == 404:
            answer = self.api.post("/api/prompts", json={"slug": slug, "content": given, "message": "test"})
        assert answer.status_code < 300, answer.text
        return int(answer.json()["version"])

    def promote(self, slug: str, version: int) -> None:
        answer = self.api.post(
            f"/api/prompts/{slug}/channels/stable/promote", json={"version": version, "reason": "test"}
        )
        assert answer.status_code < 300, answer.text

    def chat(self, **body: Any) -> httpx.Response:
        headers = body.pop("headers", {})
        return self.api.post("/v1/chat/completions", json=body, headers=headers)

    def children(self, role: str) -> list[int]:
        """Process ids of the server's processes in a role: 'slugline.worker', 'slugline.keeper' or 'tracing.engine'."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    status = (folder / "stat").read_text().rpartition(")")[2].split()
                    command = (folder / "cmdline").read_bytes().decode().split("\0")
                    if int(status[1]) == self.process.pid and role in command and status[0] != "Z":
                        found.append(int(folder.name))
        return sorted(found)


def simulator_settings(base_url: str) -> str:
    """Settings with one provider, a simulator."""
    return f'[providers.simulator]\nkind = "simulator"\nbase_url = "{base_url}"\nmodels = ["simulator-*"]\n'


@contextlib.contextmanager
def run_server(
    folder: Path,
    settings: str,
    *,
    workers: int = 2,
    wait_for_engine: bool = True,
    fresh: bool = False,
    **environment: str,
) -> Iterator[Server]:
    """`slugline serve` until the block ends; its data and log stay in `folder`, so that it can be started there again.

    Where there is no data yet, it finds the empty tables that an earlier start has left; a `fresh` server makes them itself.
    """
    data, log = folder / "data", folder / "server.log"
    if not fresh:
        begin(data, registry="[registry]" not in settings, clickhouse="[clickhouse]" not in settings)
    (folder / "slugline.toml").write_text(settings)
    (data / "url").unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    command = [sys.executable, "-m", "slugline", "serve", "--data", str(data), "--port", "0", "--workers", str(workers)]
    command += ["--config", str(folder / "slugline.toml")]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**clean, **environment})
    try:
        server = Server(_url(data, process, log), data, process, log)
        planted = planted_values(environment)
        server.api.event_hooks["response"].append(look_at_pages(planted))
        with server.api:
            _ready(server, wait_for_engine)
            yield server
            look_at_files(folder, planted)  # first: what is loaded meanwhile is a row then
            if process.poll() is None and server.engine_is_up():
                look_at_rows(server.sql, planted)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    look_at_files(folder, planted)


def _url(data: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (data / "url").exists() or not (text := (data / "url").read_text().strip()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"the server did not start (status {process.poll()}): {log.read_text(errors='replace')[-3000:]}"
            )
        time.sleep(0.02)
    return text.replace("0.0.0.0", "127.0.0.1")  # where a server listens everywhere, tests knock at this door


def _ready(server: Server, wait_for_engine: bool) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError, json.JSONDecodeError):
            answer = server.api.get("/health/ready")
            if answer.status_code == 200 and not (wait_for_engine and _records_wait(answer.json())):
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server is not ready: {server.log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def _records_wait(health: dict[str, Any]) -> bool:
    """Whether the embedded engine is not up yet, or its tables are not there yet."""
    keeper = health["keeper"] or {}
    return health["engine"] == "not up" or (
        health["engine"] == "up" and keeper.get("schema", "") in {"", "being brought up to date"}
    )


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """The URL of the shared server's provider, a simulator, without a path."""
    with serve_simulator() as url:
        yield url


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Server]:
    """A server with two workers, shared by the tests of this run's worker; use a slug of your own."""
    with run_server(tmp_path_factory.mktemp("server"), simulator_settings(provider + "/v1"), fresh=True) as running:
        running.owners = {}
        yield running
