"""The window of time that a page is about: presets, or times as people write them.

Knows the page's fields. Refuses to know the clock; `evaluation.moments` reads what is typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from evaluation.moments import check_window, read_moment

PRESETS = (("1d", "1 day"), ("7d", "7 days"), ("14d", "14 days"), ("30d", "30 days"), ("90d", "90 days"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `since` to `until`, half-open, for somebody in `zone`. `said` is what stands in the fields; `until_said` "" is now."""

    since: datetime
    until: datetime
    said: str
    until_said: str
    zone: tzinfo


def window_of(since: str, until: str, *, default: str, now: datetime, zone: tzinfo) -> Window:
    """What the fields mean to somebody in `zone`; `default` is used where nothing was typed. Raises AnalysisError."""
    said = since.strip() or default
    begin = read_moment(said, now=now, zone=zone, what="since")
    end = min(read_moment(until.strip(), now=now, zone=zone, what="until") if until.strip() else now, now)
    check_window(begin, end)
    # A year and a half is more than anybody looks at on one chart, and still quick to read.
    begin = max(begin, end - timedelta(days=550))
    return Window(since=begin, until=end, said=said, until_said=until.strip(), zone=zone)
