"""Errors of estimates: what hours and days share counts, and intervals hold what they should."""

import numpy as np
import pytest

from evaluation.drift.fitting import Rows, fit


def _rows(seed: int, *, day: float = 0.0, step: float = 0.0, days: int = 20, n: int = 50) -> tuple[Rows, np.ndarray]:
    chance = np.random.default_rng(seed)
    hour = np.arange(days * 24)
    rate = 0.8 + np.repeat(chance.normal(0, day, days), 24) + step * (hour >= 14 * 24)
    good = chance.binomial(n, np.clip(rate, 0, 1)).astype(float)
    rows = Rows(
        hour=hour,
        n=np.full(hour.size, float(n)),
        mean=good / n,
        squares=good,
        weight=np.ones(hour.size),
        alike=np.zeros(hour.size, np.int64),
    )
    return rows, np.stack([np.ones(hour.size), (hour >= 14 * 24).astype(float)], axis=1)


def test_days_that_differ_make_a_step_less_sure() -> None:
    errors = []
    for day in (0.0, 0.05):
        rows, columns = _rows(1, day=day)
        found = fit(rows, columns)
        errors.append(float(found.noise.variances(found.weights[1:])[0][0]))
    assert errors[1] > 4 * errors[0]


@pytest.mark.parametrize("day", [0.0, 0.03])
def test_a_95_percent_interval_holds_the_truth_about_that_often(day: float) -> None:
    from evaluation.drift.fitting import quantile

    held = 0
    for seed in range(200):
        rows, columns = _rows(seed, day=day, step=-0.05)
        found = fit(rows, columns)
        variance, freedom = found.noise.variances(found.weights[1:])
        half = quantile(0.95, float(freedom[0])) * float(np.sqrt(variance[0]))
        held += abs(float(found.coefficients[1]) + 0.05) <= half
    assert 0.90 * 200 <= held <= 0.99 * 200


def test_a_column_that_says_the_same_as_others_is_left_out() -> None:
    rows, columns = _rows(1)
    twice = np.hstack([columns, columns[:, 1:]])
    assert fit(rows, twice).kept == (0, 1)
