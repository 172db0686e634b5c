"""What surrounds a call: its trace, its user and session, tags, and how much of it may be recorded. Pure.

Read from Slugline's own headers first, then from the names that Helicone's and Langfuse's users send already, then from
OpenAI's own body fields (wire.md, "Context an app can send").
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from proxy.errors import RequestRefused

RecordMode = Literal["full", "metadata", "none"]

# Version 00, or a later one, whose first fields are the same (https://www.w3.org/TR/trace-context/#versioning-of-traceparent).
_TRACEPARENT = re.compile(
    r"(?!ff)(?:00(?!.{54})|(?!00)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_SAMPLED = 0x01
_MAX_TEXT = 512
_MAX_TAGS = 64


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call stands in the app that makes it. Ids are lower-case hex as in W3C Trace Context.

    `sampled` is the app's own decision about its trace; a trace that begins here is sampled.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    sampled: bool
    user: str
    session: str
    tags: Mapping[str, str]
    external_id: str
    stratum: str
    record_mode: RecordMode


def read_context(headers: Mapping[str, str], body: Mapping[str, Any], random_bytes: Callable[[int], bytes]) -> Context:
    """The context of a call; raises RequestRefused when the app asks for a record mode that doesn't exist."""
    parent = _parent(headers)
    baggage = _baggage(headers)
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    mode = headers.get("x-slugline-record", "full").strip().lower()
    if mode not in {"full", "metadata", "none"}:
        raise RequestRefused(
            f"the header x-slugline-record takes full, metadata or none, not {mode!r}",
            code="request_invalid",
            param="x-slugline-record",
        )
    return Context(
        trace_id=parent[1] if parent else random_bytes(16).hex(),
        span_id=random_bytes(8).hex(),
        parent_span_id=parent[2] if parent else "",
        trace_state=_text(headers.get("tracestate")) if parent else "",
        sampled=bool(int(parent[3], 16) & _SAMPLED) if parent else True,
        user=_first(headers, "x-slugline-user", "helicone-user-id", "langfuse-user-id")
        or _text(body.get("user"))
        or _text(body.get("safety_identifier"))
        or _text(metadata.get("user_id"))
        or _text(baggage.get("user.id")),
        session=_first(headers, "x-slugline-session", "helicone-session-id", "langfuse-session-id")
        or _text(metadata.get("session_id"))
        or _text(baggage.get("session.id")),
        tags=_tags(headers, metadata),
        external_id=_first(headers, "x-slugline-external-id", "helicone-request-id"),
        stratum=_first(headers, "x-slugline-stratum"),
        record_mode=mode,  # type: ignore[arg-type]  # checked above
    )


def passed_on(headers: Mapping[str, str], context: Context) -> Mapping[str, str]:
    """The headers with this call as the parent of whatever the provider traces; as they are where the app sent no traceparent."""
    if "traceparent" not in headers:
        return headers
    flags = _SAMPLED if context.sampled else 0
    own = {**headers, "traceparent": f"00-{context.trace_id}-{context.span_id}-{flags:02x}"}
    if not context.parent_span_id:  # it could not be read, and what belongs to it means nothing
        own.pop("tracestate", None)
    return own


def _parent(headers: Mapping[str, str]) -> re.Match[str] | None:
    return _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip().lower())


def _baggage(headers: Mapping[str, str]) -> dict[str, str]:
    """Names and values of W3C baggage (https://www.w3.org/TR/baggage/), without their properties."""
    found = {}
    for member in headers.get("baggage", "").split(","):
        name, equals, value = member.partition(";")[0].partition("=")
        if equals:
            found[name.strip()] = unquote(value.strip())
    return found


def _tags(headers: Mapping[str, str], metadata: Mapping[str, Any]) -> dict[str, str]:
    tags = {_text(key): _text(value) for key, value in metadata.items() if isinstance(value, str | int | float)}
    for key, value in headers.items():
        if key.startswith("helicone-property-"):
            tags[key.removeprefix("helicone-property-")] = _text(value)
    for part in headers.get("x-slugline-tags", "").split(","):
        key, equals, value = part.partition("=")
        if equals and key.strip():
            tags[_text(unquote(key.strip()))] = _text(unquote(value.strip()))
    return dict(list(tags.items())[-_MAX_TAGS:])


def _first(headers: Mapping[str, str], *names: str) -> str:
    return next((_text(headers[name]) for name in names if headers.get(name)), "")


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)[:_MAX_TEXT]
