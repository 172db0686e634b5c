"""Rows of `calls` as JSON values: the same on the command line and over HTTP. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tracing.event import CallEvent

BODIES = ("variables", "request", "response", "params", "attempts")
"""Columns of JSON text, written by apps and providers."""

PRIVATE = ("variables", "request", "response")
"""Those that hold what people wrote and were answered: not for everybody."""

_LEFT_OUT = {*BODIES, "overrides", "error_message", "parent_span_id", "version_id", "params_hash", "system_fingerprint"}

COLUMNS: tuple[str, ...] = CallEvent.__struct_fields__
LISTED: tuple[str, ...] = tuple(name for name in COLUMNS if name not in _LEFT_OUT)
"""What a list shows of each call: everything that is short."""


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with plain JSON values: times in UTC to the millisecond, ids as text, money as a number."""
    return {name: _plain(value) for name, value in row.items()}


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """The same with bodies as the JSON they are; one that is no JSON (cut, say) stays text."""
    return {name: _body(value) if name in BODIES and isinstance(value, str) else value for name, value in row.items()}


def moment(time: datetime) -> str:
    """A time as JSON has it."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _body(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
