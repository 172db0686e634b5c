"""A provider that fails for a moment costs a caller nothing but the moment; each attempt is on record."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server, run_server

ANSWER = json.dumps(
    {"id": "c", "model": "m-1", "choices": [{"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}]}
)
STREAM = (
    'data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Moody:
    """A provider with a list of what to do next: a status, or "drop" the connection; then it answers."""

    def __init__(self) -> None:
        self.moods: list[int | str] = []
        self.asked = 0
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                self.asked += 1
                mood = self.moods.pop(0) if self.moods else 200
                if mood == "drop":
                    break
                text, kind = (
                    (STREAM, "text/event-stream")
                    if b'"stream":true' in body.replace(b" ", b"")
                    else (ANSWER, "application/json")
                )
                if mood != 200:
                    text, kind = '{"error":{"message":"not now"}}', "application/json"
                writer.write(
                    f"HTTP/1.1 {mood} X\r\nretry-after: 0\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()
                )
                await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def moody() -> Iterator[Moody]:
    import threading

    state, stop, ready = Moody(), asyncio.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with listening(state):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(20)
    yield state
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(20)


@contextlib.asynccontextmanager
async def listening(state: Moody) -> AsyncIterator[None]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(state.handle, sock=listener)
    state.port = listener.getsockname()[1]
    try:
        yield
    finally:
        server.close()


@pytest.fixture(scope="module")
def retrying(moody: Moody, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'retries = 2\n[providers.moody]\nbase_url = "http://127.0.0.1:{moody.port}/v1"\n'
    with run_server(tmp_path_factory.mktemp("retrying"), settings, workers=1) as server:
        yield server


def ask(server: Server, moody: Moody, *moods: int | str, **body: Any) -> tuple[httpx.Response, dict[str, Any], int]:
    moody.moods, moody.asked = list(moods), 0
    answer = server.chat(model="m-1", messages=[{"role": "user", "content": "x"}], **body)
    return answer, server.row(answer.headers["x-slugline-call-id"]), moody.asked


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("moods", [(503,), (429, 500), ("drop",), ("drop", 502)], ids=str)
def test_a_failure_that_passes_is_not_seen(
    retrying: Server, moody: Moody, moods: tuple[int | str, ...], stream: bool
) -> None:
    answer, row, asked = ask(retrying, moody, *moods, stream=stream)
    assert answer.status_code == 200, answer.text
    assert "ok" in answer.text
    assert asked == len(moods) + 1
    # An idle connection that drops a request is replaced without a word; a new one that does is an attempt of its own.
    statuses = [attempt["status"] for attempt in json.loads(row["attempts"])]
    assert [status for status in statuses if status != 502] == [mood for mood in moods if mood not in ("drop", 502)] + [
        200
    ]
    assert statuses.count(502) >= moods.count(502)
    assert (row["outcome"], row["status"]) == ("ok", 200)


def test_the_last_failure_is_the_callers(retrying: Server, moody: Moody) -> None:
    answer, row, asked = ask(retrying, moody, 500, 502, 503)
    assert (answer.status_code, asked) == (503, 3)
    assert answer.json() == {"error": {"message": "not now"}}
    assert (row["outcome"], row["status"], len(json.loads(row["attempts"]))) == ("provider_error", 503, 3)


def test_what_is_the_callers_own_fault_is_asked_once(retrying: Server, moody: Moody) -> None:
    answer, row, asked = ask(retrying, moody, 400)
    assert (answer.status_code, asked, len(json.loads(row["attempts"]))) == (400, 1, 1)


def test_what_is_not_understood_is_never_sent_twice(retrying: Server, moody: Moody) -> None:
    moody.moods, moody.asked = [503], 0
    answer = retrying.api.post("/v1/files", json={"purpose": "x"})
    assert (answer.status_code, moody.asked) == (503, 1)
