"""What all workers of a server counted, added up from their files.

Knows the files' layout and which of their owners live. Reading disturbs nobody.
"""

import contextlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from tracing.telemetry import layout as at
from tracing.telemetry.layout import Labels


@dataclass(frozen=True, slots=True)
class Histogram:
    """A sum and the counts of its buckets; times are in microseconds."""

    sum: int
    buckets: tuple[int, ...]

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.sum + other.sum, tuple(map(sum, zip(self.buckets, other.buckets, strict=True))))

    @property
    def count(self) -> int:
        return sum(self.buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The counts of one series. Cost is in billionths of a dollar."""

    duration: Histogram
    input_tokens: Histogram
    output_tokens: Histogram
    first_chunk: Histogram
    cost: int
    unpriced: int

    def __add__(self, other: "Series") -> "Series":
        return Series(
            duration=self.duration + other.duration,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            first_chunk=self.first_chunk + other.first_chunk,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all workers counted since `started` (nanoseconds since 1970; 0 while there is no worker)."""

    started: int
    workers: int
    in_flight: int
    recorded: int
    lost: int
    spans: int
    spans_refused: int
    series: dict[Labels, Series]


def read_totals(folder: Path) -> Totals:
    """What all workers of a server counted."""
    heads: list[list[int]] = []
    series: dict[Labels, Series] = {}
    workers = in_flight = 0
    for path in sorted(folder.glob("worker-*")):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            with mmap.mmap(file.fileno(), at.FILE_BYTES, access=mmap.ACCESS_READ) as mapped:
                words = memoryview(mapped).cast("Q")
                try:
                    if words[0] != at.MARK:
                        continue
                    head = list(words[: at.HEAD_WORDS])
                    for place, labels in at.rows_of(mapped, words):
                        counted = _series(words[place : place + at.CELLS].tolist())
                        series[labels] = series[labels] + counted if labels in series else counted
                finally:
                    words.release()
            heads.append(head)
            if _lives(head[at.PID]):
                workers += 1
                in_flight += head[at.IN_FLIGHT]
    return Totals(
        started=min((head[at.STARTED] for head in heads), default=0),
        workers=workers,
        in_flight=in_flight,
        recorded=sum(head[at.RECORDED] for head in heads),
        lost=sum(head[at.LOST] for head in heads),
        spans=sum(head[at.SPANS] for head in heads),
        spans_refused=sum(head[at.SPANS_REFUSED] for head in heads),
        series={labels: counted for labels, counted in series.items() if counted.duration.count},
    )


def _series(cells: list[int]) -> Series:
    def histogram(first: int, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(cells[first], tuple(cells[first + 1 : first + 2 + len(bounds)]))

    return Series(
        duration=histogram(at.DURATION, at.SECONDS),
        input_tokens=histogram(at.INPUT, at.TOKENS),
        output_tokens=histogram(at.OUTPUT, at.TOKENS),
        first_chunk=histogram(at.FIRST, at.FIRST_CHUNK_SECONDS),
        cost=cells[at.COST],
        unpriced=cells[at.UNPRICED],
    )


def _lives(pid: int) -> bool:
    if pid == 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
