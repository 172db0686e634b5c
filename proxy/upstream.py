"""Connections to providers: kept alive, taken again, and ended when nobody waits for their answer any more.

`send` gives a provider's answer with its body still to come; whatever goes wrong becomes UpstreamFailed or UpstreamTimeout with the
provider's name. Cancelling the task that waits, at any moment, ends the provider's call: nobody pays for an answer that nobody reads.

Own code on httptools: pyreqwest 0.15 doesn't stop a call whose answer has not begun, and takes 1.3 times the CPU a request and 2.5 times
a stream; aiohttp takes twice the CPU a request, httpx thirty times (bench/results/upstream-clients.md).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import field
from types import TracebackType
from typing import Self

import msgspec

from proxy.address import BadAddress, address_of
from proxy.connection import BrokenConnection, Connection, Headers, request_bytes
from proxy.decoding import BadCoding, decoder_for
from proxy.errors import UpstreamBusy, UpstreamFailed, UpstreamTimeout
from proxy.failures import broken, malformed, system_words, timed_out, unreachable
from proxy.pool import Pool
from proxy.providers import Timeouts
from proxy.proxies import Proxies, Way, way_to
from proxy.tunnel import ProxyRefused, refusal

MOST_BODY_BYTES = 256 * 1024 * 1024
"""Of an answer that is read as a whole, decompressed."""


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to a provider. At most `max_concurrency` answers of one provider are open at a time, where that is given."""

    provider: str
    method: str
    url: str
    headers: Headers
    body: bytes
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_concurrency: int | None = None


class Upstream:
    """The connections of one event loop. A call waits `queue_seconds` at most for its turn at a provider that is busy."""

    def __init__(self, *, queue_seconds: float = 10, proxies: Proxies | None = None) -> None:
        self._queue_seconds = queue_seconds
        self._proxies = proxies or Proxies()
        self._pool = Pool()
        self._gates: dict[str, asyncio.Semaphore] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

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
        way, raw = self._packed(request)
        while True:
            connection = self._pool.take(way) or await self._connected(way, request)
            try:
                async with asyncio.timeout(request.timeouts.first_byte_seconds):
                    await connection.exchange(raw)
            except BrokenConnection as error:
                connection.abort()
                if connection.used and not error.began:
                    continue  # an idle connection that the provider closed in the same moment: ask again on another
                raise broken(request.provider, error) from error
            except TimeoutError as error:
                connection.abort()
                raise timed_out(request.provider, "begin its answer", request.timeouts.first_byte_seconds) from error
            except BaseException:  # cancelled: nobody waits any more
                connection.abort()
                raise
            if way.forwarder is not None and connection.status == 407:
                connection.abort()
                raise unreachable(request.provider, str(refusal(way.forwarder, 407)))
            return UpstreamAnswer(request, connection, self._pool, way, gate)

    def _packed(self, request: UpstreamRequest) -> tuple[Way, bytes]:
        """Where a request goes, and its bytes."""
        try:
            address = address_of(request.url)
            way = way_to(address, self._proxies)
            headers = request.headers
            if way.forwarder is not None and way.forwarder.authorization:
                headers = [*headers, ("proxy-authorization", way.forwarder.authorization)]
            return way, request_bytes(request.method, way.target, address.authority, headers, request.body)
        except (BadAddress, ValueError) as error:
            raise UpstreamFailed(
                f"provider '{request.provider}' can't be asked: {error}", code="provider_unreachable"
            ) from error

    async def _connected(self, way: Way, request: UpstreamRequest) -> Connection:
        proxy = way.tunnel or way.forwarder
        through = f"through the proxy {proxy}: " if proxy is not None else ""
        try:
            async with asyncio.timeout(request.timeouts.connect_seconds):
                return await self._pool.connect(way)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"provider '{request.provider}' can't be reached: {through}connecting took longer than "
                f"{request.timeouts.connect_seconds:g} s",
                code="provider_timeout",
            ) from error
        except ProxyRefused as error:
            raise unreachable(request.provider, str(error)) from error
        except OSError as error:
            raise unreachable(
                request.provider, through + system_words(error, (way.tunnel.origin if way.tunnel else way.origin).host)
            ) from error


class UpstreamAnswer:
    """A provider's answer: its head is here, its body comes chunk by chunk, decompressed. Close it, whatever happens.

    It has a content-encoding only where that can't be undone: its chunks are as they came, then.
    """

    def __init__(
        self, request: UpstreamRequest, connection: Connection, pool: Pool, way: Way, gate: asyncio.Semaphore | None
    ) -> None:
        self.provider = request.provider
        self.status = connection.status
        self.headers: Sequence[tuple[str, str]] = connection.headers
        encoding = ", ".join(value for name, value in connection.headers if name == "content-encoding")
        self._decoder = decoder_for(encoding) if encoding else None
        if self._decoder is not None or encoding.strip().lower() == "identity":
            self.headers = [header for header in self.headers if header[0] != "content-encoding"]
        self._connection: Connection | None = connection
        self._pool = pool
        self._way = way
        self._timeouts = request.timeouts
        self._deadline = asyncio.get_running_loop().time() + request.timeouts.total_seconds
        self._gate = gate

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    async def chunk(self) -> bytes | None:
        """The next bytes as they come, or None at the end.

        Raises UpstreamFailed when it breaks off, UpstreamTimeout when it stalls, and UpstreamMalformed when it can't be read.
        """
        if self._decoder is None:
            return await self._raw()
        try:
            if decoded := self._decoder.read():
                await asyncio.sleep(0)  # others get their turn, however much there is to come of it
                return decoded
            while (raw := await self._raw()) is not None:
                self._decoder.feed(raw)
                if decoded := self._decoder.read():
                    return decoded
            self._decoder.finish()
        except BadCoding as error:
            if error.cut_short:
                raise broken(self.provider, BrokenConnection(str(error), began=True)) from error
            raise malformed(self.provider, str(error)) from error
        return None

    async def body(self) -> bytes:
        """The whole rest of the body, of MOST_BODY_BYTES at most; an error's even where it can't be decompressed."""
        encoding = self.header("content-encoding")
        if encoding and self.status < 400:
            raise malformed(
                self.provider, f"its body is in the content-encoding {encoding!r}, which nobody had asked for"
            )
        parts, size = [], 0
        while (chunk := await self.chunk()) is not None:
            parts.append(chunk)
            size += len(chunk)
            if size > MOST_BODY_BYTES:
                raise malformed(self.provider, f"its body is longer than {MOST_BODY_BYTES // 2**20} MiB")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Ends the exchange: the connection is kept if the body has come to its end, else the provider's call is aborted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(self._way, connection)
            if self._gate is not None:
                self._gate.release()

    async def _raw(self) -> bytes | None:
        """The next bytes as they came over the wire."""
        if self._connection is None:
            return None
        now = asyncio.get_running_loop().time()
        idle = self._timeouts.idle_seconds
        try:
            if now > self._deadline:
                raise TimeoutError
            async with asyncio.timeout_at(min(now + idle, self._deadline)):
                return await self._connection.chunk()
        except BrokenConnection as error:
            raise broken(self.provider, error) from error
        except TimeoutError as error:
            if now + idle < self._deadline:
                raise timed_out(self.provider, "go on with its answer", idle) from error
            raise timed_out(self.provider, "end its answer", self._timeouts.total_seconds) from error
