"""Times as people say them, to a reader in Berlin on Monday, 23 November 2026, half past two."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from evaluation.errors import AnalysisError
from evaluation.moments import check_window, read_moment

_BERLIN = ZoneInfo("Europe/Berlin")
_NOW = datetime(2026, 11, 23, 14, 30, tzinfo=_BERLIN)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", "2026-11-23 14:30"),
        ("today", "2026-11-23 00:00"),
        ("Yesterday", "2026-11-22 00:00"),
        ("yesterday 14:00", "2026-11-22 14:00"),
        ("yesterday at 9am", "2026-11-22 09:00"),
        ("tuesday", "2026-11-17 00:00"),
        ("last tuesday", "2026-11-17 00:00"),
        ("Last  Tuesday, 09:15", "2026-11-17 09:15"),
        ("tue", "2026-11-17 00:00"),
        ("monday", "2026-11-23 00:00"),
        ("last monday", "2026-11-16 00:00"),
        ("on sunday at 11 pm", "2026-11-22 23:00"),
        ("last week", "2026-11-16 00:00"),
        ("last month", "2026-10-01 00:00"),
        ("7d", "2026-11-16 14:30"),
        ("90m", "2026-11-23 13:00"),
        ("3 days ago", "2026-11-20 14:30"),
        ("an hour ago", "2026-11-23 13:30"),
        ("a week ago", "2026-11-16 14:30"),
        ("2 months ago", "2026-09-23 14:30"),
        ("5 november", "2026-11-05 00:00"),
        ("nov 5", "2026-11-05 00:00"),
        ("5 Nov 2025", "2025-11-05 00:00"),
        ("5 nov 09:00", "2026-11-05 09:00"),
        ("24 december", "2025-12-24 00:00"),
        ("2026-11-05", "2026-11-05 00:00"),
        ("2026-11-05 09:00", "2026-11-05 09:00"),
        ("2026-11-05T08:00Z", "2026-11-05 09:00"),
        ("2026-11-05T09:00:00+01:00", "2026-11-05 09:00"),
    ],
)
def test_what_is_meant(said: str, meant: str) -> None:
    found = read_moment(said, now=_NOW, zone=_BERLIN)
    assert found.tzinfo is UTC
    assert found.astimezone(_BERLIN).strftime("%Y-%m-%d %H:%M") == meant


def test_a_day_is_one_of_the_readers_zone_in_its_own_summer_time() -> None:
    assert read_moment("2026-07-01", now=_NOW, zone=_BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert read_moment("today", now=_NOW, zone=_BERLIN) == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert read_moment("today", now=_NOW, zone=UTC) == datetime(2026, 11, 23, tzinfo=UTC)


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    naive = datetime(2026, 11, 5, 9)  # noqa: DTZ001 - as a reader's clock shows it
    assert read_moment("2026-11-05 09:00", now=_NOW) == naive.astimezone(UTC)


def test_a_month_before_the_end_of_a_longer_one() -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert read_moment("a month ago", now=now, zone=UTC) == datetime(2026, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "soon",
        "last",
        "32 november",
        "tuesday 25:00",
        "3 days",
        "5",
        "9pm",
        "yesterday 13pm",
        "0001-01-01",
        "mo",
        "30 feb",
        "last year x",
    ],
)
def test_what_is_no_time_is_told_so_with_what_would_be(said: str) -> None:
    with pytest.raises(AnalysisError, match="--since is such as 'last tuesday'") as raised:
        read_moment(said, now=_NOW, zone=_BERLIN, what="--since")
    assert repr(said) in str(raised.value)


def test_a_window_ends_after_it_begins() -> None:
    early, late = datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)
    check_window(early, late)
    check_window(None, late)
    with pytest.raises(
        AnalysisError, match=r"since \(2026-11-06 00:00 UTC\) must be before until \(2026-11-05 00:00 UTC\)"
    ):
        check_window(late, early)
