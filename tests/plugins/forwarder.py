"""A forward proxy for tests: takes http requests with a whole URL, and CONNECT; knows the names of hosts by a table of its own."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n"


class Forwarder:
    """What came, and how it behaves: `hosts` leads "name:port" to a port on loopback; `key` is the only header value it takes.

    `says` is what it answers CONNECT with, instead; `left` is set when whoever was told that has gone.
    """

    def __init__(self) -> None:
        self.port = 0
        self.hosts: dict[str, int] = {}
        self.key = b""
        self.says = b""
        self.requests: list[bytes] = []
        self.connections = 0
        self.tunnelled = bytearray()
        self.left = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while await self._converse(reader, writer):
                    await writer.drain()
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if self.key and b"proxy-authorization: " + self.key + b"\r\n" not in head:
            writer.write(REFUSED)
        elif method == "CONNECT":
            await self._tunnel(target, reader, writer)
            return False
        else:
            await self._hand_on(target, head, reader, writer)
        return True

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.says:
            writer.write(self.says)
            await reader.read(1)
            self.left.set()
            return
        if target not in self.hosts:
            writer.write(b"HTTP/1.1 502 No Such Host\r\ncontent-length: 0\r\n\r\n")
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.hosts[target])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: bytearray) -> None:
            with contextlib.suppress(ConnectionError):
                while part := await source.read(65536):
                    seen += part
                    sink.write(part)
                    await sink.drain()
            sink.close()

        try:
            await asyncio.gather(pump(reader, back, self.tunnelled), pump(there, writer, bytearray()))
        finally:
            back.close()

    async def _hand_on(
        self, target: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        parts = urlsplit(target)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        there, back = await asyncio.open_connection("127.0.0.1", self.hosts[parts.netloc])
        line, _, rest = head.partition(b"\r\n")
        back.write(line.replace(target.encode(), parts.path.encode()) + b"\r\nconnection: close\r\n" + rest + body)
        answer = await there.readuntil(b"\r\n\r\n")
        size = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        writer.write(answer + await there.readexactly(size))
        back.close()


@contextlib.asynccontextmanager
async def serve_forwarder(tls: ssl.SSLContext | None = None) -> AsyncIterator[Forwarder]:
    """One on a free loopback port, in this event loop."""
    state = Forwarder()
    tasks: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(state.handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the transports that were closed just now are gone after a turn of the loop
