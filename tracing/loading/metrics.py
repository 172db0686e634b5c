"""What the loader tells of itself: counts, what is waiting, and the lag from a record's writing to its row being visible. Values only."""

from collections.abc import Sequence

import msgspec

from tracing.loading.segments import Segment

LAG_BOUNDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Upper bounds of the lag's histogram, in seconds; the last bucket has none."""


class LoaderMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One loader since its start. Lags are seconds, and never negative.

    `lag_buckets[i]` counts rows that were visible within `LAG_BOUNDS[i]` and not within the bound before it; its last entry those that
    took longer than all bounds. `lag_seconds` is that of the oldest record in the last insert of fresh segments, `oldest_seconds` how long
    the oldest record that is still waiting has waited. `looked_for` counts inserts of unknown outcome that were looked for in the table,
    and `sent_again` rows of theirs that were not there. `views_missed` counts inserts that are in their table but not in every view of it.
    """

    segments_loaded: int = 0
    rows_loaded: int = 0
    inserts: int = 0
    rows_refused: int = 0
    segments_refused: int = 0
    looked_for: int = 0
    sent_again: int = 0
    views_missed: int = 0
    waiting_segments: int = 0
    waiting_bytes: int = 0
    backlog_segments: int = 0
    unknown_outcomes: int = 0
    oldest_seconds: float = 0.0
    lag_seconds: float = 0.0
    lag_sum: float = 0.0
    lag_buckets: tuple[int, ...] = (0,) * (len(LAG_BOUNDS) + 1)
    waiting: str = ""


class Lag:
    """Gathers the lags of rows; those within a segment are taken as written evenly between its first and its last."""

    def __init__(self) -> None:
        self.latest = 0.0
        self.sum = 0.0
        self._buckets = [0] * (len(LAG_BOUNDS) + 1)

    @property
    def buckets(self) -> tuple[int, ...]:
        return tuple(self._buckets)

    def note(self, segments: Sequence[Segment], rows: int, *, visible: float, fresh: bool) -> None:
        """`rows` rows of these segments are visible since the moment `visible`."""
        total = sum(segment.bytes for segment in segments) or 1
        left = rows
        for number, segment in enumerate(segments):
            share = left if number == len(segments) - 1 else min(left, round(rows * segment.bytes / total))
            left -= share
            for part, count in enumerate(_quarters(share)):
                at = segment.born + (segment.written - segment.born) * (part + 0.5) / 4
                lag = max(0.0, visible - at)
                self.sum += lag * count
                self._buckets[next((i for i, bound in enumerate(LAG_BOUNDS) if lag <= bound), len(LAG_BOUNDS))] += count
        if fresh and segments:
            self.latest = max(0.0, visible - min(segment.born for segment in segments))


def _quarters(count: int) -> tuple[int, ...]:
    return tuple(count * (part + 1) // 4 - count * part // 4 for part in range(4))
