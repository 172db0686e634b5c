"""A provider that does what a test says: answers, fails with a status, drops the connection, or hangs. OpenAI's chat alone."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator

STREAM = (
    'data: {{"model":"{name}","choices":[{{"index":0,"delta":{{"content":"ok"}},"finish_reason":"stop"}}]}}\n\n'
    'data: {{"choices":[],"usage":{{"prompt_tokens":3,"completion_tokens":2}}}}\n\ndata: [DONE]\n\n'
)


class Moody:
    """What to do next, in turn: a status, "drop" the connection, or "hang"; then it answers as the model `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.moods: list[int | str] = []
        self.retry_after = "0"
        self.asked = 0
        self.models: list[str] = []
        self.port = 0
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def reset(self, *moods: int | str, retry_after: str = "0") -> None:
        self.moods, self.retry_after, self.asked, self.models = list(moods), retry_after, 0, []
        self.release.clear()

    def answer(self) -> str:
        choice = {"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2}
        return json.dumps({"id": "c", "model": self.name, "choices": [choice], "usage": usage})

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = json.loads(await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0])))
                self.asked += 1
                self.models.append(body.get("model", ""))
                mood = self.moods.pop(0) if self.moods else 200
                if mood == "drop":
                    break
                if mood == "hang":
                    while not self.release.is_set() and not reader.at_eof():
                        await asyncio.sleep(0.02)
                    mood = 200
                text, kind = self.answer(), "application/json"
                if body.get("stream"):
                    text, kind = STREAM.format(name=self.name), "text/event-stream"
                if mood != 200:
                    text, kind = '{"error":{"message":"not now"}}', "application/json"
                writer.write(
                    f"HTTP/1.1 {mood} X\r\nretry-after: {self.retry_after}\r\ncontent-type: {kind}\r\n"
                    f"content-length: {len(text)}\r\n\r\n{text}".encode()
                )
                await writer.drain()
        writer.close()


@contextlib.contextmanager
def serve_moody(name: str) -> Iterator[Moody]:
    """One on a free loopback port, in a thread of its own."""
    state, ready = Moody(name), threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(state.handle, sock=listener)
        state.port = listener.getsockname()[1]
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        ready.set()
        await stop[0][1].wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name=f"moody {name}")
    thread.start()
    assert ready.wait(20), "the provider did not start"
    try:
        yield state
    finally:
        loop, event = stop[0]
        loop.call_soon_threadsafe(event.set)
        thread.join(20)
