"""Statistics of steps and of slow changes, on sums of a few hours."""

import numpy as np

from evaluation.drift.scan import Sums, common_squares, common_step_squares, slopes, squares, step_squares

_HOURS, _COLUMNS, _KINDS = 96, 4, 3


def _sums() -> Sums:
    chance = np.random.default_rng(5)
    n = chance.poisson(20, (_KINDS, _HOURS)).astype(float)
    columns = chance.normal(size=(_KINDS, _HOURS, _COLUMNS))
    cross = n[:, :, None] * columns
    flat = columns.reshape(-1, _COLUMNS)
    inverse = np.linalg.inv(flat.T @ cross.reshape(-1, _COLUMNS))
    left = n * chance.normal(size=n.shape)
    return Sums(first=0, left=left, n=n, cross=cross, inverse=inverse, spread=np.array([0.1, 0.2, 0.3]))


def test_sums_from_an_hour_on_say_the_same_of_steps_as_profiles_do() -> None:
    sums = _sums()
    profiles = (np.arange(_HOURS)[None, :] >= np.arange(_HOURS)[:, None]).astype(float)
    assert np.allclose(step_squares(sums), squares(sums, profiles), rtol=1e-9)
    assert np.allclose(common_step_squares(sums), common_squares(sums, profiles), rtol=1e-9)
    assert step_squares(sums).max() > 0


def test_a_statistic_is_what_a_regression_gains_by_the_profile() -> None:
    """Against least squares with and without the profile, a row for each hour, weighed by its observations."""
    sums = _sums()
    n, cross = sums.n[:1], sums.cross[:1]
    columns = cross[0] / n[0][:, None]
    outcome = np.random.default_rng(6).normal(size=_HOURS)
    root = np.sqrt(n[0])
    inverse = np.linalg.inv(columns.T @ cross[0])

    def left_over(design: np.ndarray) -> float:
        found = np.linalg.lstsq(design * root[:, None], outcome * root, rcond=None)[0]
        return float((n[0] * (outcome - design @ found) ** 2).sum())

    residuals = outcome - columns @ (inverse @ (cross[0].T @ outcome))
    one = Sums(first=0, left=n * residuals, n=n, cross=cross, inverse=inverse, spread=np.array([1.0]))
    profiles = slopes(_HOURS, 24.0)[[10, 40]]
    gained = [left_over(columns) - left_over(np.column_stack([columns, profile])) for profile in profiles]
    assert np.allclose(squares(one, profiles)[0], gained)
