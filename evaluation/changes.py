"""What changed, on one time line: moves of channels, and changes of served models and fingerprints that calls tell of.

Knows the statement in changes.sql. Refuses to know the registry (moves are given), and what a change did to quality.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from evaluation.drift.values import Event, EventKind
from evaluation.errors import AnalysisError
from evaluation.plain import plain
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

USUAL = timedelta(days=14)
"""How far back a time line goes, and how much before it tells what was usual."""

_HOUR = 3600
_SAME = timedelta(hours=3)
_SERVED: Mapping[EventKind, str] = {"model": "model_served", "fingerprint": "system_fingerprint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that changed for a prompt."""

    prompt: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed in [since, until), newest first."""

    since: datetime
    until: datetime
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON."""
        values: dict[str, Any] = plain(asdict(self))
        return values


async def changes_report(
    clickhouse: ClickHouse,
    *,
    moves: Mapping[str, Sequence[Event]],
    sees: Callable[[str], bool],
    prompt: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime,
) -> Changes:
    """What changed since `since` (default: 14 days ago) for a prompt, or for all that whoever asks `sees`.

    `moves` are those of each prompt. A served model's change is told once it has lasted for six hours. Raises AnalysisError for a window
    that has not begun, and whatever the connection raises.
    """
    end = min(until or now, now)
    begin = since or end - USUAL
    if begin >= end:
        raise AnalysisError(
            f"since ({begin:%Y-%m-%d %H:%M} UTC) must be before {end:%Y-%m-%d %H:%M} UTC, which is now or until"
        )
    found = [Change(prompt=slug, event=event) for slug, events in moves.items() for event in events]
    window = {"since": _whole(begin - USUAL), "until": _whole(end) + _HOUR, "prompt": prompt}
    statement = load_statements("evaluation", "changes.sql")["served"]
    for kind, column in _SERVED.items():
        rows = (await clickhouse.query(statement.replace("/*what*/", column), window)).dicts()
        found += _without_doubles(found, await asyncio.to_thread(_shifts, kind, rows))
    inside = (
        each
        for each in found
        if begin <= each.event.at < end and sees(each.prompt) and (not prompt or each.prompt == prompt)
    )
    ordered = sorted(inside, key=lambda each: (each.event.at, each.prompt), reverse=True)
    return Changes(since=begin, until=end, changes=tuple(ordered))


def _shifts(kind: EventKind, rows: Iterable[Mapping[str, Any]]) -> list[Change]:
    """The lasting changes of what served each prompt."""
    import numpy as np

    from evaluation.drift.events import event_of, shifts
    from evaluation.drift.table import Factor

    found = []
    for slug, own in groupby(rows, key=lambda row: row["slug"]):
        cells = list(own)
        names = tuple(sorted({cell["value"] for cell in cells}))
        codes = np.array([names.index(cell["value"]) for cell in cells], np.int64)
        hours = np.array([cell["hour_number"] for cell in cells], np.int64)
        calls = np.array([cell["n"] for cell in cells], np.float64)
        for shift in shifts(hours, Factor(codes=codes, names=names), calls):
            found.append(Change(prompt=str(slug), event=event_of(kind, shift)))
    return found


def _without_doubles(known: Sequence[Change], found: Iterable[Change]) -> Iterator[Change]:
    """Without fingerprints that changed because the model did."""
    models = [(each.prompt, each.event.at) for each in known if each.event.kind == "model"]
    for each in found:
        if not any(slug == each.prompt and abs(at - each.event.at) <= _SAME for slug, at in models):
            yield each


def _whole(time: datetime) -> int:
    return max(0, int(time.timestamp()) // _HOUR * _HOUR)
