"""What a page's form sends: read, bounded, and only from a page of this very server.

Knows fields as text and turns them into numbers, shares and times, with errors that name the field. Refuses to know what they mean.

A browser sends the cookie of a sign-in, or a key that it was once told, with every request, also those that another site's page makes it
send. So a form is taken only with an Origin header of this server, or with `Sec-Fetch-Site: same-origin` where a browser leaves Origin
out (https://www.w3.org/TR/fetch-metadata/): no token in the form, nothing to keep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from dashboards.uploads import MULTIPART, parse_multipart
from dashboards.zones import zone_of
from registry.errors import PromptInvalidError

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_BYTES = 16_000_000  # a version's text at its longest, three bytes to a letter, each as %XX
_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_SHARE = re.compile(r"\d{0,3}(?:[.,]\d{1,6})?\s*%?", re.ASCII)


class FormRefusedError(Exception):
    """The form can't be taken at all. `status` is HTTP's."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form, as they were typed, by somebody in `zone`. Line ends are `\\n`, as everywhere else."""

    fields: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC

    def raw(self, name: str) -> str:
        """A field as it is; "" where it wasn't sent."""
        return self.fields.get(name, "")

    def text(self, name: str) -> str:
        """A field without spaces around it."""
        return self.raw(name).strip()

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.raw(name))

    def whole(self, name: str) -> int | None:
        """A whole number from 0, None where the field is empty. Raises PromptInvalidError."""
        text = self.text(name)
        if not text:
            return None
        if not _WHOLE.fullmatch(text):
            raise PromptInvalidError(f"'{name}' is a whole number, not '{text[:40]}'", param=name)
        return int(text)

    def needed(self, name: str) -> int:
        """A whole number that must be there. Raises PromptInvalidError."""
        number = self.whole(name)
        if number is None:
            raise PromptInvalidError(f"'{name}' is empty: it takes a whole number", param=name)
        return number

    def share(self, name: str) -> float | None:
        """Per cent, None where the field is empty. Raises PromptInvalidError."""
        text = self.text(name)
        if not text:
            return None
        if not _SHARE.fullmatch(text) or not any(letter.isdigit() for letter in text):
            raise PromptInvalidError(
                f"'{name}' is a share in per cent, such as 5 or 0.5, not '{text[:40]}'", param=name
            )
        return float(text.rstrip("% ").replace(",", "."))

    def time(self, name: str) -> datetime:
        """A time, in the zone of whoever typed it unless it says otherwise. Raises PromptInvalidError."""
        return read_time(self.text(name), name, self.zone)


def read_time(text: str, name: str, zone: tzinfo = UTC) -> datetime:
    """A time as a browser's field or a person writes it, in `zone` unless it says otherwise; in UTC. Raises PromptInvalidError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise PromptInvalidError(
            f"'{name}' is a time such as 2027-01-31 09:00, not '{text[:40]}'", param=name
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


async def read_form(request: Request) -> Form:
    """A request's form; it is kept in `request.state.form`, so that an error page can give back what was typed. Raises FormRefusedError."""
    sent = request.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    if kind not in {_FORM, MULTIPART}:
        raise FormRefusedError(f"a form is sent as {_FORM}, not as '{kind}'; programs use /api", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise FormRefusedError(f"the form has more than {_MOST_BYTES:,} bytes", status=413)
    try:
        if kind == MULTIPART:
            pairs = parse_multipart(bytes(body), sent, _MOST_FIELDS)
        else:
            text = body.decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise FormRefusedError(f"the form can't be read: {error}", status=400) from None
    form = Form(fields={name: value.replace("\r\n", "\n") for name, value in pairs}, zone=zone_of(request))
    request.state.form = form
    return form


def from_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of this very server makes it ask."""
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None:
        return bool(host) and urlsplit(origin).netloc == host
    return headers.get("sec-fetch-site") == "same-origin"


def check_own_page(request: Request) -> None:
    """Return if a request that changes something comes from a page of this server. Raises FormRefusedError."""
    if from_own_page(request.headers):
        return
    host = request.headers.get("host", "")
    raise FormRefusedError(
        "this form was not sent by a page of this server, so nothing was done. Open the page here and send it again. "
        f"Programs use /api; to send a form from a terminal, say where it comes from: curl -H 'Origin: http://{host}' …",
        status=403,
    )
