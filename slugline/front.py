"""The outermost ASGI application: who may knock, and which room answers.

`/v1` goes straight to the request path; everything else to FastAPI. While no caller keys exist the server listens on loopback
only, and two checks keep web pages out that somebody on this machine happens to have open: the Host header must be a
loopback name (against DNS rebinding), and a browser's Origin must be this very server.
"""

import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.edge import Edge
from proxy.errors import error_body

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

log = logging.getLogger("slugline")


class Front:
    """One worker's application."""

    def __init__(self, *, edge: Edge, api: ASGIApp) -> None:
        self._edge = edge
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal:
            await _refuse(refusal, send)
        elif scope["path"].startswith("/v1/"):
            await self._edge(scope, receive, send)
        else:
            await self._api(scope, receive, send)


def _refusal(scope: Scope) -> str:
    host = origin = ""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
    try:
        if urlsplit(f"//{host}").hostname not in _LOOPBACK:
            return (
                f"the Host header {host!r} is not this machine: a server without caller keys answers to localhost only"
            )
        if origin and urlsplit(origin).netloc != host:
            return f"the web page {origin!r} is not this server's: a server without caller keys answers to its own pages only"
    except ValueError:
        return "the Host or Origin header can't be read"
    return ""


async def _refuse(message: str, send: Send) -> None:
    body = error_body(message, "invalid_request_error", "auth_host_refused")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def lost_reporter(every_seconds: float = 10.0) -> Callable[[OSError], None]:
    """Logs records that could not be written, without filling the log at the rate of the calls."""
    last = float("-inf")

    def report(error: OSError) -> None:
        nonlocal last
        if time.monotonic() - last >= every_seconds:
            last = time.monotonic()
            log.error("records can't be written, calls go on without them: %s", error)

    return report
