"""The HTTP edge of `/v1`: ASGI in, `complete()`, ASGI out. Plain ASGI, because a decorated route costs half the throughput.

Owns the client's side of a call: reads the body within a bound, notices when the client leaves, and passes chunks on one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from proxy.complete import complete
from proxy.endpoints import ENDPOINTS, passed_through
from proxy.errors import ProxyError, RequestTooLarge, RouteNotFound, UpstreamFailed, answer_for
from proxy.line import CallRequest, Line
from proxy.models import list_models
from proxy.reply import Reply, error_reply
from proxy.stream import AnswerStream, BytesStream

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES = 64 * 1024 * 1024


class ClientLeft(Exception):
    """The client closed its connection before it had sent its request."""


class Edge:
    """The ASGI application of `/v1`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._draining: set[asyncio.Task[None]] = set()

    async def drained(self, seconds: float) -> None:
        """Waits until the answers that nobody waits for any more are read; what takes longer is cut short, on record."""
        if self._draining:
            _, late = await asyncio.wait(self._draining, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        try:
            if path in ENDPOINTS and method == "POST":
                call = CallRequest(
                    endpoint=ENDPOINTS[path],
                    headers=_headers(scope),
                    body=await _body(receive),
                    query=scope["query_string"].decode("latin-1"),
                )
                await self._call(call, receive, send)
            elif path == "/v1/models" and method == "GET":
                await _send_reply(await list_models(self._line, _headers(scope)), send)
            elif path in ENDPOINTS:
                raise _wrong_method(path, method)
            else:
                if ".." in path.split("/") or "\\" in path:
                    raise _not_found(path, method)
                call = CallRequest(
                    endpoint=passed_through(scope["raw_path"].decode("latin-1")),
                    headers=_headers(scope),
                    body=await _body(receive),
                    method=method,
                    query=scope["query_string"].decode("latin-1"),
                )
                await self._call(call, receive, send)
        except ProxyError as error:
            form = ENDPOINTS[path].errors if path in ENDPOINTS else "openai"
            await _send_reply(error_reply(answer_for(error), form), send)
        except ClientLeft:
            return

    async def _call(self, call: CallRequest, receive: Receive, send: Send) -> None:
        """Carries out a call while watching for the client to leave; leaving cancels the provider's call, or leaves it to be drained."""
        departure = Departure(receive)
        try:
            reply = await self._completed(call, departure)
            if isinstance(reply.body, bytes):
                departure.over = True
                await _send_reply(reply, send)
            else:
                await self._send_stream(reply, reply.body, send, departure)
        except UpstreamFailed:
            return  # the provider broke off in the middle of bytes: ending without an end breaks the client's connection off, too
        except asyncio.CancelledError:
            if not departure.seen:
                raise
        finally:
            departure.stop()

    async def _completed(self, call: CallRequest, departure: "Departure") -> Reply:
        if not self._line.drain:
            return await complete(call, self._line)
        carried = asyncio.create_task(complete(call, self._line, left=lambda: departure.seen))
        try:
            return await asyncio.shield(carried)
        except asyncio.CancelledError:
            self._drain(_read_out(carried))
            raise

    def _drain(self, reading: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(reading)
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _send_stream(
        self, reply: Reply, stream: AnswerStream | BytesStream, send: Send, departure: "Departure"
    ) -> None:
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": _encoded(reply.headers)})
            while (chunk := await stream.next()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            departure.over = True
            await send({"type": "http.response.body", "body": b""})
        except BaseException as error:
            code = message = ""
            if departure.seen and self._line.drain:
                self._drain(stream.drain())
                raise
            if not departure.seen:
                code, message = "server_stopped", f"the server ended the stream ({type(error).__name__})"
            stream.leave(error_code=code, error_message=message)
            raise
        stream.close()


async def _read_out(carried: asyncio.Task[Reply]) -> None:
    """Sees a call to its end that nobody waits for any more."""
    try:
        reply = await carried
    except asyncio.CancelledError:
        carried.cancel()
        raise
    if not isinstance(reply.body, bytes):
        await reply.body.drain()


class Departure:
    """Watches one client: when it goes, the task that serves it is cancelled."""

    def __init__(self, receive: Receive) -> None:
        self.seen = False
        self.over = False
        self._receive = receive
        self._server = asyncio.current_task()
        self._watch = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.over and self._server is not None:
            self.seen = True
            self._server.cancel()

    def stop(self) -> None:
        self.over = True
        self._watch.cancel()


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise RequestTooLarge(
                f"the request body is over the limit of {MAX_BODY_BYTES // 2**20} MiB", code="request_too_large"
            )
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _send_reply(reply: Reply, send: Send) -> None:
    assert isinstance(reply.body, bytes)  # noqa: S101 - streams take the other way
    headers = [*_encoded(reply.headers), (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _not_found(path: str, method: str) -> RouteNotFound:
    return RouteNotFound(f"{method} {path} is not an endpoint", code="request_route_not_found")


def _wrong_method(path: str, method: str) -> RouteNotFound:
    return RouteNotFound(f"{method} {path} is not an endpoint; it takes POST", code="request_route_not_found")
