"""What type the values of a variable have, judged by looking at them, and the same values as JSON.

Pure. A type is proposed only where rendering the JSON value gives the text back, character by character: "007" is no integer,
"3.10" no number.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

MOST_CHOICES = 6
CALLS_A_CHOICE = 10
"""An enum is proposed where there are at most MOST_CHOICES values and each was seen in this many calls or more."""

_WHOLE = re.compile(r"-?[1-9]\d{0,14}|0")
_DECIMAL = re.compile(r"-?\d{1,12}\.\d{1,12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
_CHOICE = re.compile(r"[^\W\d][\w-]*(?: [^\W\d][\w-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A proposed type: its JSON Schema, how to read a value from text, and the filter that prints it as it was."""

    name: str
    schema: dict[str, Any] = field(default_factory=dict)
    read: Callable[[str], Any] = str
    filter: str = ""


def kind_of(values: Sequence[str], calls: Sequence[int], *, choices: bool = True) -> Kind:  # noqa: PLR0911 - one for each kind
    """The type that all values fit; `calls` says how many calls had each value. Text, if nothing narrower fits.

    Without `choices` no enum is proposed: it would repeat the values.
    """
    distinct = set(values)
    if distinct <= {"true", "false"} and distinct:
        return Kind(name="boolean", schema={"type": "boolean"}, read=json.loads, filter=" | tojson")
    if distinct <= {"True", "False"} and distinct:
        return Kind(name="boolean", schema={"type": "boolean"}, read=lambda text: text == "True")
    if distinct and all(_WHOLE.fullmatch(value) for value in distinct):
        return Kind(name="integer", schema={"type": "integer"}, read=int)
    if distinct and all(_is_number(value) for value in distinct):
        return Kind(name="number", schema={"type": "number"}, read=_number)
    if distinct and all(_is_date(value) for value in distinct):
        return Kind(name="date", schema={"type": "string", "format": "date"})
    if distinct and all(_is_time(value) for value in distinct):
        return Kind(name="date-time", schema={"type": "string", "format": "date-time"})
    seen: dict[str, int] = {}
    for value, count in zip(values, calls, strict=True):
        seen[value] = seen.get(value, 0) + count
    if (
        choices
        and 1 < len(seen) <= MOST_CHOICES
        and min(seen.values()) >= CALLS_A_CHOICE
        and all(map(_CHOICE.fullmatch, seen))
    ):
        return Kind(name="enum", schema={"type": "string", "enum": sorted(seen)})
    return Kind(name="string", schema={"type": "string"})


def _number(text: str) -> int | float:
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def _is_number(text: str) -> bool:
    if _WHOLE.fullmatch(text):
        return True
    return bool(_DECIMAL.fullmatch(text)) and math.isfinite(float(text)) and str(float(text)) == text


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text)) and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
