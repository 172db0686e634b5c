"""`kill -9` under load: every answer that a client received in full is in ClickHouse after a restart, exactly once."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.plugins.callers import Callers
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

CALLERS = 6
KILLS = 9


class Load(Callers):
    """Callers that go on whatever happens."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        super().__init__(CALLERS)

    def call(self, number: int, stopped: Callable[[], bool]) -> None:
        count = 0
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not stopped():
                count += 1
                body = {
                    "model": "prompt/killed@latest",
                    "messages": [{"role": "user", "content": f"{number}-{count}"}],
                    "stream": count % 2 == 0,
                }
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.HTTPError:
                    self.broken += 1
                    time.sleep(0.02)
                    continue
                assert answer.status_code == 200, answer.text
                if body["stream"]:
                    assert "data: [DONE]" in answer.text
                self.received.append(answer.headers["x-slugline-call-id"])


def kill(server: Server, role: str, choose: random.Random) -> bool:
    """kill -9 of one process in a role; False when there is none at the moment."""
    pids = server.children(role)
    with contextlib.suppress(ProcessLookupError):
        if pids:
            os.kill(choose.choice(pids), signal.SIGKILL)
            return True
    return False


def check(server: Server, received: list[str]) -> None:
    """All received answers are rows, and no row is there twice."""
    assert len(set(received)) == len(received)
    rows = server.until(
        "SELECT toString(call_id) AS call_id, count() AS n FROM calls GROUP BY call_id",
        lambda found: not set(received) - {row["call_id"] for row in found},
    )
    assert [row for row in rows if row["n"] != 1] == []


@pytest.mark.parametrize(
    "victims",
    [["slugline.worker"], ["slugline.keeper"], ["slugline.worker", "slugline.keeper", "tracing.engine"]],
    ids=["worker", "keeper", "everything"],
)
def test_kill_9_loses_and_doubles_nothing(tmp_path: Path, victims: list[str]) -> None:
    choose = random.Random(20261122)
    with serve_simulator() as provider:
        settings = simulator_settings(provider + "/v1")
        with run_server(tmp_path, settings) as server:
            server.save("killed", "Be kind.")
            kills = 0
            with Load(server) as load:
                for number in range(12):
                    time.sleep(choose.uniform(0.2, 0.6))
                    kills += kill(server, victims[number % len(victims)], choose)
                deadline = time.monotonic() + 60
                seen = len(load.received)
                while len(load.received) < seen + 50:  # the server serves again by itself
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert len(load.received) > 100
            if victims == ["slugline.worker"]:
                assert load.broken > 0, "no call was hit: the test did not test anything"
        with run_server(tmp_path, settings, workers=1) as server:
            check(server, load.received)


def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_loads_what_it_left(tmp_path: Path) -> None:
    with serve_simulator() as provider:
        settings = simulator_settings(provider + "/v1")
        with run_server(tmp_path, settings) as server:
            server.save("killed", "Be kind.")
            children = [
                pid
                for role in ("slugline.worker", "slugline.keeper", "tracing.engine")
                for pid in server.children(role)
            ]
            assert len(children) == 4
            with Load(server) as load:
                while len(load.received) < 100:
                    time.sleep(0.01)
                server.process.kill()
                server.process.wait()
            deadline = time.monotonic() + 60
            while alive := [pid for pid in children if _lives(pid)]:
                assert time.monotonic() < deadline, f"still there: {alive}"
                time.sleep(0.05)
        with run_server(tmp_path, settings, workers=1) as server:
            check(server, load.received)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def test_the_check_itself_sees_a_lost_and_a_doubled_row(tmp_path: Path) -> None:
    with serve_simulator() as provider, run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        server.save("killed", "Be kind.")
        answer = server.chat(model="prompt/killed@latest", messages=[])
        received = [answer.headers["x-slugline-call-id"]]
        check(server, received)
        server.sql("INSERT INTO calls SELECT * FROM calls LIMIT 1 SETTINGS insert_deduplicate = 0")
        with pytest.raises(AssertionError):
            check(server, received)
        server.sql("ALTER TABLE calls DELETE WHERE 1 SETTINGS mutations_sync = 2")
        assert server.sql("SELECT count() AS n FROM calls") == [{"n": 0}]
