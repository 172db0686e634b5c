"""Who visits `/api` and the pages: by a key, by a session's cookie, or nobody. What a request's scope says of it from then on.

Knows headers and which paths are open. Refuses to know what visitors may do: `registry.roles` does. The rules:

1. A key in a header counts before a cookie: whoever sends one means it.
2. A cookie's session that has ended is not the same as none: whoever believes to act as themselves must not act as somebody else.
3. A link to a shared page opens that page and nothing else, as if its visitor were nobody else, whoever they are.
4. What changes something and comes by a cookie must come from a page of this server: browsers send cookies by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.types import Scope

from dashboards.session_cookie import SESSION, is_https, read_cookie
from proxy.auth import authenticate, presented_key
from proxy.errors import NotAuthenticated
from registry.keys import CallerKey, principal_of
from registry.roles import Principal
from registry.serving.live import LiveRegistry
from registry.sessions import Session
from registry.shares import Share
from registry.writing.session_store import SessionStore
from registry.writing.share_store import ShareStore

VISIT = "slugline.visit"
"""Where a request's scope holds its Visit."""

NOBODY = Principal(name="nobody", identity="", roles=frozenset(), verified=False)

SIGN_IN = "/sign-in"
SHARED = "/shared/"
OVER = "/sign-in/no-such-link"
"""Says that a link opens nothing."""
AGAIN = "/sign-in/again"
"""Gives back what was typed into a form whose sender was signed out meanwhile."""
_OPEN = ("/sign-in/", "/static/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who makes a request, and the key that pays for it.

    Without a principal it comes from this machine, where nobody has to say who they are.
    """

    principal: Principal | None = None
    key: CallerKey | None = None
    session: Session | None = None
    share: Share | None = None


class Visits:
    """Tells who visits. `exposed`: others than this machine can reach the server, so everybody is asked."""

    def __init__(
        self,
        *,
        live: LiveRegistry,
        sessions: SessionStore,
        shares: ShareStore,
        now: Callable[[], datetime],
        exposed: bool,
    ) -> None:
        self._live = live
        self._sessions = sessions
        self._shares = shares
        self._now = now
        self._exposed = exposed

    async def of(self, scope: Scope, headers: Mapping[str, str]) -> Visit:
        """The visit that a request is. Raises NotAuthenticated, and RegistryUnavailableError where a session can't be looked up."""
        if presented_key(headers) is not None:
            key = authenticate(headers, self._live, self._now(), required=True)
            return Visit(principal=None if key is None else principal_of(key), key=key)
        open_to_all = scope["path"] == SIGN_IN or scope["path"].startswith(_OPEN)
        text = read_cookie(headers, SESSION, https=is_https(headers, scope.get("scheme", "http")))
        if text:
            session = await to_thread.run_sync(self._sessions.find, text)
            if session is not None:
                return Visit(principal=session.principal, key=session.key, session=session)
            if not open_to_all:
                raise NotAuthenticated("you were signed out, or your sign-in has ended", code="auth_session_ended")
        if not self._exposed:
            return Visit()
        if not open_to_all:
            authenticate(headers, self._live, self._now(), required=True)
        return Visit(principal=NOBODY)

    async def shared(self, text: str) -> Share:
        """The page that a link opens. Raises AuthShareNotFoundError."""
        return await to_thread.run_sync(self._shares.find, text)


def wants_page(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a request is a browser's for a page, so that it is led to the sign-in instead of being refused."""
    return "text/html" in headers.get("accept", "") and not scope["path"].startswith(("/api/", "/v1/"))


def way_in(scope: Scope, headers: Mapping[str, str]) -> str:
    """The sign-in page's address, which leads back to where a request wanted to go; to its form's page for one that changes something."""
    back = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    if scope["method"] not in ("GET", "HEAD"):
        form = urlsplit(headers.get("referer", ""))
        back = form.path + (f"?{form.query}" if form.query else "")
    return SIGN_IN if back in ("", "/") else f"{SIGN_IN}?next={quote(back, safe='')}"
