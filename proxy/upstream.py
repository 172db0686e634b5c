"""Connections to providers: kept alive, taken again, and ended when nobody waits for their answer any more.

`send` gives a provider's answer with its body still to come; whatever goes wrong becomes UpstreamFailed or UpstreamTimeout with the
provider's name. Cancelling the task that waits, at any moment, ends the provider's call: nobody pays for an answer that nobody reads.

Own code on httptools: pyreqwest 0.15 doesn't stop a call whose answer has not begun, and takes 1.3 times the CPU a request and 2.5 times
a stream; aiohttp takes twice the CPU a request, httpx thirty times (bench/results/upstream-clients.md).
"""

import asyncio
import os
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from proxy.connection import BrokenConnection, Connection, Headers, request_bytes
from proxy.errors import UpstreamBusy, UpstreamFailed, UpstreamTimeout
from proxy.providers import Timeouts

IDLE_SECONDS = 4.0  # below the 5 s after which Node.js servers close idle connections
MAX_IDLE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """What goes to a provider. At most `max_concurrency` answers of one provider are open at a time, where that is given."""

    provider: str
    method: str
    url: str
    headers: Headers
    body: bytes
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect."""

    tls: bool
    host: str
    port: int


class Upstream:
    """The connections of one event loop. A call waits `queue_seconds` at most for its turn at a provider that is busy."""

    def __init__(self, *, queue_seconds: float = 10) -> None:
        self._queue_seconds = queue_seconds
        self._tls = ssl.create_default_context()
        self._idle: dict[Origin, list[Connection]] = defaultdict(list)
        self._gates: dict[str, asyncio.Semaphore] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    async def send(self, request: UpstreamRequest, *, queue: bool = True) -> "UpstreamAnswer":
        """Sends a request and waits for the head of its answer; with `queue` off, a busy provider is refused at once (UpstreamBusy)."""
        gate = await self._enter(request, queue=queue)
        try:
            return await self._send(request, gate)
        except BaseException:
            if gate is not None:
                gate.release()
            raise

    async def _enter(self, request: UpstreamRequest, *, queue: bool) -> asyncio.Semaphore | None:
        """Waits for a turn at the provider; the answer's `close` ends it."""
        if request.max_concurrency is None:
            return None
        gate = self._gates.setdefault(request.provider, asyncio.Semaphore(request.max_concurrency))
        busy = UpstreamBusy(
            f"provider '{request.provider}' is busy: {request.max_concurrency} calls are open there already, as many as may be",
            code="provider_busy",
        )
        if gate.locked() and not queue:
            raise busy
        try:
            async with asyncio.timeout(self._queue_seconds):
                await gate.acquire()
        except TimeoutError as error:
            raise busy from error
        return gate

    async def _send(self, request: UpstreamRequest, gate: asyncio.Semaphore | None) -> "UpstreamAnswer":
        parts = urlsplit(request.url)
        tls = parts.scheme == "https"
        origin = Origin(tls, parts.hostname or "", parts.port or (443 if tls else 80))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            raw = request_bytes(request.method, target, parts.netloc.rpartition("@")[2], request.headers, request.body)
        except ValueError as error:
            raise UpstreamFailed(
                f"provider '{request.provider}' can't be asked: {error}", code="provider_unreachable"
            ) from error
        while True:
            connection = self._reused(origin) or await self._connected(origin, request)
            try:
                async with asyncio.timeout(request.timeouts.first_byte_seconds):
                    await connection.exchange(raw)
            except BrokenConnection as error:
                connection.abort()
                if connection.used and not error.began:
                    continue  # an idle connection that the provider closed in the same moment: ask again on another
                raise _failed(request.provider, error) from error
            except TimeoutError as error:
                connection.abort()
                raise _timed_out(request.provider, "begin its answer", request.timeouts.first_byte_seconds) from error
            except BaseException:  # cancelled: nobody waits any more
                connection.abort()
                raise
            return UpstreamAnswer(request, connection, self, origin, gate)

    def take_back(self, origin: Origin, connection: Connection) -> None:
        """Keeps a connection whose exchange has ended for the next one."""
        idle = self._idle[origin]
        if connection.reusable and connection.spent and not connection.closed and len(idle) < MAX_IDLE:
            connection.used = True
            connection.idle_since = time.monotonic()
            idle.append(connection)
        else:
            connection.abort()

    def _reused(self, origin: Origin) -> Connection | None:
        idle = self._idle[origin]
        oldest = time.monotonic() - IDLE_SECONDS
        while idle:
            connection = idle.pop()  # the one used last, so that the others grow old and go
            if not connection.closed and connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def _connected(self, origin: Origin, request: UpstreamRequest) -> Connection:
        try:
            async with asyncio.timeout(request.timeouts.connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, origin.host, origin.port, ssl=self._tls if origin.tls else None
                )
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"provider '{request.provider}' can't be reached: connecting took longer than "
                f"{request.timeouts.connect_seconds:g} s",
                code="provider_timeout",
            ) from error
        except OSError as error:
            raise UpstreamFailed(
                f"provider '{request.provider}' can't be reached: {_reason(error)}", code="provider_unreachable"
            ) from error
        return connection


class UpstreamAnswer:
    """A provider's answer: its head is here, its body comes chunk by chunk. Close it, whatever happens."""

    def __init__(
        self,
        request: UpstreamRequest,
        connection: Connection,
        upstream: Upstream,
        origin: Origin,
        gate: asyncio.Semaphore | None,
    ) -> None:
        self.provider = request.provider
        self.status = connection.status
        self.headers: Sequence[tuple[str, str]] = connection.headers
        self._connection: Connection | None = connection
        self._upstream = upstream
        self._origin = origin
        self._idle_seconds = request.timeouts.idle_seconds
        self._gate = gate

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    async def chunk(self) -> bytes | None:
        """The next bytes as they come, or None at the end."""
        if self._connection is None:
            return None
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await self._connection.chunk()
        except BrokenConnection as error:
            raise _failed(self.provider, error) from error
        except TimeoutError as error:
            raise _timed_out(self.provider, "go on with its answer", self._idle_seconds) from error

    async def body(self) -> bytes:
        """The whole rest of the body."""
        parts = []
        while (chunk := await self.chunk()) is not None:
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Ends the exchange: the connection is kept if the body has come to its end, else the provider's call is aborted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream.take_back(self._origin, connection)
            if self._gate is not None:
                self._gate.release()


def _reason(error: OSError) -> str:
    """The system's words for an error; asyncio puts its own over them."""
    if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno).lower()
    return error.strerror or str(error)


def _failed(provider: str, error: BrokenConnection) -> UpstreamFailed:
    if error.began:
        return UpstreamFailed(f"provider '{provider}' broke off its answer: {error}", code="provider_cut_off")
    return UpstreamFailed(f"provider '{provider}' gave no answer: {error}", code="provider_unreachable")


def _timed_out(provider: str, what: str, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"provider '{provider}' did not {what} within {seconds:g} s", code="provider_timeout")
