"""A faulty way to ClickHouse for tests: an HTTP proxy on loopback that drops, delays and holds inserts in the ways that networks do.

`fault` says what befalls the next inserts: "before" breaks the connection instead of handing the request on; "after" hands it on, waits for
the answer and then breaks the connection; "gone" breaks it off while the request is still being carried out there; "down" refuses every
connection. `delay` is a pause in seconds before every request is handed on.
"""

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from tests.plugins.engine import Database

_HEAD = b"\r\n\r\n"


class FaultProxy:
    """One proxy in front of a ClickHouse, in an event loop of its own. What it is told holds from the next request on."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.to = to
        self.port = 0
        self.fault = ""
        self.times = 0
        self.delay = 0.0
        self.inserts: list[str] = []
        """The tokens of the inserts that were handed on."""
        self.faults = 0
        self.size = 0

    def fail(self, fault: str, times: int = 1) -> None:
        """The next `times` inserts meet this fault."""
        self.fault, self.times = fault, times

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, OSError):
            while self.fault != "down" and await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(_HEAD)
        body = await _body(head, reader)
        await asyncio.sleep(self.delay)
        target = unquote(head.split(b" ")[1].decode()).replace("+", " ")
        token = target.partition("insert_deduplication_token=")[2].partition("&")[0]
        fault = ""
        if token and self.times > 0 and self.fault in {"before", "after", "gone"}:
            self.times -= 1
            self.faults += 1
            fault = self.fault
        if fault == "before" or self.fault == "down":
            return False
        if token:
            self.inserts.append(token)
        there, back = await asyncio.open_connection(*self.to)
        try:
            line, _, rest = head.partition(b"\r\n")
            back.write(line + b"\r\nconnection: close\r\n" + rest + body)
            await back.drain()
            if fault == "gone":
                writer.close()
            answer = await there.read()
        finally:
            back.close()
        if fault:
            return False
        writer.write(answer)
        await writer.drain()
        return False


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        parts = []
        while True:
            line = await reader.readuntil(b"\r\n")
            parts += [line, await reader.readexactly(int(line, 16) + 2)]
            if int(line, 16) == 0:
                return b"".join(parts)
    _, found, rest = lower.partition(b"content-length:")
    return await reader.readexactly(int(rest.split(b"\r\n")[0])) if found else b""


@contextlib.contextmanager
def serve_faults(to: tuple[str, int]) -> Iterator[FaultProxy]:
    """A proxy in front of what listens at a host's port, in a thread of its own."""
    proxy = FaultProxy(to)
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(proxy.handle(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 20)
        proxy.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the transports that were closed just now are gone after a turn of the loop

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(serve())

    thread = threading.Thread(target=run, name="faults")
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def through(database: Database, proxy: FaultProxy) -> Database:
    """The same database, asked by way of the proxy."""
    parts = urlsplit(database.url)
    return dataclasses.replace(database, url=f"{parts.scheme}://127.0.0.1:{proxy.port}")


def address_of(database: Database) -> tuple[str, int]:
    """Where a database's server listens. One behind TLS can't be looked into."""
    parts = urlsplit(database.url)
    assert parts.scheme == "http" and parts.hostname and parts.port, f"not for {parts.scheme}: {parts.hostname}"
    return parts.hostname, parts.port
