"""Caller keys over HTTP: everything under /api/keys.

Knows routes and JSON shapes. Refuses to decide anything: writes are the KeyStore's. A key's text is in one answer only, that of the
POST which made it, and that answer must not be cached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.http.terms import By, IfMatch, RequestId, parse_if_match
from registry.keys import SCOPES, CallerKey, KeyTerms
from registry.roles import Role, permit
from registry.writing.key_store import KeyStore

Patterns = Annotated[list[str], Field(description="names, with * for anything; empty is no limit")]


class KeyUse(BaseModel):
    """How much a key was used, on this machine."""

    requests: int = Field(description="calls that were let through, ever")
    spent_usd: Decimal = Field(
        description="known cost in the budget's running period, or ever where there is no budget"
    )
    unpriced_calls: int = Field(description="calls whose cost is not known: they count as zero")
    last_used_at: datetime | None = Field(default=None, description="when the last request came, to the second")


Use = Callable[[CallerKey], KeyUse | None]
"""Says how much a key was used; None where nobody counts."""


class _Terms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prompts: Patterns = []
    channels: Patterns = []
    endpoints: Patterns = []
    models: Patterns = []
    default_channel: str | None = Field(default=None, description="meant where a call names no version")
    owner: str = ""
    expires_at: datetime | None = None
    requests_per_minute: int | None = None
    budget_usd: Decimal | None = None
    budget_period: Literal["day", "month", "total"] | None = Field(default=None, description="in UTC")


class CreateKeyBody(_Terms):
    """A new key."""

    name: str
    roles: list[Role] = ["application"]


class UpdateKeyBody(_Terms):
    """What to change; what is left out stays, null takes a limit away."""

    name: str = ""
    roles: list[Role] = []


class RevokeKeyBody(BaseModel):
    """Why, for whoever reads the history."""

    model_config = ConfigDict(extra="forbid")

    reason: str = ""


class KeyOut(BaseModel):
    """A key, without its text."""

    key_id: str
    name: str
    hint: str = Field(description="the last four characters of its text")
    roles: list[str]
    prompts: list[str]
    channels: list[str]
    endpoints: list[str]
    models: list[str]
    default_channel: str | None
    owner: str
    expires_at: datetime | None
    requests_per_minute: int | None
    budget_usd: Decimal | None
    budget_period: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    revision: int = Field(description="the last write to this key; what If-Match compares")
    use: KeyUse | None = None

    @classmethod
    def of(cls, key: CallerKey, use: KeyUse | None = None) -> KeyOut:
        """From the value."""
        return cls(**key_fields(key), use=use)


class IssuedKeyOut(KeyOut):
    """A key that was just made."""

    key: str = Field(description="its text, shown this once")


class KeyList(BaseModel):
    """All keys that were ever made, oldest first."""

    keys: list[KeyOut]


def build_router(store: KeyStore, by: By, use: Use) -> APIRouter:
    """All routes of caller keys; `by` says who asks, `use` counts."""
    router = APIRouter(prefix="/api/keys", tags=["keys"])

    @router.get("")
    def list_keys(request: Request) -> KeyList:
        """Every key, revoked ones too."""
        permit(by(request), "manage keys")
        return KeyList(keys=[KeyOut.of(key) for key in store.all_keys()])

    @router.post("", status_code=201)
    def create_key(
        body: CreateKeyBody, request: Request, response: Response, x_request_id: RequestId = ""
    ) -> IssuedKeyOut:
        """A new key; its text is in this answer and never again. With the first one, every call needs a key."""
        terms = KeyTerms(**_given(body.model_dump()))
        issued = store.create(terms, by=by(request), request_id=x_request_id)
        response.headers.update({"cache-control": "no-store", "etag": f'"{issued.key.revision}"'})
        return IssuedKeyOut(**key_fields(issued.key), key=issued.secret.text)

    @router.get("/{key_id}")
    def get_key(key_id: str, request: Request, response: Response) -> KeyOut:
        """One key, with how much it was used."""
        permit(by(request), "manage keys")
        key = store.key(key_id)
        response.headers["etag"] = f'"{key.revision}"'
        return KeyOut.of(key, use(key))

    @router.patch("/{key_id}")
    def update_key(
        key_id: str, body: UpdateKeyBody, request: Request, if_match: IfMatch = None, x_request_id: RequestId = ""
    ) -> KeyOut:
        """Change what a key may do. Once this has answered, every worker goes by it."""
        changes = _given(body.model_dump(exclude_unset=True))
        revision = parse_if_match(if_match)
        key = store.update(key_id, changes, by=by(request), if_match=revision, request_id=x_request_id)
        return KeyOut.of(key)

    @router.post("/{key_id}/revoke")
    def revoke_key(
        key_id: str, request: Request, body: RevokeKeyBody | None = None, x_request_id: RequestId = ""
    ) -> KeyOut:
        """End a key. Once this has answered, no worker takes it any more."""
        reason = body.reason if body else ""
        return KeyOut.of(store.revoke(key_id, reason=reason, by=by(request), request_id=x_request_id))

    return router


def key_fields(key: CallerKey) -> dict[str, Any]:
    """A key's own fields and its terms side by side, without the hash."""
    terms = {each.name: getattr(key.terms, each.name) for each in fields(KeyTerms)}
    own = {each.name: getattr(key, each.name) for each in fields(CallerKey) if each.name not in {"terms", "hash"}}
    return {**own, **terms, **{name: list(terms[name]) for name in ("roles", *SCOPES)}}


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
