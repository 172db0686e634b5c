"""When a night of a probe is due."""

from datetime import UTC, datetime

import pytest

from registry.errors import PromptInvalidError
from registry.probes import Probe, check_time, night_due


def probe(created: str, at: str = "03:00", removed: str | None = None) -> Probe:
    return Probe(
        probe_id="p",
        slug="a",
        version=1,
        model=None,
        dataset="golden",
        number=1,
        repeats=1,
        budget_usd=1.0,
        nightly_at=at,
        embedding_model=None,
        reference="",
        actor="ann",
        identity="user:ann",
        created_at=moment(created),
        removed_at=None if removed is None else moment(removed),
        revision=1,
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-11-03T12:00", None),  # it was made at noon, after that day's time
        ("2026-11-04T02:59", None),
        ("2026-11-04T03:00", "2026-11-04"),
        ("2026-11-05T02:59", "2026-11-04"),
        ("2026-11-09T18:00", "2026-11-09"),  # the nights between are not made up for
    ],
)
def test_the_last_night_is_due_and_none_before_it(now: str, night: str | None) -> None:
    assert night_due(probe("2026-11-03T12:00"), moment(now)) == night


def test_a_probe_that_was_removed_is_never_due() -> None:
    assert night_due(probe("2026-11-03T12:00", removed="2026-11-04T01:00"), moment("2026-11-09T18:00")) is None


def test_times_of_the_day() -> None:
    assert [check_time(each) for each in ("00:00", "23:59")] == ["00:00", "23:59"]
    for wrong in ("24:00", "3:00", "03:60", "", "03:00Z"):
        with pytest.raises(PromptInvalidError, match="such as 03:00"):
            check_time(wrong)
