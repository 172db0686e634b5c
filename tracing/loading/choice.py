"""Which segments go next: those just written at once, the backlog in between, at a rate. Pure; the clock is an argument.

After an outage the newest records come first, so that dashboards and alerts see the present again within seconds; the backlog follows from
its oldest end, so that history fills up in order and each day is complete as early as can be. One insert of the backlog at most stands
between fresh records and ClickHouse, and the rate leaves ClickHouse and the machine to whoever asks it something meanwhile.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tracing.loading.segments import Segment

FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Segments by table, each list in the order to be sent."""

    fresh: tuple[tuple[Segment, ...], ...]
    backlog: tuple[tuple[Segment, ...], ...]


def choose(segments: Sequence[Segment], now: float) -> Choice:
    """Parts sealed segments, the oldest first. One from the future (the clock was set back) counts as fresh."""
    fresh: dict[str, list[Segment]] = {}
    backlog: dict[str, list[Segment]] = {}
    for segment in segments:
        part = fresh if now - segment.written <= FRESH_SECONDS else backlog
        part.setdefault(segment.table, []).append(segment)
    oldest = sorted(backlog.values(), key=lambda group: group[0].born)
    return Choice(fresh=tuple(map(tuple, fresh.values())), backlog=tuple(map(tuple, oldest)))


def without(groups: Sequence[Sequence[Segment]], names: Collection[str]) -> list[list[Segment]]:
    """Groups without the segments of these names, and without groups that are empty then."""
    left = [[segment for segment in group if segment.name not in names] for group in groups]
    return [group for group in left if group]


@dataclass(slots=True)
class Pace:
    """The rate of the backlog: `rows_per_second`, or no bound with 0. `now` is a monotonic clock in seconds."""

    rows_per_second: float
    _free_at: float = field(default=0.0)

    def free(self, now: float) -> bool:
        """Whether the backlog may go on."""
        return now >= self._free_at

    def sent(self, rows: int, now: float) -> None:
        """Notes that rows of the backlog were sent; a pause that nobody used is not made up for."""
        if self.rows_per_second > 0:
            self._free_at = max(self._free_at, now) + rows / self.rows_per_second
