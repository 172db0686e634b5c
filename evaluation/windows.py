"""The window of time that a question over HTTP is about: its parameters and what they mean.

Knows their names and help. Refuses to know the clock, which is handed to it.
"""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Query

from evaluation.errors import AnalysisError
from evaluation.moments import check_window, read_moment

Since = Annotated[
    str | None,
    Query(description="first moment: ISO 8601, or such as 'last tuesday', 'yesterday 14:00', '3 days ago', '7d'"),
]
Until = Annotated[str | None, Query(description="first moment after the window, in the same forms")]
Zone = Annotated[str, Query(description="the zone that times without one are in, such as Europe/Berlin")]


def window_of(
    since: str | None, until: str | None, zone: str, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Both ends in UTC; None is open. Raises AnalysisError."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise AnalysisError(f"zone is a name such as Europe/Berlin or UTC, not {zone[:100]!r}") from None
    begin = None if since is None else read_moment(since, now=now, zone=there, what="since")
    end = None if until is None else read_moment(until, now=now, zone=there, what="until")
    check_window(begin, end)
    return begin, end
