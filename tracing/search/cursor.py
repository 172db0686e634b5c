"""Where a page ended, as a text that callers hand back to get the next one. Pure.

A page ends at a row, not at a count of rows, so new calls push nothing from one page onto the next.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tracing.search.errors import SearchInvalidError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last row of a page: its time in milliseconds since 1970, and its id (a call's, or a trace's)."""

    ts_ms: int
    key: str

    @property
    def time(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self.ts_ms)

    def encode(self) -> str:
        """As a text that stands in a URL as it is."""
        return base64.urlsafe_b64encode(f"{self.ts_ms}:{self.key}".encode()).decode().rstrip("=")


def read_cursor(text: str, *, uuid: bool = True) -> Cursor:
    """The cursor that `encode` made; with a call's id unless told otherwise. Raises SearchInvalidError."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        ts_ms, _, key = plain.partition(":")
        if not key or abs(int(ts_ms)) > 10**14:
            raise ValueError(plain)
        return Cursor(ts_ms=int(ts_ms), key=str(UUID(key)) if uuid else key)
    except (ValueError, binascii.Error):
        raise SearchInvalidError(
            f"{text[:80]!r} is no cursor: take next_cursor from the page before, as it is"
        ) from None
