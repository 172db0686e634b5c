"""A metric of a prompt by hour, as arrays: what is learnt from and what is looked at. Pure.

Knows hours, how few observations make one bucket of several, and what is left out. Refuses to know where the numbers come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 24)
"""How many hours a bucket may have: so that it never crosses a day (UTC)."""

HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Hours since 1970, from `begin` to before `end`."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Buckets in the order of time. `hour` is where each begins, in hours since 1970; `n` how many observations it has (as many equal ones
    as know the same, where they have weights); `squares` the mean of their squares, not a number where that isn't kept.

    An hour without observations isn't there.
    """

    hour: Numbers
    n: Numbers
    mean: Numbers
    squares: Numbers
    width: int = 1

    def __len__(self) -> int:
        return len(self.hour)

    @property
    def day(self) -> NDArray[np.int64]:
        """The day of each bucket, since 1970."""
        return self.hour.astype(np.int64) // HOURS_A_DAY

    @property
    def days(self) -> int:
        """How many days there are buckets of."""
        return len(np.unique(self.day))

    @property
    def is_share(self) -> bool:
        """Whether every observation is 0 or 1."""
        return bool(len(self)) and bool(np.all(np.abs(self.squares - self.mean) < 1e-9))

    def of(self, kept: NDArray[np.bool_]) -> "Hours":
        """Some of the buckets."""
        return Hours(
            hour=self.hour[kept], n=self.n[kept], mean=self.mean[kept], squares=self.squares[kept], width=self.width
        )

    def within(self, begin: float, end: float) -> "Hours":
        """The buckets that begin in a span of hours."""
        first, last = np.searchsorted(self.hour, (begin, end))
        kept = slice(first, last)
        return Hours(
            hour=self.hour[kept], n=self.n[kept], mean=self.mean[kept], squares=self.squares[kept], width=self.width
        )

    def without(self, spans: Sequence[Span]) -> "Hours":
        """What lies in none of the spans."""
        if not spans:
            return self
        kept = np.ones(len(self), dtype=bool)
        for span in spans:
            kept &= (self.hour + self.width <= span.begin) | (self.hour >= span.end)
        return self.of(kept)

    def widened(self, width: int) -> "Hours":
        """Buckets of `width` hours, which divides 24."""
        if width == self.width or not len(self):
            return self
        begins, place = np.unique(self.hour // width, return_inverse=True)
        n = np.bincount(place, self.n).astype(np.float64)
        return Hours(
            hour=begins * width,
            n=n,
            mean=np.bincount(place, self.n * self.mean) / n,
            squares=np.bincount(place, self.n * self.squares) / n,
            width=width,
        )


def hours_of(
    hour: Sequence[float], n: Sequence[float], mean: Sequence[float], squares: Sequence[float] | None
) -> Hours:
    """From columns, in any order of hours; what has no observations is left out. `squares` is None where they aren't kept."""
    at, count, level = np.array(hour, np.float64), np.array(n, np.float64), np.array(mean, np.float64)
    square = np.full(len(at), np.nan) if squares is None else np.array(squares, np.float64)
    order = np.argsort(at, kind="stable")
    found = Hours(hour=at[order], n=count[order], mean=level[order], squares=square[order])
    return found.of(found.n > 0)


def width_for(hours: Hours, least: float) -> int | None:
    """The least width that makes a usual bucket have `least` observations; None where a day hasn't that many."""
    for width in WIDTHS:
        wide = hours.widened(width)
        if len(wide) and float(np.median(wide.n)) >= least:
            return width
    return None
