"""The outermost ASGI application: who may knock, and which room answers.

`/v1` goes straight to the request path, which asks for keys itself; everything else to FastAPI. Where the server listens decides:

- **On loopback only**, whoever knocks is on this machine, and owns it or was let in by who does: `/api` and the pages are open to
  whoever brings no key, and a key that is brought counts with its roles. `/v1` asks for a key as soon as there are any. What
  remains are web pages that somebody here happens to have open. Two checks keep them out: the Host header must be a loopback name
  (against DNS rebinding), and a browser's Origin must be this very server.
- **Beyond loopback** (or behind a reverse proxy, which looks like loopback and isn't) anybody knocks, by any name. `/v1` asks for a
  key always, even if a registry without keys is put in place later, and so do `/api` and the pages, where roles decide: those of a
  key, or of whoever signed in (`slugline.signing.visits`). `/health` is open, for load balancers, and so is the way in. Browsers
  send keys and cookies by themselves, also for other sites' forms, so the Origin check stays for whatever changes something. Reads
  need none: without CORS headers no other site sees the answer.
"""

from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.forms import from_own_page
from proxy.edge import Edge
from proxy.errors import NotAuthenticated, ProxyError, RequestRefused, answer_for
from registry.errors import AuthShareNotFoundError, RegistryError
from slugline.settings import LOOPBACK
from slugline.signing.visits import AGAIN, NOBODY, OVER, SHARED, VISIT, Visit, Visits, wants_page, way_in
from slugline.traces import PATH as TRACES_PATH
from slugline.traces import Traces
from tracing.telemetry.counters import Counters

KEY = "slugline.key"
"""Where a request's scope holds the key that it came with, or that its sender signed in with; None where there is none."""

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
        visits: Visits,
        counters: Counters,
        exposed: bool,
    ) -> None:
        self._edge = edge
        self._traces = traces
        self._api = api
        self._visits = visits
        self._counters = counters
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
                scope = await self._visited(scope)
        except (ProxyError, RegistryError) as error:
            await _refuse(error, scope, send)
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

    async def _visited(self, scope: Scope) -> Scope:
        """The scope with who visits. A form whose sender was signed out meanwhile goes to the page that gives back what was typed.

        Raises NotAuthenticated, HostRefused and RegistryUnavailableError.
        """
        headers = _headers(scope)
        if scope["path"].startswith(SHARED) and scope["method"] in _READS:
            try:
                share = await self._visits.shared(scope["path"].removeprefix(SHARED))
            except AuthShareNotFoundError:
                return {**scope, "path": OVER, "raw_path": OVER.encode(), VISIT: Visit(principal=NOBODY)}
            page = urlsplit(share.path)
            place = {"path": unquote(page.path), "raw_path": page.path.encode(), "query_string": page.query.encode()}
            return {**scope, **place, VISIT: Visit(principal=share.principal, share=share), KEY: None}
        try:
            visit = await self._visits.of(scope, headers)
        except NotAuthenticated:
            if scope["method"] != "POST" or not wants_page(scope, headers):
                raise
            query = way_in(scope, headers).partition("?")[2].encode("latin-1")
            signed_out = Visit(principal=NOBODY)
            return {**scope, "path": AGAIN, "raw_path": AGAIN.encode(), "query_string": query, VISIT: signed_out}
        if visit.session is not None and scope["method"] not in _READS and not from_own_page(headers):
            raise _not_here("what changes something and comes by a sign-in must come from a page of this server")
        return {**scope, VISIT: visit, KEY: visit.key}


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


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


async def _refuse(error: ProxyError | RegistryError, scope: Scope, send: Send) -> None:
    headers = _headers(scope)
    if isinstance(error, NotAuthenticated) and scope["method"] in _READS and wants_page(scope, headers):
        where = [(b"location", way_in(scope, headers).encode("latin-1")), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": [*where, (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    answer = answer_for(error)
    body = answer.body("openai")
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # A browser's script that is told this would make it ask people for a name and a password.
    if isinstance(error, NotAuthenticated) and "sec-fetch-mode" not in headers:
        told.append((b"www-authenticate", b'Basic realm="Slugline: any name, and a key as password"'))
    await send({"type": "http.response.start", "status": answer.status, "headers": told})
    await send({"type": "http.response.body", "body": body})
