"""What the calls themselves tell of changes that nobody announced."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from evaluation.drift.events import moves, shifts
from evaluation.drift.table import Factor
from registry.values import HistoryEntry
from tests.unit.evaluation.drift.world import FIRST, promotion


def _served(
    by_hour: Callable[[int], Sequence[str]], *, hours: int = 240, per_hour: int = 20
) -> tuple[Factor, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(1)
    values = [chance.choice(by_hour(hour)) for hour in range(hours) for _ in range(per_hour)]
    names, codes = np.unique(values, return_inverse=True)
    factor = Factor(codes=codes.astype(np.int64), names=tuple(str(name) for name in names))
    return factor, np.repeat(np.arange(hours), per_hour) + FIRST, np.ones(len(values))


def test_a_set_of_fingerprints_that_any_call_may_get_is_no_change() -> None:
    factor, hour, calls = _served(lambda _: ["a", "b", "c", "d"])
    assert shifts(hour, factor, calls) == []


def test_a_set_that_becomes_another_is_one_change_at_its_hour() -> None:
    factor, hour, calls = _served(lambda at: ["a", "b", "c"] if at < 100 else ["c", "d", "e"])
    [shift] = shifts(hour, factor, calls)
    assert shift.begin == pytest.approx(FIRST + 100, abs=1) and shift.end == pytest.approx(FIRST + 100, abs=1)
    assert {factor.names[code] for code in shift.risen} == {"d", "e"}


def test_a_value_that_comes_and_goes_is_no_change() -> None:
    factor, hour, calls = _served(lambda at: ["x"] if 100 <= at < 106 else ["a", "b"])
    assert shifts(hour, factor, calls) == []


def test_a_change_over_days_is_one_change_from_its_begin_to_its_end() -> None:
    factor, hour, calls = _served(lambda at: ["old"] * max(0, min(72, 172 - at)) + ["new"] * max(0, min(72, at - 100)))
    [shift] = shifts(hour, factor, calls)
    assert FIRST + 95 < shift.begin < FIRST + 120 and FIRST + 155 < shift.end < FIRST + 180
    assert (shift.before, shift.after) == (("old",), ("new",))


def test_moves_of_the_history_are_events_and_nothing_else_is() -> None:
    at = promotion(0).at

    def entry(action: str, revision: int) -> HistoryEntry:
        return HistoryEntry(
            revision=revision, at=at, actor="ann", action=action, slug="agent", channel="stable", from_version=7, to_version=8,
            reason="shorter", evidence={}, request_id="",
        )  # fmt: skip

    found = moves([entry("save", 1), entry("promote", 2), entry("rollout", 3)])
    assert [(event.kind, event.before, event.after, event.by, event.revision) for event in found] == [
        ("promotion", "7", "8", "ann", 2),
        ("rollout", "7", "8", "ann", 3),
    ]
