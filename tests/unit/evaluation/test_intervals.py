"""The intervals against scipy's own, and what must hold for any numbers."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from evaluation.intervals import student_t, wilson


@given(n=st.integers(1, 5000), data=st.data())
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    expected = stats.binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    ours = wilson(successes, n)
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(successes=st.floats(-10, 110), n=st.integers(1, 100))
def test_wilson_stays_a_share_and_holds_the_mean_for_any_input(successes: float, n: int) -> None:
    ours = wilson(successes, n)
    assert ours is not None
    assert 0 <= ours.low <= min(max(successes / n, 0), 1) <= ours.high <= 1


@given(st.lists(st.floats(-1000, 1000), min_size=2, max_size=50))
def test_student_t_agrees_with_scipy(values: list[float]) -> None:
    error = stats.sem(values)
    assume(error > 1e-3)
    expected = stats.t.interval(0.95, len(values) - 1, loc=math.fsum(values) / len(values), scale=error)
    ours = student_t(len(values), math.fsum(values), math.fsum(value * value for value in values))
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(value=st.floats(-1e12, 1e12), n=st.integers(2, 1000))
def test_equal_values_give_an_interval_and_never_a_negative_variance(value: float, n: int) -> None:
    ours = student_t(n, value * n, value * value * n)
    assert ours is not None
    assert ours.low <= value * n / n <= ours.high


def test_too_few_observations_have_no_interval() -> None:
    assert wilson(0, 0) is None
    assert student_t(0, 0, 0) is None
    assert student_t(1, 0.5, 0.25) is None
