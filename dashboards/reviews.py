"""Requests for promotions: which wait, what one would change, who said what of it, and the forms to say something.

Knows how they are shown and which form is which act. Refuses to decide anything: the Store does.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.gates import gates_of
from dashboards.moves import NOT_ALLOWED
from dashboards.prompt import Attempt, beside, refused
from registry.diffs.compare import diff
from registry.errors import PromptInvalidError, PromptRequestNotFoundError, RegistryError
from registry.roles import Principal, permit
from registry.rules import strictest
from registry.values import REVIEW_KINDS, PromotionRequest, ReviewKind
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
STATES = ("open", "rejected", "promoted", "withdrawn")


def add_reviews(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/requests` and `/requests/{id}`."""

    def seen(request: Request, request_id: str) -> tuple[Principal, PromotionRequest]:
        me = frame.visitor(request)
        asked = store.request(request_id)
        permit(me, "inspect", slug=asked.slug)
        return me, asked

    def show(request: Request, asked: PromotionRequest, attempt: Attempt) -> HTMLResponse:
        prompt = store.prompt(asked.slug)
        live = prompt.channels.get(asked.channel)
        version = store.version(asked.slug, asked.version)
        found = diff(store.version(asked.slug, live), version) if live not in (None, asked.version) else None
        rule = strictest(store.rules(), asked.slug, asked.channel)
        going = asked.state == "open"
        gates = gates_of(store, asked.slug, rule, asked.version, live, frame.now()) if going else []
        return frame.page(
            request,
            "request.html",
            status=attempt.status,
            asked=asked,
            prompt=prompt,
            version=version,
            live=live,
            found=found,
            gates=gates,
            missing=beside(gates, asked.missing),
            attempt=attempt,
        )

    @router.get("/requests")
    def list_requests(request: Request, state: str = "open", prompt: str = "") -> HTMLResponse:
        me = frame.visitor(request, slug=prompt or None)
        wanted = state if state in STATES else None
        found = [each for each in store.requests(prompt or None, state=wanted) if me.sees(each.slug)]
        return frame.page(
            request, "requests.html", found=found, state=wanted or "all", states=(*STATES, "all"), prompt=prompt
        )

    @router.get("/requests/{request_id}")
    def get_request(request_id: str, request: Request) -> HTMLResponse:
        return show(request, seen(request, request_id)[1], Attempt())

    @router.post("/requests/{request_id}/review")
    def review(request_id: str, request: Request, form: Sent) -> Response:
        _, asked = seen(request, request_id)
        try:
            store.review(
                request_id,
                _kind(form),
                text=form.text("text"),
                by=frame.who(request),
                idempotency_key=form.text("once"),
            )
        except (*NOT_ALLOWED, PromptRequestNotFoundError):
            raise
        except RegistryError as error:
            return show(request, store.request(asked.request_id), refused("review", form, error))
        return see_other(f"/requests/{quote(request_id)}")

    @router.post("/requests/{request_id}/withdraw")
    def withdraw(request_id: str, request: Request, form: Sent) -> Response:
        seen(request, request_id)
        store.withdraw(request_id, reason=form.text("text"), by=frame.who(request))
        return see_other(f"/requests/{quote(request_id)}")


def _kind(form: Form) -> ReviewKind:
    for kind in REVIEW_KINDS:
        if form.text("kind") == kind:
            return kind  # type: ignore[return-value]  # one of the literal's own words
    raise PromptInvalidError(f"a review is one of {', '.join(REVIEW_KINDS)}", param="kind")
