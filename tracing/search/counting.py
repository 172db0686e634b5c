"""How many calls a filter finds: over time, and by each value of what calls differ in (facets), as pages show beside a list.

1. A facet counts the calls that all other conditions leave, so that a reader sees what choosing another value would give.
2. One pass counts all facets that nothing was chosen of; each of the others takes a pass of its own, without its own condition.
3. Everything is bounded: counts that take too long are an error of their own, and a list does without them.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tracing.clickhouse import ClickHouse
from tracing.search.conditions import Condition, condition, within
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import ask, bounded

COUNT_SECONDS = 3
MOST_BARS = 96
_MOST_VALUES = 50
FACETS = ("outcome", "prompt", "version", "channel", "variant", "model", "error_code", "purpose", "caller")
"""Filters of `CallFilter` that are counted by value, in the order to show them."""
_COLUMNS = {name: (name,) for name in FACETS} | {"model": ("model_requested", "model_served")}
"""The columns that hold a facet's values. A call has two models: as the filter has it, either counts."""

_STEPS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 7 * 1440, 28 * 1440, 91 * 1440, 365 * 1440)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of a facet with the calls that have it; `chosen` where the filter names it."""

    text: str
    calls: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """What calls differ in: its most frequent values, and those that were chosen. With `more` it has others that aren't shown."""

    name: str
    values: tuple[Value, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The calls that began in a stretch of time. `errors` are neither ok nor left by the client; `cost` is in US dollars, of the
    calls whose price is known; None where no call's is."""

    since: datetime
    until: datetime
    calls: int
    errors: int
    cost: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Calls that fit, in all, over time, and by facet. Bars without calls are there, too."""

    calls: int
    errors: int
    cost: float | None
    bars: tuple[Bar, ...]
    facets: tuple[Facet, ...]


async def count_calls(
    clickhouse: ClickHouse, asked: CallFilter, sight: Sight, *, since: datetime, until: datetime
) -> Counts:
    """The counts of a window of time; the filter's own is left aside. Raises SearchTooBroadError, and what ClickHouse raises."""
    deadline = time.monotonic() + COUNT_SECONDS
    step = step_of(since, until)
    fits = within(condition(asked, sight), since, until)
    chosen = {name: _chosen(asked, name) for name in FACETS}
    rows: list[dict[str, Any]] = []
    async with bounded(asked):
        bars = await ask(clickhouse, _over_time(fits), fits, deadline, step=int(step.total_seconds()))
        # Text is looked for in bodies: then only in those that all choices leave.
        free = [name for name in FACETS if not chosen[name] or asked.reads_bodies]
        if free:
            rows += await ask(clickhouse, _by_facet(free, fits), fits, deadline, most=_MOST_VALUES + 1, chosen=[""])
        for name in (name for name in FACETS if name not in free):
            others = within(condition(asked.model_copy(update={name: ()}), sight), since, until)
            statement = _by_facet([name], others)
            rows += await ask(
                clickhouse, statement, others, deadline, most=_MOST_VALUES + 1, chosen=sorted(chosen[name])
            )
    shown = bars_of(bars, since, until, step)
    return Counts(
        calls=sum(bar.calls for bar in shown),
        errors=sum(bar.errors for bar in shown),
        cost=sum(priced) if (priced := [bar.cost for bar in shown if bar.cost is not None]) else None,
        bars=shown,
        facets=tuple(
            _facet(name, [row for row in rows if row["facet"] in _COLUMNS[name]], chosen[name]) for name in FACETS
        ),
    )


def step_of(since: datetime, until: datetime) -> timedelta:
    """How long a bar is, so that a window has at most `MOST_BARS`."""
    return next((step for step in _STEPS if (until - since) / step <= MOST_BARS - 1), _STEPS[-1])


def bars_of(rows: Sequence[Mapping[str, Any]], since: datetime, until: datetime, step: timedelta) -> tuple[Bar, ...]:
    """Every stretch of a window, the first and the last cut at its ends."""
    known = {int(row["begins"]): row for row in rows}
    seconds = int(step.total_seconds())
    first, last = int(since.timestamp()) // seconds, -(-until.timestamp() // seconds)
    found = []
    for place in range(first, int(last)):
        row = known.get(place * seconds, {})
        begins = datetime.fromtimestamp(place * seconds, UTC)
        found.append(
            Bar(
                since=max(begins, since),
                until=min(begins + step, until),
                calls=int(row.get("calls", 0)),
                errors=int(row.get("errors", 0)),
                cost=None if row.get("dollars") is None else float(row["dollars"]),
            )
        )
    return tuple(found)


def _facet(name: str, rows: Sequence[Mapping[str, Any]], chosen: frozenset[str]) -> Facet:
    counted = Counter(dict.fromkeys(chosen, 0))
    for row in rows:
        counted[row["value"]] += int(row["calls"])
        if row["facet"] == "model_served":  # once for a call that got what it asked for
            counted[row["value"]] -= int(row["same"])
    if name == "model" and "" not in chosen:
        del counted[""]
    ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    shown = [each for place, each in enumerate(ranked) if place < _MOST_VALUES or each[0] in chosen]
    values = tuple(Value(text=text, calls=calls, chosen=text in chosen) for text, calls in shown)
    return Facet(name=name, values=values, more=len(ranked) > len(shown))


def _chosen(asked: CallFilter, name: str) -> frozenset[str]:
    return frozenset("" if value == "-" else str(value) for value in getattr(asked, name))


def _over_time(found: Condition) -> str:
    return f"""SELECT intDiv(toUnixTimestamp(ts), {{step:UInt32}}) * {{step:UInt32}} AS begins, count() AS calls,
    countIf(outcome NOT IN ('ok', 'client_left')) AS errors, toFloat64(sum(cost)) AS dollars
FROM calls
WHERE {found.sql}
GROUP BY begins"""  # noqa: S608 - names of our own; values are parameters


def _by_facet(facets: Sequence[str], found: Condition) -> str:
    """The calls by each value of some facets, the most frequent of each and those that were chosen."""
    columns = [column for name in facets for column in _COLUMNS[name]]
    which = ", ".join(f"grouping({column}) = 0, '{column}'" for column in columns)
    value = ", ".join(f"grouping({column}) = 0, toString({column})" for column in columns)
    return f"""SELECT multiIf({which}, '') AS facet, multiIf({value}, '') AS value, count() AS calls,
    countIf(model_requested = model_served) AS same
FROM calls
WHERE {found.sql}
GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in columns)})
ORDER BY facet, has({{chosen:Array(String)}}, value) DESC, calls DESC, value
LIMIT {{most:UInt32}} BY facet"""  # noqa: S608 - names of our own; values are parameters
