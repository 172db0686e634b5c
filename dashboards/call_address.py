"""What the address of a page of calls says: filters by the names that the API and the command line have, and times as people type them.

Knows addresses and how one leads to another. Refuses to know SQL, and what a filter's value means (`tracing.search.filters`). What can't
be read is a sentence for whoever typed it, not an error: the page shows it beside the fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from pydantic import ValidationError

from dashboards.moments import Window, window_of
from dashboards.zones import PARAMETER
from evaluation.errors import AnalysisError
from evaluation.moments import read_moment
from registry.errors import nearest
from tracing.search.filters import CallFilter

DEFAULT = "1d"
PRESETS = (("1h", "1 hour"), ("1d", "1 day"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))
AROUND = timedelta(minutes=30)
"""How far a page looks to both sides of the moment that it is asked about."""

TIMES = ("since", "until", "around")
PLACES = ("cursor", "live", "span")
"""What an address says beside the filter: where in what was found."""

FILTERS = tuple(name for name in CallFilter.model_fields if name not in {"since", "until", "ended_since"})
_MANY = frozenset(name for name in FILTERS if isinstance(CallFilter.model_fields[name].default, tuple))
_MOST_PAIRS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The filters of an address, in its order. `path` is the page's."""

    path: str
    pairs: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> list[str]:
        """What is given for a filter."""
        return [value for key, value in self.pairs if key == name]

    def value(self, name: str) -> str:
        """The same, for one that is given once."""
        return next(iter(self.values(name)), "")

    def having(self, name: str, value: str) -> Address:
        """With one value more of a filter."""
        return replace(self, pairs=(*self.pairs, (name, value)))

    def without(self, name: str, value: str | None = None) -> Address:
        """Without a value of a filter, or without all of them."""
        return replace(
            self, pairs=tuple(each for each in self.pairs if each[0] != name or value not in (None, each[1]))
        )

    def with_times(self, **times: str) -> Address:
        """In another window of time."""
        rest = tuple(each for each in self.pairs if each[0] not in TIMES)
        return replace(self, pairs=(*rest, *((name, text) for name, text in times.items() if text)))

    def at(self, path: str) -> Address:
        """The same filters on another page."""
        return replace(self, path=path)

    def query(self, **more: str) -> str:
        """What stands behind the question mark."""
        return urlencode([*self.pairs, *more.items()])

    def href(self, **more: str) -> str:
        """The whole address; `more` stands in it beside the filters."""
        query = self.query(**more)
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsAsked:
    """What is looked for. Where `problem` says what can't be read, `filter` finds nothing in particular and isn't to be used."""

    address: Address
    filter: CallFilter
    window: Window
    problem: str = ""

    @property
    def narrow(self) -> bool:
        """Whether anything but a time is asked for."""
        return any(name in FILTERS for name, _ in self.address.pairs)


def read_address(path: str, query: Iterable[tuple[str, str]], now: datetime, zone: tzinfo) -> CallsAsked:
    """What an address asks for; times are typed in `zone`. Fields that were left empty say nothing."""
    pairs = [(name, value.strip()) for name, value in query if value.strip() and name not in PLACES][:_MOST_PAIRS]
    address = Address(path=path, pairs=tuple(dict.fromkeys(pairs)))
    window = window_of("", "", default=DEFAULT, now=now, zone=zone)
    try:
        window = _window(address, now, zone)
        asked = _filter(address).model_copy(update={"since": window.since, "until": window.until})
    except (AnalysisError, ValueError) as error:
        return CallsAsked(address=address, filter=CallFilter(), window=window, problem=str(error))
    return CallsAsked(address=address, filter=asked, window=window)


def _window(address: Address, now: datetime, zone: tzinfo) -> Window:
    around = address.value("around")
    if not around:
        return window_of(address.value("since"), address.value("until"), default=DEFAULT, now=now, zone=zone)
    at = read_moment(around, now=now, zone=zone, what="around")
    if at - AROUND >= now:
        raise AnalysisError(f"around ({at:%Y-%m-%d %H:%M} UTC) has not come yet")
    return Window(since=at - AROUND, until=min(at + AROUND, now), said="", until_said="", zone=zone)


def _filter(address: Address) -> CallFilter:
    given: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for name, value in address.pairs:
        if name in (*TIMES, PARAMETER):
            continue
        if name not in FILTERS:
            meant = nearest(name, FILTERS)
            raise AnalysisError(
                f"'{name[:40]}' is no filter of calls" + (f"; did you mean '{meant}'?" if meant else "")
            )
        if name in _MANY:
            several.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return CallFilter.model_validate({**given, **several})
    except ValidationError as error:
        raise AnalysisError(_in_words(error)) from None


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    said = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return said
    name = str(first["loc"][0])
    if first["type"] == "value_error":
        return f"{name}: {said}"
    return f"{name}: {said[:1].lower()}{said[1:]}, not {str(first['input'])[:60]!r}"
