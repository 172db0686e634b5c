"""Following calls as they are recorded: which of the rows that a search finds haven't been shown yet. Pure.

A row is looked for by when its call ended, as it is recorded then; `ts` is when it began, maybe minutes before. Rows of several
workers come out of order, and after an outage late, so each look goes back behind the newest row seen, and what has been shown
is remembered. No clock but the rows' own is asked: a server's clock may differ from this machine's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

SLACK = timedelta(minutes=1)
LATE = timedelta(minutes=15)
LOOKS_AFTER_FAILURE = 300


class Follower:
    """What was shown of a stream of calls."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}
        self._newest: datetime | None = None
        self._looks_back = 0

    @property
    def since(self) -> datetime | None:
        """The end of the earliest calls that the next look must find; None before anything was seen."""
        slack = LATE if self._looks_back else SLACK
        return self._newest - slack if self._newest is not None else None

    def failed(self) -> None:
        """A look failed: what is recorded meanwhile may be loaded late, so the looks to come go back further."""
        self._looks_back = LOOKS_AFTER_FAILURE

    def take(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those rows of a look that are new, in the order in which their calls ended."""
        new = [row for row in rows if row["call_id"] not in self._seen]
        for row in new:
            self._seen[row["call_id"]] = _ended(row)
        self._newest = max((*self._seen.values(), *((self._newest,) if self._newest else ())), default=None)
        self._looks_back = max(0, self._looks_back - 1)
        if self._newest is not None:
            # Kept for twice as long as any look goes back: what is forgotten can't be found again.
            self._seen = {call: ended for call, ended in self._seen.items() if ended >= self._newest - 2 * LATE}
        return sorted(new, key=lambda row: (_ended(row), row["call_id"]))


def _ended(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["ts"]) + timedelta(milliseconds=int(row["duration_ms"]))
