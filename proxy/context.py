"""What surrounds a call: its trace, its user and session, tags, and how much of it may be recorded. Pure.

Read from Slugline's own headers first, then from the names that Helicone's and Langfuse's users send already, then from
OpenAI's own body fields (wire.md, "Context an app can send").
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from proxy.errors import RequestRefused

RecordMode = Literal["full", "metadata", "none"]

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_MAX_TEXT = 512
_MAX_TAGS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a call stands in the app that makes it. Ids are lower-case hex as in W3C Trace Context."""

    trace_id: str
    span_id: str
    parent_span_id: str
    user: str
    session: str
    tags: Mapping[str, str]
    external_id: str
    stratum: str
    record_mode: RecordMode


def read_context(headers: Mapping[str, str], body: Mapping[str, Any], random_bytes: Callable[[int], bytes]) -> Context:
    """The context of a call; raises RequestRefused when the app asks for a record mode that doesn't exist."""
    parent = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip().lower())
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
        user=_first(headers, "x-slugline-user", "helicone-user-id", "langfuse-user-id")
        or _text(body.get("user"))
        or _text(body.get("safety_identifier"))
        or _text(metadata.get("user_id")),
        session=_first(headers, "x-slugline-session", "helicone-session-id", "langfuse-session-id")
        or _text(metadata.get("session_id")),
        tags=_tags(headers, metadata),
        external_id=_first(headers, "x-slugline-external-id", "helicone-request-id"),
        stratum=_first(headers, "x-slugline-stratum"),
        record_mode=mode,  # type: ignore[arg-type]  # checked above
    )


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
