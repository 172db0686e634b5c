"""Loading through everything that goes wrong: a ClickHouse that is down, slow or drops answers, kills at random, a full disk.

Rows are checked against what clients received, by id. Seeds are printed; `SLUGLINE_CHAOS_SEED` sets one.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.chaos.test_kill import Load, check, kill
from tests.integration.test_loader import event
from tests.integration.test_loading_unknown import VIEW
from tests.plugins.engine import Database, run_engine
from tests.plugins.fault_proxy import FaultProxy, address_of, serve_faults, through
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable, Target
from tracing.loader import Loader
from tracing.migrate import migrate
from tracing.spool import Spool, SpoolFolders

SECONDS = 60


@pytest.fixture
def choose() -> random.Random:
    seed = int(os.environ.get("SLUGLINE_CHAOS_SEED", "") or random.SystemRandom().randrange(10**9))
    print(f"SLUGLINE_CHAOS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def provider() -> Iterator[str]:
    with serve_simulator() as url:
        yield url + "/v1"


class Rows:
    """The rows of a ClickHouse that isn't the server's own, asked directly; looks like a server to `check`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sql(self, statement: str) -> list[dict[str, Any]]:
        with contextlib.closing(self._database.client()) as client:
            return list(client.query(statement).named_results())

    def until(self, statement: str, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(ClickHouseError):
                rows = self.sql(statement)
                if holds(rows):
                    return rows
            assert time.monotonic() < deadline, f"still not there after {SECONDS} s: {statement}"
            time.sleep(0.1)


def outside(provider: str, database: Database, proxy: FaultProxy) -> str:
    """Settings of a server whose ClickHouse is reached by way of a proxy."""
    url = through(database, proxy).url.replace("://", f"://{database.user}@")
    return f'[clickhouse]\nurl = "{url}/{database.database}"\npassword = "env:ROWS_PASSWORD"\n'


class Scorer:
    """Scores what was received, and knows which scores were accepted."""

    def __init__(self, server: Server, load: Load) -> None:
        self.accepted: list[str] = []
        self._url, self._load = server.url, load
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Scorer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        done = 0
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                new = self._load.received[done:]
                done += len(new)
                scores = [{"call_id": call, "name": "chaos", "value": 1, "id": f"score-{call}"} for call in new]
                for _ in range(200):
                    if not scores:
                        break
                    with contextlib.suppress(httpx.HTTPError):
                        answer = client.post("/api/scores", json=scores)
                        if answer.status_code == 201:
                            self.accepted += answer.json()["ids"]
                            break
                    time.sleep(0.05)
                time.sleep(0.05)


def test_clickhouse_down_slow_and_silent_while_processes_are_killed(
    tmp_path: Path, clickhouse: Database, provider: str, choose: random.Random
) -> None:
    with serve_faults(address_of(clickhouse)) as proxy:
        settings = simulator_settings(provider) + outside(provider, clickhouse, proxy)
        rows = Rows(clickhouse)
        for statement in VIEW:
            _command(clickhouse, statement)
        password = {"ROWS_PASSWORD": clickhouse.password}
        with run_server(tmp_path, settings, wait_for_engine=False, **password) as server:
            server.save("killed", "Be kind.")
            with Load(server) as load, Scorer(server, load) as scorer:
                for trouble in choose.sample(["down", "slow", "before", "after", "gone"], 5):
                    proxy.delay = choose.uniform(0.1, 0.4) if trouble == "slow" else 0.0
                    met, deadline = proxy.faults, time.monotonic() + SECONDS / 4
                    proxy.fail(trouble, times=choose.randrange(2, 4))
                    while trouble not in {"down", "slow"} and proxy.faults == met and time.monotonic() < deadline:
                        time.sleep(0.01)
                    kill(server, choose.choice(["slugline.worker", "slugline.keeper"]), choose)
                    time.sleep(choose.uniform(0.2, 0.6))
                proxy.delay = 0.0
                proxy.fail("", times=0)
                seen, deadline = len(load.received), time.monotonic() + SECONDS
                while len(load.received) < seen + 20:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert proxy.faults > 0
            assert len(load.received) > 100
            assert set(scorer.accepted) <= {f"score-{call}" for call in load.received}
            check(rows, load.received)  # type: ignore[arg-type]
            found = rows.until(
                "SELECT score_id, count() AS n, uniqExact(received_at) AS posts FROM score_events GROUP BY score_id",
                lambda found: not set(scorer.accepted) - {row["score_id"] for row in found},
            )
            # A score whose answer a kill took away was posted again: two posts of one score. No post is there twice.
            assert [row for row in found if row["n"] != row["posts"]] == []
            until_loaded(server)
        [counts] = rows.sql("SELECT count() AS rows, (SELECT sum(n) FROM per_prompt) AS viewed FROM calls")
        assert counts["rows"] == counts["viewed"], "the view has other numbers than its table"


def until_loaded(server: Server) -> None:
    """Until nothing waits, by the health page."""
    deadline = time.monotonic() + SECONDS
    while True:
        told = server.api.get("/health/ready").json()
        if told["waiting_segments"] == 0 and told["keeper"] and told["keeper"]["unknown_outcomes"] == 0:
            return
        assert time.monotonic() < deadline, told
        time.sleep(0.1)


def _command(database: Database, statement: str) -> None:
    with contextlib.closing(database.client()) as client:
        client.command(statement)


def test_a_full_disk_costs_records_and_no_call(
    tmp_path: Path, clickhouse: Database, provider: str, choose: random.Random
) -> None:
    """The spool lies on a small disk of its own, and ClickHouse is away until it has filled up."""
    spool = tmp_path / "data" / "spool"
    spool.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    with small_disk(spool, 2), serve_faults(address_of(clickhouse)) as proxy:
        proxy.fail("down")
        settings = "spool_min_free_bytes = 0\n" + simulator_settings(provider) + outside(provider, clickhouse, proxy)
        password = {"ROWS_PASSWORD": clickhouse.password}
        with run_server(tmp_path, settings, wait_for_engine=False, **password) as server:
            server.save("killed", "Be kind.")
            recorded, lost = fill_up(server, lambda recorded, lost: len(lost) >= 20)
            told = server.api.get("/health/ready").json()
            assert "without a record" in told["status"] or told["records"]["recording"]
            lost_by = {each["worker"]: each["count"] for each in told["records"]["lost_by_worker"]}
            assert sum(lost_by.values()) == len(lost)
            for pid in server.children("slugline.worker"):
                os.kill(pid, signal.SIGKILL)
            more, more_lost = fill_up(server, lambda recorded, lost: len(lost) + len(recorded) >= 20)
            recorded, lost = recorded + more, lost + more_lost
            told = server.api.get("/health/ready").json()
            assert sum(each["count"] for each in told["records"]["lost_by_worker"]) == len(lost)
            proxy.fail("")
            until_loaded(server)
            again: list[str] = []
            deadline = time.monotonic() + SECONDS
            while True:  # each worker looks for room by itself, every half second or so
                last, none = fill_up(server, lambda recorded, lost: len(recorded) >= 20, characters=20)
                again += last
                if not none and server.api.get("/health/ready").json()["status"] == "ready":
                    break
                assert time.monotonic() < deadline, f"{len(none)} calls more are not on record"
            check(Rows(clickhouse), recorded + again)  # type: ignore[arg-type]
            found = {row["id"] for row in Rows(clickhouse).sql("SELECT toString(call_id) AS id FROM calls")}
            assert found == {*recorded, *again}, "what was said to be lost is not there"
        log = server.log.read_text()
        assert "records can't be written" in log
        assert "records are written again" in log
        assert log.count("records can't be written") <= 4, "said for each call"


def fill_up(
    server: Server, until: Callable[[list[str], list[str]], bool], *, characters: int = 20_000
) -> tuple[list[str], list[str]]:
    """Calls, until it is enough; gives the ids of those that are on record and of those that are said not to be.

    Long ones fill the disk faster than it is emptied.
    """
    recorded: list[str] = []
    lost: list[str] = []
    deadline = time.monotonic() + SECONDS
    with httpx.Client(base_url=server.url, timeout=30) as client:
        while not until(recorded, lost):
            assert time.monotonic() < deadline, (len(recorded), len(lost))
            body = {"model": "prompt/killed@latest", "messages": [{"role": "user", "content": "x" * characters}]}
            try:
                answer = client.post("/v1/chat/completions", json=body)
            except httpx.HTTPError:
                time.sleep(0.05)  # a worker was killed just now
                continue
            assert answer.status_code == 200, answer.text
            said = answer.headers.get("x-slugline-recorded")
            assert said in {None, "0"}
            (recorded if said is None else lost).append(answer.headers["x-slugline-call-id"])
    return recorded, lost


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own under a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_an_engine_that_is_killed_again_and_again(tmp_path: Path, choose: random.Random) -> None:
    """Its rows and its view have each call once: the loader is killed along with it every second time."""
    folders = SpoolFolders.at(tmp_path / "spool")
    sent = 0
    target: list[Target | None] = [None]
    loader: Loader | None = None
    async with ClickHouse(lambda: target[0]) as there:
        for life in range(6):
            with contextlib.ExitStack() as stack:
                database = stack.enter_context(run_engine(tmp_path))
                target[0] = database.target()
                with contextlib.suppress(ClickHouseUnavailable):  # the connection is one to the engine before
                    await migrate(there)
                await migrate(there)
                if life == 0:
                    for statement in VIEW:
                        await there.command(statement)
                if loader is None or life % 2:
                    loader = Loader(folders, there)
                spool = Spool(folders)
                for _ in range(choose.randrange(500, 3000)):
                    sent += 1
                    spool.append(event(sent))
                    if sent % 400 == 0:
                        spool.close()
                        spool = Spool(folders)
                spool.close()
                loading = asyncio.create_task(loader.load_ready())
                await asyncio.sleep(choose.uniform(0, 0.25))
                endpoint = tmp_path / "endpoint.json"
                os.kill(json.loads(endpoint.read_text())["pid"], signal.SIGKILL)
                endpoint.unlink()
                with contextlib.suppress(ClickHouseUnavailable, ClickHouseRefused):
                    await loading
        with run_engine(tmp_path) as database:
            target[0] = database.target()
            deadline = time.monotonic() + SECONDS
            while any(folders.ready.iterdir()):
                assert time.monotonic() < deadline
                with contextlib.suppress(ClickHouseUnavailable):
                    await Loader(folders, there).load_ready()
            [row] = (
                await there.query("SELECT count(), uniqExact(call_id), (SELECT sum(n) FROM per_prompt) FROM calls")
            ).rows
            assert tuple(row) == (sent, sent, sent)
