"""A record with the names of `scores`' columns as an event. Pure.

A score names its call by call_id, trace_id or external_id; the lines of an export have all three, and one of them filled.
"""

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from tracing.event import ScoreEvent, timestamp
from tracing.transfer.values import as_text, call_uuid, content_uuid, read_time, shown

_TARGETS = {"call_id": "call", "trace_id": "trace", "external_id": "external"}
_FIELDS = {field.name: field for field in msgspec.structs.fields(ScoreEvent)}
_OF_THE_CALL = {"prompt", "version", "channel", "model_served", "purpose", "call_ts"}
"""What the view `scores` says of a score's call: it is worked out anew."""

_ALIASES = {"id": "score_id", "timestamp": "ts"}


def score_event(record: Mapping[str, Any]) -> ScoreEvent:
    """The event of one record. What can't be meant raises ValueError with the reason."""
    given = {_ALIASES.get(name, name): value for name, value in record.items() if value is not None}
    known = {*_FIELDS, *_TARGETS, *_OF_THE_CALL}
    unknown = [name for name in given if name not in known]
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{unknown[0][:80]!r} is no column of scores{hint}")
    for name in ("ts", "name"):
        if given.get(name) in (None, ""):
            raise ValueError(f"{name} is missing")
    target_kind, target = _target(given)
    ts = timestamp(read_time(given["ts"], "ts"))
    fields: dict[str, Any] = {name: given[name] for name in given if name in _FIELDS}
    fields |= {
        "score_id": as_text(given.get("score_id")) or content_uuid(record),
        "target_kind": target_kind,
        "target": target,
        "ts": ts,
        "received_at": timestamp(read_time(given["received_at"], "received_at")) if "received_at" in given else ts,
        **_value(given),
    }
    try:
        return msgspec.convert(fields, ScoreEvent, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _target(given: Mapping[str, Any]) -> tuple[str, str]:
    if given.get("target_kind") and given.get("target"):
        kind, target = as_text(given["target_kind"]), as_text(given["target"])
    else:
        named = [(kind, as_text(given[name])) for name, kind in _TARGETS.items() if given.get(name)]
        if len(named) != 1:
            raise ValueError(f"a score names exactly one of call_id, trace_id and external_id, not {len(named)}")
        [(kind, target)] = named
    if kind == "call":
        return kind, call_uuid(target)
    return kind, target.lower() if kind == "trace" else target


def _value(given: Mapping[str, Any]) -> dict[str, Any]:
    """Value, label and kind: as an export has them, or worked out from a plain value as posts have it."""
    value, kind = given.get("value"), given.get("kind")
    if isinstance(value, str) and not given.get("label"):
        return {"value": None, "label": value, "kind": kind or "category"}
    if value is not None and not isinstance(value, bool | int | float):
        raise ValueError(f"value is true, false, a number or a category's name: {shown(value)}")
    if value is None and not given.get("label") and given.get("parsed", True) and not given.get("deleted"):
        raise ValueError("value is missing (null goes with parsed=false)")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError("value must be a finite number")
    if kind is None:
        kind = "category" if given.get("label") else "bool" if isinstance(value, bool) else "number"
    return {"value": None if value is None else float(value), "label": as_text(given.get("label")), "kind": kind}
