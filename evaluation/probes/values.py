"""What a probe finds, as frozen values: two nights, what was measured in both, and whether that is a change.

Knows what the words mean and how they become JSON. Refuses to know how they are found (`change`) and where they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from evaluation.intervals import Interval
from evaluation.plain import plain

Unit = Literal["points", "score", "percent"]
"""What a change is told in: percentage points of the pass rate, a metric's own scale from 0 to 1, percent of the length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One replay of all cases."""

    evaluation_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One quantity in both nights, over the same cases. `change` is now less before (0.05 is five points); of the length it is the ratio of
    geometric means less 1. `interval` is at 95 %, None for too few cases. `sure`: not chance, after correction for all measures."""

    name: str
    unit: Unit
    before: float
    now: float
    change: float
    interval: Interval | None
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeChange:
    """What the same cases came to in two nights, with prompt, model name and inputs the same: the evidence grade of a paired replay, A.

    `target` is what was asked (`support-agent@7 on gpt-4o`), `source` the dataset's version. `cases` have an answer in both nights,
    `left_out` haven't. `served` are the models that answered, by their providers' names. `changed` says that something is different for
    sure: a measure, or the served models. `enough` False: too few cases for any measure to be sure.
    """

    slug: str
    version: int
    target: str
    source: str
    before: Night
    now: Night
    cases: int
    left_out: int
    worse: int
    better: int
    measures: tuple[Measure, ...]
    served_before: tuple[str, ...]
    served_now: tuple[str, ...]
    enough: bool
    changed: bool
    sentence: str
    grade: Literal["A"] = "A"

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON; `read_change` reads them."""
        told: dict[str, Any] = plain(asdict(self))
        return told


def read_change(told: Mapping[str, Any]) -> ProbeChange:
    """A change as `to_json` wrote it. Raises msgspec.ValidationError."""
    return msgspec.convert(dict(told), ProbeChange)
