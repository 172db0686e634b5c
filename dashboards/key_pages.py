"""Keys and people, for admins: who may do what, who was seen last, and the forms to change it.

Knows forms and what a list shows. Refuses to decide anything: the KeyStore and the SessionStore do. A key's text is in one answer only,
that of the form which made it; a reload of that answer makes no second key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import HEADERS, Frame, see_other
from dashboards.key_fields import changed, fields_of, scopes_of, terms_of
from dashboards.moves import NOT_ALLOWED
from dashboards.prompt import Attempt, refused
from dashboards.zones import zone_of
from registry.errors import AuthKeyEndedError, RegistryError
from registry.http.keys_api import KeyOut, Use
from registry.keys import CallerKey, IssuedKey, KeyTerms
from registry.roles import Principal, permit
from registry.sessions import Person
from registry.writing.key_store import KeyStore
from registry.writing.session_store import SessionStore

Sent = Annotated[Form, Depends(read_form)]
MOST = 200
GRACE = (("0", "ends now"), ("1", "lasts an hour more"), ("24", "lasts a day more"), ("168", "lasts a week more"))
"""How long a key that is replaced goes on, in hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key in the list. `state` is "good", "expired" or "revoked"."""

    key: CallerKey
    state: str
    use: Any
    scopes: Sequence[tuple[str, str]]


def add_keys(router: APIRouter, frame: Frame, keys: KeyStore, people: SessionStore, use: Use) -> None:
    """`/keys` with its twin and its forms, and `/people/…`."""

    def admin(request: Request) -> Principal:
        me = frame.visitor(request)
        permit(me, "manage keys", slug="" if me.prompts else None)
        return me

    def listed(*, ended: bool) -> tuple[list[ListedKey], int]:
        found = [_listed(key, frame, use) for key in reversed(keys.all_keys())]
        shown = [each for each in found if ended or each.state == "good"]
        return [replace(each, use=use(each.key)) for each in shown[:MOST]], len(found) - len(shown[:MOST])

    def show(
        request: Request, attempt: Attempt, *, issued: IssuedKey | None = None, replaced: CallerKey | None = None
    ) -> HTMLResponse:
        admin(request)
        shown, hidden = listed(ended=request.query_params.get("ended") == "1")
        return frame.page(
            request,
            "keys.html",
            status=attempt.status,
            keys=shown,
            hidden=hidden,
            people=people.people(),
            attempt=attempt,
            typed=attempt.of("key").fields or fields_of(KeyTerms(name=""), zone_of(request)),
            issued=issued,
            replaced=replaced,
            grace=GRACE,
        )

    @router.get("/keys.json")
    def get_twin(request: Request) -> JSONResponse:
        admin(request)
        told = {
            "keys": [KeyOut.of(key, use(key)).model_dump(mode="json") for key in keys.all_keys()],
            "people": [_person(each) for each in people.people()],
        }
        return JSONResponse(told, headers=HEADERS)

    @router.get("/keys")
    def get_keys(request: Request) -> HTMLResponse:
        return show(request, Attempt())

    @router.post("/keys")
    def create(request: Request, form: Sent) -> Response:
        me = admin(request)
        try:
            issued = keys.create(terms_of(form), by=me, idempotency_key=form.text("once"))
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show(request, refused("key", form, error))
        return show(request, Attempt(), issued=issued)

    @router.post("/keys/{key_id}/revoke")
    def revoke(key_id: str, request: Request, form: Sent) -> Response:
        keys.revoke(key_id, reason=form.text("reason"), by=admin(request))
        return see_other("/keys")

    @router.post("/keys/{key_id}/roll")
    def roll(key_id: str, request: Request, form: Sent) -> Response:
        """Another key with the same terms; this one ends now or a little later."""
        me, old = admin(request), keys.key(key_id)
        if _state(old, frame) != "good":
            raise AuthKeyEndedError(f"the key {old.key_id} has ended already: make another", param="key_id")
        issued = keys.create(old.terms, by=me, idempotency_key=form.text("once"))
        hours = min(form.whole("grace") or 0, 24 * 31)
        if hours:
            until = frame.now() + timedelta(hours=hours)
            until = until if old.terms.expires_at is None else min(until, old.terms.expires_at)
            keys.update(old.key_id, {"expires_at": until}, by=me)
        else:
            keys.revoke(old.key_id, reason=f"replaced by {issued.key.key_id}", by=me)
        return show(request, Attempt(), issued=issued, replaced=keys.key(old.key_id))

    _add_one(router, frame, keys, use, admin)
    _add_people(router, people, admin)


def _add_one(router: APIRouter, frame: Frame, keys: KeyStore, use: Use, admin: Callable[[Request], Principal]) -> None:
    @router.get("/keys/{key_id}")
    def get_key(key_id: str, request: Request) -> HTMLResponse:
        return show_one(request, Attempt(), key_id)

    def show_one(request: Request, attempt: Attempt, key_id: str) -> HTMLResponse:
        admin(request)
        found = _listed(keys.key(key_id), frame, use)
        return frame.page(
            request,
            "key.html",
            status=attempt.status,
            each=replace(found, use=use(found.key)),
            attempt=attempt,
            typed=attempt.of("key").fields or fields_of(found.key.terms, zone_of(request)),
            grace=GRACE,
        )

    @router.post("/keys/{key_id}")
    def update(key_id: str, request: Request, form: Sent) -> Response:
        me = admin(request)
        try:
            changes = changed(keys.key(key_id).terms, terms_of(form))
            keys.update(key_id, changes, by=me, if_match=form.whole("revision"))
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show_one(request, refused("key", form, error), key_id)
        return see_other("/keys")


def _add_people(router: APIRouter, people: SessionStore, admin: Callable[[Request], Principal]) -> None:
    @router.post("/people/{person_id}/block")
    def block(person_id: str, request: Request, form: Sent) -> Response:
        people.block(person_id, reason=form.text("reason"), by=admin(request))
        return see_other("/keys#people")

    @router.post("/people/{person_id}/unblock")
    def unblock(person_id: str, request: Request, form: Sent) -> Response:
        people.unblock(person_id, reason=form.text("reason"), by=admin(request))
        return see_other("/keys#people")


def _state(key: CallerKey, frame: Frame) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expired(frame.now()) else "good"


def _listed(key: CallerKey, frame: Frame, use: Use) -> ListedKey:
    return ListedKey(key=key, state=_state(key, frame), use=None, scopes=scopes_of(key.terms))


def _person(person: Person) -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "email": person.email,
        "issuer": person.issuer,
        "roles": list(person.roles),
        "first_seen_at": person.first_seen_at.isoformat(),
        "last_seen_at": person.last_seen_at.isoformat(),
        "blocked_at": person.blocked_at.isoformat() if person.blocked_at else None,
        "blocked_by": person.blocked_by,
    }
