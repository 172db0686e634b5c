"""The frame around every page: templates, headers, who is looking, and how a refusal looks.

Knows layout and headers. Refuses to know what a page is about. A page is rendered on the server, complete without JavaScript, under a
content security policy that lets nothing foreign in; every text in it is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from dashboards import text
from dashboards.filters import FILTERS, GLOBALS
from dashboards.forms import SAFE, Form, FormRefusedError, check_own_page
from dashboards.icons import load_icons
from dashboards.shared import read_only
from dashboards.signing import SigningIn
from dashboards.statics import load_statics
from dashboards.zones import COOKIE, name_of, stamp, zone_of
from evaluation.errors import AnalysisError, MetricNotFoundError
from evaluation.runs.errors import EvaluationError, EvaluationNotFoundError
from registry.errors import STATUS, RegistryError
from registry.http.terms import By
from registry.roles import ROLES, Action, Principal, allows, permit
from tracing.clickhouse import ClickHouseRefused, ClickHouseUnavailable
from tracing.search.errors import CallNotFoundError, SearchError

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
THEME = "slugline_theme"
"""The cookie that holds the reader's choice of light or dark; without it the system's counts."""
THEMES = ("light", "dark")
KEYS = "slugline_keys"
"""The cookie of whoever wants no single keys to do anything: `off`."""
_TITLES = {
    400: "This can't be done",
    401: "Signed out",
    403: "Not allowed",
    404: "Not found",
    409: "Not any more",
    412: "Changed meanwhile",
    503: "Can't be read now",
}
ELSEWHERE = (AnalysisError, EvaluationError, SearchError, ClickHouseRefused, ClickHouseUnavailable)
"""What other rooms refuse; the registry's own errors know their status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A page that the rail leads to for whoever may do `action`, and that the keys `g` and `key` open."""

    href: str
    icon: str
    name: str
    key: str
    action: Action = "inspect"


class Frame:
    """Renders pages. `by` says who asks, `signing` how they came in, `now` the time, `new_id` an id that was never given before.

    `rooms` are the pages that the rail leads to, and `can_be_shared` says which can be shared: whoever puts the pages together knows.
    """

    def __init__(self, *, by: By, signing: SigningIn, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._by = by
        self._signing = signing
        self.now = now
        self._new_id = new_id
        self.statics = load_statics()
        self.rooms: tuple[Room, ...] = ()
        self.can_be_shared: Callable[[str], bool] = lambda path: False
        # While a page is rendered: filters and macros have no other way to learn whose page it is.
        self._zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)
        icons = load_icons()
        self._templates = Environment(
            loader=PackageLoader("dashboards"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters |= {**FILTERS, "stamp": lambda at: stamp(at, self._zone.get())}
        self._templates.globals |= {
            **GLOBALS,
            "icon": icons.__getitem__,
            "static": lambda name: self.statics[name].path,
            "zone_name": lambda: name_of(self._zone.get()),
        }

    def visitor(self, request: Request, *, slug: str | None = None) -> Principal:
        """Who asks, if they may look around, and at this prompt. Raises AuthRoleNotAllowedError and AuthPromptNotAllowedError."""
        me = self._by(request)
        permit(me, "inspect", slug=slug)
        return me

    def who(self, request: Request) -> Principal:
        """Who asks, whatever they may."""
        return self._by(request)

    def page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page from its template; `context` is what it shows."""
        me, now = self._by(request), self.now()
        theme, zone, share = request.cookies.get(THEME), zone_of(request), self._signing.share(request)
        around = {
            "me": me,
            "roles": [role for role in ROLES if role in me.roles],
            "may": partial(may, me),
            "now": now,
            "since": lambda at: text.since(at, now),
            "theme": theme if theme in THEMES else "",
            "path": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "session": self._signing.session(request),
            "share": share,
            "shareable": me.may("share") and self.can_be_shared(request.url.path),
            "rooms": [room for room in self.rooms if me.may(room.action)],
            "zone_cookie": request.cookies.get(COOKIE, ""),
            "quiet": share is not None or request.cookies.get(KEYS) == "off",
            "read": request.method == "GET",
            "base_url": base_url(request),
            "new_id": self._new_id,
        }
        before = self._zone.set(zone)
        try:
            html = self._templates.get_template(template).render(around | context)
        finally:
            self._zone.reset(before)
        if share is not None:
            html = read_only(html, bodies=share.bodies)
        return HTMLResponse(html, status_code=status, headers=HEADERS)

    def refusal(self, request: Request, message: str, *, status: int, way: str = "") -> HTMLResponse:
        """Why something isn't done, as a page, with what was typed; `way` is where to sign in, where that is what it takes."""
        form: Form = getattr(request.state, "form", Form())
        typed = {name: value for name, value in form.fields.items() if value.strip() and name not in _UNTYPED}
        title = _TITLES.get(status, "This can't be done")
        return self.page(
            request, "refused.html", status=status, title=title, message=message, typed=typed, way=way, bare=bool(way)
        )

    def route(self) -> type[APIRoute]:
        """The kind of route that pages have: forms come from this server's own pages, and refusals are pages."""
        frame = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def handled(request: Request) -> Response:
                    try:
                        if request.method not in SAFE:
                            check_own_page(request)
                        return await handle(request)
                    except FormRefusedError as error:
                        return frame.refusal(request, error.message, status=error.status)
                    except RegistryError as error:
                        if not _wants_page(request):
                            raise
                        return frame.refusal(request, error.message, status=STATUS[type(error)])
                    except ELSEWHERE as error:
                        if not _wants_page(request):
                            raise
                        return frame.refusal(request, str(error), status=_status(error))
                    except RequestValidationError as error:
                        if not _wants_page(request):
                            raise
                        return frame.refusal(request, _invalid(error), status=404)

                return handled

        return PageRoute


def may(me: Principal, action: Action, slug: str | None = None, channel: str | None = None) -> bool:
    """Whether somebody may do an action: for showing a form or not. Whether it is done is the registry's to say."""
    return (
        me.may(action)
        and (slug is None or me.sees(slug))
        and (channel is None or not channel or allows(me.channels, channel))
    )


def base_url(request: Request) -> str:
    """Where the reader's browser sees this server: for lines to copy, and for nothing else."""
    told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    scheme = told if told in ("http", "https") else request.url.scheme
    return f"{scheme}://{request.url.netloc}"


def see_other(url: str) -> Response:
    """The answer to a form that was carried out: look there. So a reload repeats nothing."""
    return RedirectResponse(url, status_code=303, headers=HEADERS)


_UNTYPED = frozenset({"revision", "once", "back", "key"})


def _status(error: Exception) -> int:
    if isinstance(error, ClickHouseRefused | ClickHouseUnavailable):
        return 503
    return 404 if isinstance(error, CallNotFoundError | EvaluationNotFoundError | MetricNotFoundError) else 400


def _wants_page(request: Request) -> bool:
    """Browsers say that they take HTML. Whoever doesn't gets the API's error body."""
    return "text/html" in request.headers.get("accept", "")


def _invalid(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"'{first['loc'][-1]}' in the page's address: {first['msg'].lower()}"
