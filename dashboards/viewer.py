"""How somebody sees the pages: theme, zone, keyboard; kept in cookies of their browser, and shown on the page about themselves.

Knows cookies and choices. Refuses to know who somebody is.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, FormRefusedError, read_form
from dashboards.frame import KEYS, THEME, THEMES, Frame, see_other
from dashboards.signing import SigningIn
from dashboards.signing_pages import local
from dashboards.zones import COOKIE, read_zone

Sent = Annotated[Form, Depends(read_form)]
_YEAR = 365 * 24 * 3600


def add_viewer(router: APIRouter, frame: Frame, signing: SigningIn) -> None:
    """`/me`, and the forms that choose."""

    @router.get("/me")
    def me(request: Request) -> HTMLResponse:
        frame.who(request)
        return frame.page(request, "me.html", sessions=signing.count(request))

    @router.post("/theme")
    def theme(form: Sent) -> Response:
        answer, chosen = see_other(local(form.text("back"))), form.text("theme")
        _choose(answer, THEME, chosen if chosen in THEMES else "")
        return answer

    @router.post("/me/zone")
    def zone(form: Sent) -> Response:
        """A zone by its name; "" is the browser's own, which a script tells, and UTC without one."""
        name = form.text("zone")
        if name and read_zone(name) is None:
            raise FormRefusedError(f"'{name[:60]}' is no zone: write one such as Europe/Berlin, or UTC", status=400)
        answer = see_other(local(form.text("back")))
        _choose(answer, COOKIE, name, readable=True)
        return answer

    @router.post("/me/keyboard")
    def keyboard(form: Sent) -> Response:
        """Whether single keys do something: who speaks to a computer may not want that."""
        answer = see_other(local(form.text("back")))
        _choose(answer, KEYS, "" if form.checked("keys") else "off")
        return answer


def _choose(answer: Response, cookie: str, value: str, *, readable: bool = False) -> None:
    if value:
        answer.set_cookie(cookie, value, max_age=_YEAR, httponly=not readable, samesite="lax")
    else:
        answer.delete_cookie(cookie)
