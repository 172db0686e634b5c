"""The registry under whole servers, on SQLite and on PostgreSQL: workers are stopped, the database goes away and comes back."""

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.test_kill import check
from tests.plugins.postgresql import PostgreSQL, run_postgresql
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

WORKERS = 4
MOVES = 60
PAUSE = 0.03
SECONDS = 60


@pytest.fixture
def provider() -> Iterator[str]:
    with serve_simulator() as url:
        yield url + "/v1"


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    """A server that the test may stop; what it acknowledged is on disk."""
    with run_postgresql(fsync="on", full_page_writes="on") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, provider: str) -> str:
    """Settings of a server on either database."""
    given = simulator_settings(provider)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        given += f'[registry]\nurl = "{url}"\n'
    return given


class Load:
    """Callers of a prompt, each on connections of its own, who keep what each answer said and what was live by then."""

    def __init__(self, server: Server, slug: str, callers: int = 3, pause: float = 0.0) -> None:
        """`pause` is in seconds, after each call: who only waits for something to be seen needs no more than a few calls for it."""
        self.answers: list[tuple[str, bool, str]] = []
        """Prompt and version, whether stale, and the call's id."""
        self.wrong: list[str] = []
        self.broken = 0
        self.live = 0
        self._slug, self._url, self._pause = slug, server.url, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with httpx.Client(base_url=self._url, timeout=60) as client:  # anew, so that any worker may get it
                for _ in range(5):
                    time.sleep(self._pause)
                    before = self.live
                    try:
                        prompt, stale, call = ask(client, self._slug)
                    except httpx.HTTPError:
                        self.broken += 1
                        time.sleep(0.02)
                        break
                    self.answers.append((prompt, stale, call))
                    # What a caller may see is what was live when it asked, or what came later.
                    if before == self.live and before and prompt != f"{self._slug}@{before}" and not stale:
                        self.wrong.append(f"{prompt} while {before} was live")

    def until(self, holds: Callable[[tuple[str, bool, str]], bool], count: int = 20) -> None:
        """Waits for some answers of a kind, from now on."""
        deadline, start = time.monotonic() + SECONDS, len(self.answers)
        while sum(holds(answer) for answer in self.answers[start:]) < count:
            assert time.monotonic() < deadline, f"the last answers were {self.answers[-5:]}"
            time.sleep(0.02)


def ask(client: httpx.Client, slug: str) -> tuple[str, bool, str]:
    body = {"model": f"prompt/{slug}", "messages": [{"role": "user", "content": "x"}]}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    headers = answer.headers
    return headers["x-slugline-prompt"], headers.get("x-slugline-stale") == "1", headers["x-slugline-call-id"]


def promote(server: Server, slug: str, number: int) -> dict[str, Any]:
    path = f"/api/prompts/{slug}/channels/stable/promote"
    answer = server.api.post(path, json={"version": number, "reason": "test"})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["served"] or {"acknowledged": [], "missing": []}
    return told


def test_promotions_under_load_and_not_one_stale_answer_after_the_reply(tmp_path: Path, settings: str) -> None:
    with run_server(tmp_path, settings, workers=WORKERS) as server:
        numbers = [server.save("moving", f"Version {n}.") for n in (1, 2)]
        server.promote("moving", numbers[0])
        until_joined(server, "moving", numbers[0])
        with Load(server, "moving") as load:
            for move in range(MOVES):
                wanted = numbers[(move + 1) % 2]
                load.live = 0  # while it moves either is right
                told = promote(server, "moving", wanted)
                load.live = wanted
                assert (len(told["acknowledged"]), told["missing"]) == (WORKERS, []), told
                with httpx.Client(base_url=server.url, timeout=60) as client:
                    assert ask(client, "moving")[:2] == (f"moving@{wanted}", False)
        assert load.wrong == []
        assert len(load.answers) > MOVES
        assert not any(stale for _, stale, _ in load.answers)
        assert load.broken == 0


def until_joined(server: Server, slug: str, number: int) -> list[str]:
    """The names of all workers, once they are there."""
    deadline = time.monotonic() + SECONDS
    while len(names := promote(server, slug, number)["acknowledged"]) < WORKERS:
        assert time.monotonic() < deadline, names
        time.sleep(0.05)
    return names


def test_a_stopped_worker_is_named_and_serves_nothing_old_as_fresh_once_it_wakes(tmp_path: Path, settings: str) -> None:
    with run_server(tmp_path, settings, workers=WORKERS) as server:
        numbers = [server.save("moving", f"Version {n}.") for n in (1, 2)]
        server.promote("moving", numbers[0])
        names = until_joined(server, "moving", numbers[0])
        stopped = server.children("slugline.worker")[0]
        [name] = [name for name in names if f"pid {stopped} " in name]
        assert name.startswith("worker ")
        with contextlib.ExitStack() as connections:
            # Connections that are open to each of them: the stopped one's will ask first when it wakes.
            open_already = [connections.enter_context(httpx.Client(base_url=server.url, timeout=60)) for _ in range(24)]
            for client in open_already:
                assert ask(client, "moving")[0] == f"moving@{numbers[0]}"
            os.kill(stopped, signal.SIGSTOP)
            try:
                told = _promote_past(server, stopped, numbers[1])
                answers: list[tuple[str, bool, str]] = []
                threads = [
                    threading.Thread(target=lambda client=client: answers.append(ask(client, "moving")))
                    for client in open_already
                ]
                for thread in threads:
                    thread.start()
                time.sleep(0.5)  # those that a stopped worker has taken wait
            finally:
                os.kill(stopped, signal.SIGCONT)
            for thread in threads:
                thread.join()
        assert [one["worker"] for one in told["missing"]] == [name]
        assert name not in told["acknowledged"]
        assert len(answers) == len(open_already)
        assert [answer for answer in answers if answer[0] != f"moving@{numbers[1]}" and not answer[1]] == []
        assert until_joined(server, "moving", numbers[1]) == names


