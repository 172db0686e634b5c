"""How far days stray at most is told from a few of them as often as is said, and days that happen to agree don't make a monitor sure."""

import math

import numpy as np
import pytest

from evaluation.monitors.days import Days, is_weekend
from evaluation.monitors.hours import hours_of
from evaluation.monitors.series import Prepared, look, prepare

FIRST = 100 * 14 * 24
NO_WEEKEND = np.zeros(14, dtype=bool)


def drawn(seed: int, *, strays: float, chance: float = 1.0) -> Days:
    """A fortnight without a level for weekends."""
    draw = np.random.default_rng(seed)
    return Days(off=draw.normal(0, math.sqrt(chance + strays**2), 14), chance=np.full(14, chance), weekend=NO_WEEKEND)


@pytest.mark.parametrize(("strays", "seldom"), [(0.5, 0.03), (1.0, 0.08), (3.0, 0.15)])
def test_the_bound_is_seldom_too_low(strays: float, seldom: float) -> None:
    low = [drawn(seed, strays=strays).at_most(0.03) < strays**2 for seed in range(500)]
    assert sum(low) <= 500 * seldom


def test_the_bound_is_no_higher_than_it_has_to_be() -> None:
    bounds = [drawn(seed, strays=3.0).at_most(0.1) for seed in range(200)]
    assert 9 < np.median(bounds) < 2.5 * 9
    assert np.median([drawn(seed, strays=0.0).at_most(0.2) for seed in range(200)]) < 1.5, "quiet days stay quiet"


def test_the_bound_is_where_the_days_are_as_near_as_they_seldom_are() -> None:
    days = drawn(3, strays=3.0)
    sure, unsure = days.at_most(0.3), days.at_most(0.01)
    assert sure < unsure
    assert days.at_most(0.3) == pytest.approx(
        100 * Days(off=days.off / 10, chance=days.chance / 100, weekend=NO_WEEKEND).at_most(0.3), rel=0.01
    ), "in any unit"
    same = Days(off=np.zeros(14), chance=np.ones(14), weekend=NO_WEEKEND)
    assert same.at_most(0.3) == 0


def test_a_level_of_weekends_is_known_from_fewer_days() -> None:
    weekend = is_weekend(np.arange(FIRST // 24, FIRST // 24 + 14))
    assert list(np.flatnonzero(weekend)) == [2, 3, 9, 10], "the first day is a Thursday"
    days = Days(off=np.where(weekend, 1.0, -1.0), chance=np.ones(14), weekend=weekend)
    assert days.at_most(0.3) == 0, "what weekends differ by is no straying"
    assert days.error_of_level(3.0) == (pytest.approx(math.sqrt(4 / 10)), pytest.approx(math.sqrt(4 / 4)))
    none = Days(off=days.off, chance=days.chance, weekend=NO_WEEKEND)
    assert none.error_of_level(3.0)[1] == pytest.approx(math.sqrt(4 / 14)), (
        "weekends that weren't seen are as other days"
    )


def test_one_bad_day_is_no_change_where_days_stray() -> None:
    assert changed([-8.0]) is None
    assert changed([0.0, -8.0]) is None
    assert changed([-8.0, -8.0]) is not None


def changed(last_days: list[float]):
    """The change that is told of after a fortnight of days that are off by 1.2 one way or the other, twice as far as hours that are off by 3
    put them, and these days."""
    of_day = [1.2, -1.2] * 7 + last_days
    noise = np.random.default_rng(11).normal(0, 3.0, (len(of_day), 24))
    noise -= noise.mean(axis=1, keepdims=True)
    level = (np.array(of_day)[:, None] + noise).ravel()
    series = hours_of(FIRST + np.arange(len(level)), np.full(len(level), 100.0), level, level**2 + 1.0)
    now = FIRST + len(level)
    ready = prepare(series, now)
    assert isinstance(ready, Prepared)
    return look(ready, margin=0.5, sides=("up", "down"), series=10, now=now)
