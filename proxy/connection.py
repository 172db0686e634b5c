"""One HTTP/1.1 connection to a provider (RFC 9112): bytes in, an answer's head and chunks out.

Carries one exchange at a time. Chunks are handed over as soon as they are parsed; a reader that doesn't keep up pauses the
socket. Knows no pool, no provider and no meaning of an answer. httptools (llhttp) does the parsing, strictly: an answer with two
lengths, with folded or bare line ends, or with a control character in a header is no answer.
"""

import asyncio
from collections.abc import Sequence

import httptools

PAUSE_BYTES = 256 * 1024
MOST_HEAD_BYTES = 64 * 1024
"""Of an answer's head, interim answers included; most servers and clients take less."""

Headers = Sequence[tuple[str, str]]


class BrokenConnection(Exception):
    """The connection ended, or what came over it was no HTTP (`malformed`). `began`: some of the answer had come by then."""

    def __init__(self, message: str, *, began: bool, malformed: bool = False) -> None:
        super().__init__(message)
        self.began = began
        self.malformed = malformed


class Connection(asyncio.Protocol):
    """A connection and the answer that is coming over it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.reusable = False
        self.used = False
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: list[bytes] = []
        self._buffered = self._head_bytes = self._told_bytes = 0
        self._bodiless = False
        self._paused = False
        self._began = self._headed = self._complete = False
        self._broken: BrokenConnection | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def spent(self) -> bool:
        """True when its answer was read to the end, and its request taken: only then may it carry another exchange.

        Else that one's answer would begin with this one's rest, or its request wait behind an upload that nobody takes.
        """
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return self._complete and not self._chunks and not unsent

    @property
    def closed(self) -> bool:
        """True when no exchange can start on it any more."""
        return self._transport is None or self._transport.is_closing()

    async def exchange(self, request: bytes) -> None:
        """Sends a request and waits for the head of its answer: `status` and `headers`. Raises BrokenConnection."""
        assert not self._chunks  # noqa: S101 - an answer that was not read to its end never leaves a connection behind
        self._parser = httptools.HttpResponseParser(self)
        self.status, self.headers = 0, []
        self.reusable = self._began = self._headed = self._complete = False
        self._head_bytes = self._told_bytes = 0
        self._bodiless = request.startswith(b"HEAD ")
        if self._transport is None:
            raise BrokenConnection("the connection was closed", began=False)
        self._transport.write(request)
        while not self._headed:
            if self._broken is not None:
                raise self._broken
            await self._more()

    async def chunk(self) -> bytes | None:
        """All of the body that has come since the last call, waiting for some; None at its end."""
        while not self._chunks:
            if self._complete:
                return None
            if self._broken is not None:
                raise self._broken
            await self._more()
        chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    def abort(self) -> None:
        """Ends the connection at once; the provider sees it."""
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, message: str, *, malformed: bool = False) -> None:
        if self._broken is None:
            self._broken = BrokenConnection(message, began=self._began, malformed=malformed)
        self.reusable = False
        self._wake()

    def _malformed(self, what: str) -> None:
        self._fail(what, malformed=True)
        self.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._complete:
            self._fail("the provider sent bytes that nobody had asked for")
            self.abort()
            return
        self._began = True
        if not self._headed:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._malformed("it switches to another protocol, which nobody had asked for")
        except httptools.HttpParserError as error:
            self._malformed(str(error))
        if not self._headed and self._head_bytes > MOST_HEAD_BYTES:
            self._malformed(f"its headers are longer than {MOST_HEAD_BYTES // 1024} KiB")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        names = {name for name, _ in self.headers}
        if self._headed and not self._complete and not error and not names & {"content-length", "transfer-encoding"}:
            self._complete = True  # a body without a length ends with the connection
            self._wake()
        elif not self._complete:
            self._fail(str(error) if error else "the connection was closed before the answer had ended")

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:  # else a trailer (RFC 9110, section 6.5): nobody reads those
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._complete:
            self._fail("the provider sent an answer that nobody had asked for")
            return
        if self._broken is not None:
            return
        assert self._parser is not None  # noqa: S101 - it is calling
        self.status = self._parser.get_status_code()
        self._told_bytes += 32 + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self._told_bytes > MOST_HEAD_BYTES:
            self._malformed(f"its headers are longer than {MOST_HEAD_BYTES // 1024} KiB")
            return
        if self.status < 200:  # an interim answer: the real one is still to come
            return
        if any(name == "transfer-encoding" and value.lower() != "chunked" for name, value in self.headers):
            self._malformed("it has a transfer-encoding other than chunked")
            return
        self._headed = True
        self._complete = self._bodiless  # an answer to HEAD tells the length of a body that never comes
        self._wake()

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > PAUSE_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if not self._headed:
            self.headers = []
            return
        assert self._parser is not None  # noqa: S101 - it is calling
        self._complete = True
        self.reusable = self._parser.should_keep_alive()
        self._wake()


def request_bytes(method: str, target: str, host: str, headers: Headers, body: bytes) -> bytes:
    """A request as it goes over the wire; raises ValueError for a header that would smuggle in another."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"content-length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
        raise ValueError("a header holds a line break")
    return head.encode("latin-1") + b"\r\n\r\n" + body
