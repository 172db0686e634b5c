"""Series without a change are left alone and series with one are told, with its time and size; on simulated hours and fixed seeds.

How often and how soon, over thousands of seeds, bench/monitor_rates.py measures.
"""

import math

import numpy as np
import pytest

from bench.monitor_rates import FIRST, REFERENCE_DAYS, Setting, alarm, families, prepared, simulated
from evaluation.monitors.calendar import PERIOD_HOURS, begin_of_watch
from evaluation.monitors.hours import Hours, Span, hours_of, width_for
from evaluation.monitors.series import Memory, Prepared, evidence, look, prepare, recovered

DAY = 24
BEGIN = FIRST + REFERENCE_DAYS * DAY
NOISY = Setting(rate=50, by_hour=0.15, by_day=0.05)


def hours(level, *, days: int = 28, n: float = 50, seed: int = 1, first: int = FIRST, spread: float = 1.0) -> Hours:
    """Hours of a metric that isn't a share, with a level by hour since the first."""
    values = np.random.default_rng(seed).normal(0, spread, (days * DAY, int(n)))
    values += np.array([level(hour) for hour in range(days * DAY)])[:, None]
    at = np.arange(days * DAY)
    return hours_of(first + at, np.full(len(at), n), values.mean(axis=1), (values**2).mean(axis=1))


def found(series: Hours, now: int, *, margin: float = 0.1, memory: Memory | None = None):
    ready = prepare(series.within(0, now), now, memory or Memory())
    assert isinstance(ready, Prepared), ready
    return look(ready, margin=margin, sides=("up", "down"), series=10, now=now)


@pytest.mark.parametrize("setting", [NOISY, Setting(rate=200, p=0.001), Setting(rate=50, p=0.995)])
def test_a_stationary_week_is_left_alone(setting: Setting) -> None:
    assert families([setting] * 5, range(20), margin=0.005, side="up") == 0
    assert families([setting] * 5, range(20), margin=0.005, side="down") == 0


def test_a_loss_is_found_within_two_days() -> None:
    at = [alarm(seed, NOISY, family=10, margin=0.01, side="down", days=7, loss=0.08) for seed in range(20)]
    assert all(each is not None for each in at)
    assert np.median([each for each in at if each is not None]) <= 48


