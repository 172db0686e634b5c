"""Pages that are shared by a link: the list of links, the forms to make and end one, and which pages can be shared.

Knows addresses of pages and whose prompts they are about. Refuses to decide who may share: `registry.roles` does. What opens a link is
`slugline.signing.visits`; what is left of its page then, `dashboards.shared`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, FormRefusedError, read_form
from dashboards.frame import Frame, base_url, see_other
from dashboards.moves import NOT_ALLOWED
from dashboards.prompt import Attempt, refused
from registry.errors import RegistryError
from registry.reference import check_slug
from registry.roles import permit
from registry.shares import LONGEST, Share
from registry.writing.share_store import ShareStore
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
DAYS = ("1", "7", "30", str(LONGEST.days))
_PROMPT = re.compile(r"/prompts/(?P<slug>[^/]+)/(?:quality|drift)")
_EVALUATION = re.compile(r"/evaluations/(?P<id>(?!new\b)[A-Za-z0-9-]+)")
_PASSING = frozenset({"done", "follow", "zone"})
"""What of an address is about a moment or a viewer, and not about the page."""


def can_be_shared(path: str) -> bool:
    """Whether a page of this address can be shared."""
    return bool(_PROMPT.fullmatch(path) or _EVALUATION.fullmatch(path))


def lasting(address: str) -> str:
    """The address of a page here without what is about one visit."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _PASSING]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))


def add_shares(router: APIRouter, frame: Frame, store: Store, shares: ShareStore, public_url: str) -> None:
    """`/shares` with its forms."""

    def slugs_of(path: str) -> tuple[str, ...]:
        """What a page is about: nothing else may be seen by its link."""
        if found := _PROMPT.fullmatch(path):
            return (store.prompt(check_slug(found["slug"])).slug,)
        if found := _EVALUATION.fullmatch(path):
            one = store.evaluation(found["id"])
            return (one.slug, one.dataset)
        raise FormRefusedError(
            "only quality, drift and evaluations can be shared: open one of them, and choose Share there", status=400
        )

    def show(request: Request, attempt: Attempt, path: str, link: str = "", made: Share | None = None) -> HTMLResponse:
        me = frame.visitor(request)
        permit(me, "share")
        mine = [
            each
            for each in shares.all_shares()
            if me.may("manage keys") or each.identity == me.identity or all(me.sees(slug) for slug in each.slugs)
        ]
        told = {"shares": mine[:200], "attempt": attempt, "path_asked": path, "link": link, "made": made, "days": DAYS}
        return frame.page(request, "shares.html", status=attempt.status, **told)

    @router.get("/shares")
    def get_shares(request: Request, path: str = "") -> HTMLResponse:
        return show(request, Attempt(), path if can_be_shared(urlsplit(path).path) else "")

    @router.post("/shares")
    def create(request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        path = lasting(form.text("path"))
        days = form.whole("days") or 7
        try:
            made, text = shares.create(
                path,
                slugs_of(urlsplit(path).path),
                bodies=form.checked("bodies"),
                note=form.text("note"),
                expires_at=frame.now() + timedelta(days=min(days, LONGEST.days)) - timedelta(seconds=1),
                by=me,
            )
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show(request, refused("share", form, error), path)
        return show(request, Attempt(), "", f"{public_url or base_url(request)}/shared/{text}", made)

    @router.post("/shares/{share_id}/revoke")
    def revoke(share_id: str, request: Request, form: Sent) -> Response:
        shares.revoke(share_id, by=frame.visitor(request))
        return see_other("/shares")