def _promote_past(server: Server, stopped: int, number: int) -> dict[str, Any]:
    """Promotes over a connection that one of the others answers."""
    for _ in range(20):
        with httpx.Client(base_url=server.url, timeout=10) as client, contextlib.suppress(httpx.ReadTimeout):
            path = "/api/prompts/moving/channels/stable/promote"
            told: dict[str, Any] = client.post(path, json={"version": number, "reason": "test"}).json()["served"]
            return told
    raise AssertionError("nobody answered")


def refused(server: Server) -> httpx.Response:
    """What a write gets."""
    return server.api.post(
        "/api/prompts/kept/versions",
        json={"content": {"messages": [{"role": "user", "content": "no"}]}, "message": "m"},
    )


def test_with_postgresql_stopped_calls_go_on_and_nothing_is_lost(
    tmp_path: Path, provider: str, own_postgresql: PostgreSQL
) -> None:
    url = own_postgresql.create()
    settings = simulator_settings(provider) + f'[registry]\nurl = "{url}"\n'
    with run_server(tmp_path, settings) as server:
        outage(server, own_postgresql.stop, own_postgresql.start)
        until_on_disk(server, "kept", {"latest": 2, "stable": 2})
        own_postgresql.stop(signal.SIGQUIT)
    with run_server(tmp_path, settings) as server:  # started while the database is away
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert ask(client, "kept")[:2] == ("kept@2", True)
        assert refused(server).status_code == 503
        own_postgresql.start()
        with Load(server, "kept", pause=PAUSE) as load:
            load.until(lambda answer: answer[:2] == ("kept@2", False))
        assert server.save("kept", "Version 3.") == 3


def test_with_postgresql_frozen_calls_go_on(tmp_path: Path, provider: str, own_postgresql: PostgreSQL) -> None:
    """The worst kind of away: connections stay open, new ones are taken, and no answer ever comes."""
    url = own_postgresql.create()
    with run_server(tmp_path, simulator_settings(provider) + f'[registry]\nurl = "{url}"\n') as server:
        outage(server, own_postgresql.freeze, own_postgresql.thaw)


def test_with_sqlites_file_gone_calls_go_on_and_nothing_is_lost(tmp_path: Path, provider: str) -> None:
    away = tmp_path / "away"
    away.mkdir()

    def leave() -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "registry.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
            with contextlib.suppress(FileNotFoundError):
                (tmp_path / "data" / name).rename(away / name)

    def come_back() -> None:
        for path in away.iterdir():
            path.rename(tmp_path / "data" / path.name)

    with run_server(tmp_path, simulator_settings(provider)) as server:
        outage(server, leave, come_back)


def outage(server: Server, leave: Callable[[], object], come_back: Callable[[], object]) -> None:
    """The database leaves under load, a worker is killed and started again meanwhile, and the database comes back."""
    first = server.save("kept", "Version 1.")
    second = server.save("kept", "Version 2.")
    server.promote("kept", second)
    history = server.api.get("/api/prompts/kept/history").json()
    until_on_disk(server, "kept", {"latest": second, "stable": second})
    with Load(server, "kept", pause=PAUSE) as load:
        load.until(lambda answer: answer[:2] == ("kept@2", False))
        leave()
        load.until(lambda answer: answer[:2] == ("kept@2", True))
        assert load.broken == 0
        began = time.monotonic()
        answer = refused(server)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "registry_unavailable"), answer.text
        assert time.monotonic() - began < 30
        until_ready_says(server, "stale")  # each worker's lease runs out at a moment of its own
        for pid in server.children("slugline.worker"):
            os.kill(pid, signal.SIGKILL)
            load.until(lambda answer: answer[:2] == ("kept@2", True))
        come_back()
        load.until(lambda answer: answer[:2] == ("kept@2", False))
        until_ready_says(server, "fresh")
        assert server.api.get("/api/prompts/kept/history").json() == history
        server.promote("kept", first)
        load.until(lambda answer: answer[0] == "kept@1")
        server.promote("kept", second)
    check(server, [call for _, _, call in load.answers])


def until_ready_says(server: Server, standing: str) -> None:
    """Until the worker that is asked says so of the registry; it can serve calls all the while."""
    deadline = time.monotonic() + SECONDS
    while True:
        ready = server.api.get("/health/ready")
        assert ready.status_code == 200, ready.text
        if ready.json()["registry"].split(":")[0] == standing:
            return
        assert time.monotonic() < deadline, ready.text
        time.sleep(0.05)


def until_on_disk(server: Server, slug: str, channels: dict[str, int]) -> None:
    """Until the snapshot has what was written last: it is written beside the calls, a moment later."""
    deadline = time.monotonic() + SECONDS
    wanted = f'"{slug}":{{"latest":{channels["latest"]},"stable":{channels["stable"]}}}'
    while wanted not in _text(server.data / "registry-snapshot" / "state.json"):
        assert time.monotonic() < deadline, _text(server.data / "registry-snapshot" / "state.json")
        time.sleep(0.05)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
