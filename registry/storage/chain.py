"""The history's hash chain: each event's hash covers the event and the hash before it. Pure.

Whoever changes, removes or adds an event afterwards, with whatever tool, breaks the chain from there on. Cutting off its end breaks
nothing, so the newest hash is worth noting somewhere else: `slugline audit verify --head` compares it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

START = "0" * 64
"""What stands for the hash before the first event's."""

HASHED = (
    *("revision", "at", "actor", "identity", "action", "slug", "channel", "from_version", "to_version"),
    *("reason", "evidence", "request_id", "idempotency_key", "fingerprint"),
)
"""The fields that a hash covers: all of an event's but the hash itself."""


def event_hash(before: str, event: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the hash before and the event's fields as one JSON array in the order of HASHED.

    Times are UTC in ISO 8601 with microseconds, which is what both databases keep.
    """
    fields = [_plain(event[name]) for name in HASHED]
    text = json.dumps([before, *fields], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return dict(value) if isinstance(value, Mapping) else value
