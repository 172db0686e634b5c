"""A provider on a raw socket that speaks three wire formats well, until a test tells it what to do instead.

A fault is a coroutine function that takes the `Exchange` and writes whatever bytes it likes. Counts the connections that are open, and
those with an exchange under way, so that a test sees what was left open.
"""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(slots=True)
class Exchange:
    """One request, what a good answer to it would be, and the connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes
    content_type: bytes

    async def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def answer(self, body: bytes, *, head: bytes = OK, content_type: bytes = b"", headers: bytes = b"") -> None:
        """An answer with a length; `headers` are whole lines."""
        kind = content_type or self.content_type
        await self.send(
            head, b"content-type: ", kind, b"\r\n", headers, b"content-length: %d\r\n\r\n" % len(body), body
        )

    async def half(self) -> None:
        """The beginning of a good answer: some whole events, or half an object."""
        cut = self.body.find(b"\n\n") + 2 if self.content_type == b"text/event-stream" else len(self.body) // 2
        length = b"content-length: %d\r\n\r\n" % len(self.body)
        await self.send(OK, b"content-type: ", self.content_type, b"\r\n", length, self.body[:cut])

    async def until_closed(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Ends the connection with a reset instead of a farewell."""
        found = self.writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


class Faulty:
    """The provider's state; `fault` is what it does with every request from now on, None is answering well."""

    def __init__(self) -> None:
        self.port = 0
        self.fault: Fault | None = None
        self.early = False
        self.open = self.busy = self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    await self._converse(reader, writer)
        finally:
            self.open -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        self.busy += 1
        self.asked += 1
        try:
            if self.fault is not None and self.early:
                await self.fault(Exchange(reader, writer, b"", b"application/json"))
                return
            body = json.loads(await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0])))
            good, kind = good_answer(head.split(b" ")[1].decode(), streamed=body.get("stream") is True)
            exchange = Exchange(reader, writer, good, kind)
            if self.fault is not None:
                await self.fault(exchange)
            else:
                await exchange.answer(good)
        finally:
            self.busy -= 1


def good_answer(path: str, *, streamed: bool, text: str = "ok") -> tuple[bytes, bytes]:
    """The body and content-type of a good answer in the wire format of a path."""
    name = path.rpartition("/")[2].partition("?")[0]
    whole, events = {"completions": _chat, "responses": _response, "messages": _message}[name](text)
    if not streamed:
        return json.dumps(whole).encode(), b"application/json"
    lines = []
    for event in events:
        named = f"event: {event['type']}\n" if "type" in event else ""
        lines.append(f"{named}data: {json.dumps(event)}\n\n")
    if name == "completions":
        lines.append("data: [DONE]\n\n")
    return "".join(lines).encode(), b"text/event-stream"


Parts = tuple[dict[str, Any], list[dict[str, Any]]]


def _chat(text: str) -> Parts:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    about = {"id": "c", "created": 1, "model": "gpt-f"}
    message = {"role": "assistant", "content": text}
    whole = {**about, "object": "chat.completion", "usage": usage}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    chunk = {**about, "object": "chat.completion.chunk"}
    return whole, [
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**chunk, "choices": [], "usage": usage},
    ]


def _response(text: str) -> Parts:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    about: dict[str, Any] = {"id": "r", "object": "response", "created_at": 1, "model": "gpt-f", "output": []}
    whole = {**about, "status": "completed", "output": [item], "usage": {"input_tokens": 3, "output_tokens": 2}}
    delta = {"item_id": "m", "output_index": 0, "content_index": 0, "delta": text}
    return whole, [
        {"type": "response.created", "sequence_number": 0, "response": {**about, "status": "in_progress"}},
        {"type": "response.output_text.delta", "sequence_number": 1, **delta},
        {"type": "response.completed", "sequence_number": 2, "response": whole},
    ]


def _message(text: str) -> Parts:
    about = {"id": "msg", "type": "message", "role": "assistant", "model": "claude-f", "stop_sequence": None}
    usage = {"input_tokens": 3, "output_tokens": 2}
    whole = {**about, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage}
    begun = {**about, "content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    return whole, [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


@contextlib.contextmanager
def serve_faulty() -> Iterator[Faulty]:
    """One on a free loopback port, in a thread of its own."""
    state, ready = Faulty(), threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # so that no upload fits into it
        listener.bind(("127.0.0.1", 0))
        state.port = listener.getsockname()[1]
        server = await asyncio.start_server(state.handle, sock=listener)
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        ready.set()
        await stop[0][1].wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="faulty provider")
    thread.start()
    assert ready.wait(20), "the provider did not start"
    try:
        yield state
    finally:
        loop, event = stop[0]
        loop.call_soon_threadsafe(event.set)
        thread.join(20)
