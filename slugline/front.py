"""The outermost ASGI application: who may knock, and which room answers.

`/v1` goes straight to the request path, which asks for keys itself; everything else to FastAPI. Where the server listens decides:

- **On loopback only**, whoever knocks is on this machine, and owns it or was let in by who does: `/api` and the pages are open to
  whoever brings no key, and a key that is brought counts with its roles. `/v1` asks for a key as soon as there are any. What
  remains are web pages that somebody here happens to have open. Two checks keep them out: the Host header must be a loopback name
  (against DNS rebinding), and a browser's Origin must be this very server.
- **Beyond loopback** (or behind a reverse proxy, which looks like loopback and isn't) anybody knocks, by any name. `/v1` asks for a
  key always, even if a registry without keys is put in place later, and so do `/api` and the pages, where its roles decide;
  `/health` is open, for load balancers. Browsers send the key that they were once told by themselves, also for other sites' forms,
  so the Origin check stays for whatever changes something. Reads need none: without CORS headers no other site sees the answer.
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.auth import authenticate, presented_key
from proxy.edge import Edge
from proxy.errors import NotAuthenticated, ProxyError, RequestRefused, answer_for
from registry.keys import CallerKey
from registry.serving.live import LiveRegistry
from slugline.settings import LOOPBACK
from slugline.traces import PATH as TRACES_PATH
from slugline.traces import Traces
from tracing.telemetry.counters import Counters

KEY = "slugline.key"
"""Where a request's scope holds the key that it came with, None where it came without and needed none."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class HostRefused(RequestRefused):
    """The request's Host or Origin is not this server."""

    status = 403


class Front:
    """One worker's application. `exposed`: others than this machine can reach it."""

    def __init__(
        self,
        *,
        edge: Edge,
        traces: Traces,
        api: ASGIApp,
        live: LiveRegistry,
        counters: Counters,
        now: Callable[[], datetime],
        exposed: bool,
    ) -> None:
        self._edge = edge
        self._traces = traces
        self._api = api
        self._live = live
        self._counters = counters
        self._now = now
        self._exposed = exposed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here takes one
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"]
        try:
            if not (self._exposed and path.startswith("/health/")):
                _check_origin(scope, exposed=self._exposed)
            if not path.startswith(("/v1/", "/health/")):
                scope[KEY] = self._key(scope)
        except ProxyError as error:
            await _refuse(error, send)
            return
        if path == TRACES_PATH:
            await self._traces(scope, receive, send)
        elif path.startswith("/v1/"):
            self._counters.began()
            try:
                await self._edge(scope, receive, send)
            finally:
                self._counters.ended()
        else:
            await self._api(scope, receive, send)

    def _key(self, scope: Scope) -> CallerKey | None:
        """The key that a request comes with; on loopback it may come without. Raises NotAuthenticated."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._exposed and presented_key(headers) is None:
            return None
        return authenticate(headers, self._live, self._now(), required=True)


def _check_origin(scope: Scope, *, exposed: bool) -> None:
    host = origin = ""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
    try:
        if not exposed and urlsplit(f"//{host}").hostname not in LOOPBACK:
            raise _not_here(
                f"the Host header {host!r} is not this machine: a server on loopback answers to localhost only"
            )
        if origin and not (exposed and scope["method"] in _READS) and urlsplit(origin).netloc != host:
            raise _not_here(f"the web page {origin!r} is not this server's: it answers to its own pages only")
    except ValueError:
        raise _not_here("the Host or Origin header can't be read") from None


def _not_here(message: str) -> HostRefused:
    return HostRefused(message, code="auth_host_refused")


async def _refuse(error: ProxyError, send: Send) -> None:
    answer = answer_for(error)
    body = answer.body("openai")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if isinstance(error, NotAuthenticated):
        headers.append((b"www-authenticate", b'Basic realm="Slugline: any name, and a key as password"'))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
