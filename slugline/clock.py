"""The wall clock, and ids that sort by it: handed to what must not look for them itself."""

from datetime import UTC, datetime

import uuid_utils


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """A time-ordered unique id (UUIDv7, RFC 9562)."""
    return str(uuid_utils.uuid7())
