"""Times as people say them: `last tuesday`, `yesterday 14:00`, `3 days ago`, `5 nov`, `2026-11-05 09:00`, ISO 8601.

Pure: the clock and the reader's zone are arguments. Knows English and ISO. Refuses to guess: what it doesn't know is an error that shows
what would do. Days begin at midnight in the reader's zone; a day of the week, or of the year, is the latest one that has begun.
"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from evaluation.errors import AnalysisError

EXAMPLES = "'last tuesday', 'yesterday 14:00', '3 days ago', '7d', '2026-11-05 09:00' or '2026-11-05T09:00Z'"

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_UNITS = {
    "m": "minutes", "min": "minutes", "minute": "minutes", "h": "hours", "hour": "hours", "d": "days", "day": "days",
    "w": "weeks", "week": "weeks",
}  # fmt: skip
_AGO = re.compile(r"(?P<count>\d{1,6}|an?|one) ?(?P<unit>m|min|minute|h|hour|d|day|w|week|month)s?(?P<ago> ago)?")
_CLOCK = re.compile(r"(?:\s+(?:at\s+)?|\s*,\s*|t)(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>am|pm)?$")
_DATE = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)? (?:of )?([a-z]+)|([a-z]+) (\d{1,2})(?:st|nd|rd|th)?)(?:,? (\d{4}))?")


def read_moment(text: str, *, now: datetime, zone: tzinfo | None = None, what: str = "") -> datetime:
    """The time that `text` means to a reader in `zone` (None: this machine's), in UTC. `now` must carry a zone.

    `what` names where the text stood. Raises AnalysisError for what is no time, and what no calendar has.
    """
    try:
        asked = " ".join(text.strip().split())
        found = _iso(asked, zone) or _said(asked.lower(), now.astimezone(zone), zone)
        if found is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise AnalysisError(f"{what or 'a time'} is such as {EXAMPLES}, not {text[:100]!r}")


def check_window(
    since: datetime | None, until: datetime | None, *, names: tuple[str, str] = ("since", "until")
) -> None:
    """Raises AnalysisError for a window that ends before it begins."""
    if since is not None and until is not None and since >= until:
        raise AnalysisError(
            f"{names[0]} ({since:%Y-%m-%d %H:%M} UTC) must be before {names[1]} ({until:%Y-%m-%d %H:%M} UTC)"
        )


def _iso(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else _in(found, zone)


def _said(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return _ago(ago, now, zone)
    clock = _CLOCK.search(text)
    # "5 nov 2026" ends in digits too: a clock needs a colon, am, pm or "at".
    if clock and not (clock["minute"] or clock["half"] or " at " in f" {clock[0]} "):
        clock = None
    day = _day(text[: clock.start()] if clock else text, now)
    if day is None:
        return None
    at = _time(clock) if clock else time()
    return _in(datetime.combine(day, at), zone)


def _ago(ago: re.Match[str], now: datetime, zone: tzinfo | None) -> datetime | None:
    short = ago["unit"] in {"m", "h", "d", "w"}
    if not short and not ago["ago"]:
        return None
    count = int(ago["count"]) if ago["count"].isdigit() else 1
    if ago["unit"] == "month":
        months = now.year * 12 + now.month - 1 - count
        last = _last_day(months // 12, months % 12 + 1)
        return _in(now.replace(tzinfo=None, year=months // 12, month=months % 12 + 1, day=min(now.day, last)), zone)
    return now.astimezone(UTC) - timedelta(**{_UNITS[ago["unit"]]: count})


def _day(text: str, now: datetime) -> datetime | None:
    """Midnight of the day that is meant, without a zone."""
    today = datetime.combine(now.date(), time())
    text = text.removeprefix("on ").removeprefix("since ")
    if text in {"today", "yesterday"}:
        return today - timedelta(days=text == "yesterday")
    if text == "last week":
        return today - timedelta(days=today.weekday() + 7)
    if text == "last month":
        return (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    last = text.startswith("last ")
    name = _one_of(_DAYS, text.removeprefix("last "))
    if name is not None:
        back = (today.weekday() - name) % 7
        return today - timedelta(days=7 if last and back == 0 else back)
    return _date(text, today)


def _date(text: str, today: datetime) -> datetime | None:
    found = _DATE.fullmatch(text)
    month = _one_of(_MONTHS, (found[2] or found[3])) if found else None
    if found is None or month is None:
        return None
    day = int(found[1] or found[4])
    if found[5]:
        return datetime(int(found[5]), month + 1, day)  # noqa: DTZ001 - the zone comes on top
    this_year = today.replace(month=month + 1, day=day)
    return this_year if this_year <= today else this_year.replace(year=today.year - 1)


def _time(clock: re.Match[str]) -> time:
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if clock["half"] == "pm" else 0)
    return time(hour, int(clock["minute"] or 0))


def _one_of(names: tuple[str, ...], text: str) -> int | None:
    """The place of a name that is given in full or by three letters or more."""
    text = text.removesuffix(".")
    return next((place for place, name in enumerate(names) if len(text) >= 3 and name.startswith(text)), None)


def _in(naive: datetime, zone: tzinfo | None) -> datetime:
    """A time of the reader's clock; without a zone the machine's, with the summer time of that day."""
    return naive.replace(tzinfo=zone) if zone is not None else naive.astimezone()


def _last_day(year: int, month: int) -> int:
    begin = datetime(year, month, 28, tzinfo=UTC) + timedelta(days=4)
    return (begin - timedelta(days=begin.day)).day