def test_a_level_that_follows_the_hour_of_the_day_and_the_weekend_is_no_change() -> None:
    def level(hour: int) -> float:
        return math.sin(2 * math.pi * hour / DAY) - (hour // DAY % 7 in (2, 3))  # FIRST is a Thursday

    assert found(hours(level), FIRST + 28 * DAY) is None
    changed = hours(lambda hour: level(hour) + 0.5 * (hour >= 20 * DAY))
    change = found(changed, FIRST + 24 * DAY)
    assert change is not None
    assert (change.side, change.since) == ("up", FIRST + 20 * DAY)
    assert change.interval.low < 0.5 < change.interval.high


def test_a_change_is_told_with_its_time_its_size_and_its_side() -> None:
    change = found(hours(lambda hour: 10 - 0.4 * (hour >= 17 * DAY + 9)), FIRST + 20 * DAY)
    assert change is not None
    assert change.side == "down"
    assert change.earliest <= FIRST + 17 * DAY + 9 <= change.latest
    assert abs(change.since - (FIRST + 17 * DAY + 9)) <= 2
    assert change.before == pytest.approx(10, abs=0.05)
    assert change.interval.low < -0.4 < change.interval.high
    assert change.interval.high < 0


def test_one_bad_hour_is_no_change_and_what_came_and_went_is_over() -> None:
    assert found(hours(lambda hour: 10 - 5 * (hour == 17 * DAY)), FIRST + 17 * DAY + 3) is None
    week = hours(lambda hour: 10 - 2 * (17 * DAY <= hour < 18 * DAY))
    assert found(week, FIRST + 18 * DAY) is not None
    assert found(week, FIRST + 21 * DAY) is None


def test_a_series_that_is_back_is_known_to_be() -> None:
    series = hours(lambda hour: 10 - (17 * DAY <= hour < 19 * DAY))
    for after, back in ((12, False), (24, False), (36, False), (47, True), (96, True)):
        now = FIRST + 18 * DAY + after
        ready = prepare(series.within(0, now), FIRST + 18 * DAY)
        assert isinstance(ready, Prepared)
        assert recovered(ready, -1.0, now) is back, after


def test_what_was_accepted_is_the_new_usual_and_an_incident_teaches_nothing() -> None:
    stays = hours(lambda hour: 10 - (hour >= 17 * DAY))
    now = FIRST + 27 * DAY
    assert found(stays, now) is not None
    assert found(stays, now, memory=Memory(accepted_from=FIRST + 17 * DAY)) is None
    learning = prepare(stays, FIRST + 20 * DAY, Memory(accepted_from=FIRST + 17 * DAY))
    assert learning == "learning: 7 days are needed"

    incident = Span(begin=FIRST + 2 * DAY, end=FIRST + 4 * DAY)
    once = hours(lambda hour: 10 - 3 * (2 * DAY <= hour < 4 * DAY))
    with_it, without = prepare(once, FIRST + 21 * DAY), prepare(once, FIRST + 21 * DAY, Memory(incidents=(incident,)))
    assert isinstance(with_it, Prepared)
    assert isinstance(without, Prepared)
    assert without.usual.mean == pytest.approx(10, abs=0.02)
    assert with_it.usual.mean < 9.8
    again = prepare(once, FIRST + 21 * DAY, Memory(watched_from=FIRST + 20 * DAY))
    assert isinstance(again, Prepared)
    assert again.since.hour[0] == FIRST + 20 * DAY


def test_hours_that_are_missing_do_not_count_and_little_traffic_makes_wider_buckets() -> None:
    some = hours(lambda hour: 10.0, n=3)
    gaps = some.of(np.arange(len(some)) % 2 == 0)
    assert width_for(gaps, 10) == 8
    ready = prepare(gaps, FIRST + 21 * DAY)
    assert isinstance(ready, Prepared)
    assert ready.since.width == 8
    assert ready.usual.mean == pytest.approx(10, abs=0.2)
    seldom = some.of(np.arange(len(some)) % DAY == 0)
    assert "too little traffic" in str(prepare(seldom, FIRST + 21 * DAY))
    assert prepare(some.within(0, 0), FIRST) == "no traffic"


def test_rare_events_are_counted_and_bursts_speak_for_themselves_no_more() -> None:
    ready = prepared(1, Setting(rate=200, p=0.001), 7, 0.0)
    assert ready.rate == pytest.approx(0.001, abs=0.0005)
    bursty = prepared(1, Setting(rate=200, p=0.001, bursts=0.05), 7, 0.0)
    assert bursty.burst > 5 * ready.burst
    draw = np.random.default_rng(5)
    worse = simulated(draw, Setting(rate=200, p=0.001), REFERENCE_DAYS + 3, -0.03)
    change = look_up(worse, BEGIN + 3 * DAY)
    assert change is not None
    assert change.since == BEGIN
    assert change.before == pytest.approx(0.001, abs=0.001)
    assert change.interval.low < 0.03 < change.interval.high


def look_up(series: Hours, now: int):
    ready = prepare(series, now + 4 * DAY)  # so that the watch begins with the loss
    assert isinstance(ready, Prepared)
    return look(ready, margin=0.005, sides=("up",), series=10, now=now)


def test_what_nearly_always_happens_is_looked_at_from_the_other_side() -> None:
    draw = np.random.default_rng(2)
    fewer = simulated(draw, Setting(rate=50, p=0.995), REFERENCE_DAYS + 7, 0.06)
    ready = prepare(fewer, BEGIN + 7 * DAY)
    assert isinstance(ready, Prepared)
    assert ready.turned
    change = look(ready, margin=0.01, sides=("down",), series=10, now=BEGIN + 7 * DAY)
    assert change is not None
    assert (change.side, change.since) == ("down", BEGIN)
    assert change.before == pytest.approx(0.995, abs=0.005)
    assert change.interval.low < -0.06 < change.interval.high
    assert look(ready, margin=0.01, sides=("up",), series=10, now=BEGIN + 7 * DAY) is None


def test_more_series_take_more_evidence() -> None:
    ready = prepared(3, NOISY, 7, 0.03)
    few, many = (evidence(ready, margin=0.01, side="down", series=count).now for count in (1, 10_000))
    assert many < few


def test_every_hour_of_a_series_is_looked_at_for_two_weeks_before_it_is_learnt() -> None:
    for now in range(FIRST, FIRST + 8 * PERIOD_HOURS, 7):
        begin = begin_of_watch(FIRST, now)
        if now <= FIRST + 7 * DAY:
            assert begin is None
            continue
        assert begin is not None
        assert begin >= FIRST + 7 * DAY, "a week to learn from"
        if now > FIRST + 42 * DAY:
            assert 14 * DAY <= now - begin <= 28 * DAY
            assert begin >= FIRST + 14 * DAY
        assert begin % DAY == 0
