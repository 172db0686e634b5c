"""Values from elsewhere as the record has them: times, numbers, texts, ids. Pure; what can't be read raises ValueError in words."""

import json
import math
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_SPACE = uuid.UUID("6f2e6c5a-6f0b-5b0e-9a53-5b1f6c1d2c7e")
"""The namespace of ids that are made from content (UUIDv5, RFC 9562). Never changes: ids made with it are on record."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_MOST_COST = Decimal(10**9)
_NANO = Decimal("1e-9")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def read_time(value: Any, name: str) -> datetime:
    """A time in ISO 8601 (without a zone it is UTC), or as seconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            time = datetime.fromtimestamp(value, UTC)
        else:
            time = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f"{name} is no time such as 2026-11-17T15:00:00.000Z: {shown(value)}") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    if not _EARLIEST <= time < _LATEST:
        raise ValueError(f"{name} lies outside the years 2000 to 2099: {shown(value)}")
    return time


def read_cost(value: Any) -> str | None:
    """US dollars to nine decimals; None stays unknown."""
    if value is None or value == "":
        return None
    try:
        cost = Decimal(str(value))
        if isinstance(value, bool) or not 0 <= cost < _MOST_COST:
            raise ValueError(value)
        return format(cost.quantize(_NANO), "f")
    except (InvalidOperation, ValueError):
        raise ValueError(f"cost is no amount in US dollars: {shown(value)}") from None


def read_count(value: Any, name: str, most: int = 2**32 - 1) -> int | None:
    """A count; None stays unknown."""
    if value is None or value == "":
        return None
    try:
        # A float holds no large number to its last digit.
        number = int(value) if str(value).isdigit() else float(value)
        if isinstance(value, bool) or number != int(number) or not 0 <= number <= most:
            raise ValueError(value)
        return int(number)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is no whole number from 0 to {most}: {shown(value)}") from None


def read_amount(value: Any, name: str) -> float | None:
    """A finite number that isn't negative; None stays unknown."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
        if isinstance(value, bool) or not math.isfinite(number) or number < 0:
            raise ValueError(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is no number from 0 up: {shown(value)}") from None
    return number


def as_text(value: Any) -> str:
    """A value as a text column has it: text as it is, nothing as "", everything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def as_tags(value: Any) -> dict[str, str]:
    """Tags as names with values; a plain list gives names alone."""
    if value is None or value == "":
        return {}
    if isinstance(value, Mapping):
        return {str(name): as_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return {as_text(each): "" for each in value if each not in (None, "")}
    raise ValueError(f"tags are an object of names and values, or a list of names: {shown(value)}")


def parsed(value: Any) -> Any:
    """JSON that came as text, as databases export it; other text stays as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def milliseconds(since: datetime, until: datetime | None) -> float | None:
    """From one time to another; None where that isn't known or would be negative."""
    if until is None or until < since:
        return None
    return (until - since) / timedelta(milliseconds=1)


def call_uuid(text: str, origin: str = "") -> str:
    """A call's id: a UUID is one as it is, of any other the same UUID comes each time."""
    if _UUID.fullmatch(text):
        return str(uuid.UUID(text))
    return str(uuid.uuid5(_SPACE, f"{origin}:{text}"))


def content_uuid(record: Mapping[str, Any]) -> str:
    """An id for a record that has none: equal content, equal id."""
    return str(uuid.uuid5(_SPACE, msgspec.json.encode(record, order="sorted").decode()))


def shown(value: Any) -> str:
    """A value in a message, cut."""
    return repr(value)[:100]
