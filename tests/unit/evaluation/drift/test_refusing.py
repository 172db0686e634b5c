"""What a report says that it can't say."""

from evaluation.drift.events import time_of
from evaluation.drift.values import DriftReport, Event
from tests.unit.evaluation.drift.world import FIRST, cells_of, promotion, report

CAME, WENT = 14 * 24, 15 * 24


def _rollback(hour: float) -> Event:
    return Event(kind="rollback", at=time_of(FIRST + hour), before="8", after="7", announced=True, channel="stable")


def _for_a_day(*moves: Event) -> DriftReport:
    """A report on a version that answered for a day and lost 10 points."""
    cells = cells_of(lambda hour, _, __: {"version": 8, "good": -0.1} if CAME <= hour < WENT else {})
    return report(cells, *moves)


def test_a_version_that_was_taken_back_is_told_with_how_to_ask_about_it() -> None:
    [said] = [each for each in _for_a_day(promotion(CAME), _rollback(WENT)).refusals if "version 8" in each.what]
    assert said.what == "what version 8 did while it answered"
    assert "neither side of the comparison is of it alone" in said.why
    asked = [f"{time_of(FIRST + hour):%Y-%m-%dT%H:%MZ}" for hour in (CAME, WENT)]
    assert said.why.endswith(f"--since {asked[0]} --until {asked[1]}")


def test_a_version_that_stays_is_no_refusal() -> None:
    assert not [each for each in _for_a_day(promotion(CAME)).refusals if "version 8" in each.what]
