"""On what terms a request over HTTP writes: in whose name, on which condition, and once only.

Knows the headers. Refuses to know who may do what: `registry.roles` does, and the stores ask it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Request

from registry.errors import PromptInvalidError
from registry.roles import Principal

By = Callable[[Request], Principal]
"""Says who makes a request, from what authentication left on it."""

IfMatch = Annotated[str | None, Header(description="write only if the prompt is still at this revision")]
RequestId = Annotated[str, Header(alias="x-request-id")]
IdempotencyKey = Annotated[
    str,
    Header(alias="idempotency-key", description="the write is made once, however often it is asked for with this key"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one request."""

    by: Principal
    if_match: int | None
    request_id: str
    idempotency_key: str

    def write(self, *, if_match: int | None = None) -> dict[str, Any]:
        """As a store's method takes them; `if_match` in place of the request's."""
        key = {"idempotency_key": self.idempotency_key}
        return {**self.once(), **key, "if_match": self.if_match if if_match is None else if_match}

    def once(self) -> dict[str, Any]:
        """Without a key: for writes that come to the same when they are repeated."""
        return {"by": self.by, "if_match": self.if_match, "request_id": self.request_id}

    def said(self) -> dict[str, Any]:
        """Without a condition either."""
        return {"by": self.by, "request_id": self.request_id}


def terms_of(by: By) -> Callable[..., Terms]:
    """A dependency that reads the terms of a request."""

    def terms(
        request: Request, if_match: IfMatch = None, x_request_id: RequestId = "", idempotency_key: IdempotencyKey = ""
    ) -> Terms:
        return Terms(
            by=by(request),
            if_match=parse_if_match(if_match),
            request_id=x_request_id,
            idempotency_key=idempotency_key.strip(),
        )

    return terms


def parse_if_match(if_match: str | None) -> int | None:
    """The revision in an If-Match header: `41`, `"41"` or `W/"41"`; `*` asks for nothing more than that it exists."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"').partition(".")[0]
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise PromptInvalidError("If-Match takes the revision that a read gave, such as 41", param="If-Match")
    return int(text)
