"""A record with the names of `calls`' columns as an event. Pure.

Knows which of them may be left out, and what else than their own form is understood: bodies as JSON instead of text, tags as a
list, an id that is no UUID. What can't be meant raises ValueError with the reason.
"""

import difflib
import types
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

import msgspec

from tracing.event import CallEvent, Outcome, body_text, timestamp
from tracing.privacy.policy import MODES
from tracing.search.rows import BODIES
from tracing.transfer.values import (
    as_tags,
    as_text,
    call_uuid,
    content_uuid,
    parsed,
    read_amount,
    read_cost,
    read_count,
    read_time,
    shown,
)

_MOST = {"status": 2**16 - 1, "revision": 2**64 - 1}
_ALIASES = {"id": "call_id", "timestamp": "ts", "model": "model_served", "latency_ms": "duration_ms"}
_WITHOUT = {"scores", "spans"}
"""What `slugline calls show` adds to a call: it has imports of its own."""


def call_event(record: Mapping[str, Any], *, origin: str = "import") -> CallEvent:
    """The event of one record; `origin` is what it gets where it says none itself."""
    given = {_ALIASES.get(name, name): value for name, value in record.items() if name not in _WITHOUT}
    unknown = [name for name in given if name not in _READERS]
    if unknown:
        close = difflib.get_close_matches(unknown[0], _READERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{unknown[0][:80]!r} is no column of calls{hint}")
    if given.get("ts") in (None, ""):
        raise ValueError("ts is missing: when did the call begin?")
    fields = {name: _READERS[name](value) for name, value in given.items() if value is not None}
    fields["call_id"] = _id(given, record)
    if fields["call_id"] != str(given.get("call_id") or fields["call_id"]).lower():
        fields["external_id"] = fields.get("external_id") or str(given["call_id"])
    fields.setdefault("status", 200 if fields.get("outcome", "ok") == "ok" else 0)
    fields.setdefault("outcome", "ok" if fields["status"] < 400 else "provider_error")
    fields.setdefault("duration_ms", 0.0)
    fields.setdefault("origin", origin)
    if fields["outcome"] not in get_args(Outcome):
        raise ValueError(f"outcome is one of {', '.join(get_args(Outcome))}, not {shown(fields['outcome'])}")
    if fields.get("record_mode", "full") not in MODES:
        raise ValueError(f"record_mode is one of {', '.join(MODES)}, not {shown(fields['record_mode'])}")
    try:
        return msgspec.convert(fields, CallEvent)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _id(given: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    text = given.get("call_id")
    if text in (None, ""):
        return content_uuid(record)
    return call_uuid(as_text(text))


def _reader(name: str, kind: Any) -> Callable[[Any], Any]:
    """How a column's value is read, by the type of its field."""
    special: Mapping[str, Callable[[Any], Any]] = {
        "ts": lambda value: timestamp(read_time(value, "ts")),
        "cost": read_cost,
        "tags": lambda value: as_tags(parsed(value)),
        "overrides": lambda value: tuple(as_text(each) for each in _list(parsed(value), name)),
        "trace_id": lambda value: as_text(value).lower(),
        **{body: lambda value: body_text(as_text(value)) for body in BODIES},
    }
    if name in special:
        return special[name]
    plain = next((each for each in get_args(kind) if each is not types.NoneType), kind) if _optional(kind) else kind
    if plain is int:
        return lambda value: _known(read_count(value, name, _MOST.get(name, 2**32 - 1)), kind)
    if plain is float:
        return lambda value: _known(read_amount(value, name), kind)
    if plain is bool:
        return lambda value: _bool(value, name)
    if plain is str or get_origin(plain) is not None:
        return as_text
    return lambda value: value


def _optional(kind: Any) -> bool:
    return types.NoneType in get_args(kind)


def _known(value: Any, kind: Any) -> Any:
    return 0 if value is None and not _optional(kind) else value


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    if value == "":
        return []
    raise ValueError(f"{name} is a list: {shown(value)}")


def _bool(value: Any, name: str) -> bool:
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False, "": False}
    found = (
        known.get(value.lower() if isinstance(value, str) else value) if not isinstance(value, list | dict) else None
    )
    if found is None:
        raise ValueError(f"{name} is true or false: {shown(value)}")
    return found


_READERS: Mapping[str, Callable[[Any], Any]] = {
    field.name: _reader(field.name, field.type) for field in msgspec.structs.fields(CallEvent)
}
