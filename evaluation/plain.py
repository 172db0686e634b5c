"""Reports as plain values for JSON."""

from datetime import UTC, datetime
from typing import Any


def plain(value: Any) -> Any:
    """The same value of dicts, lists and scalars alone: times in ISO 8601 with a Z, tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
