"""How many values a difference takes: the design's figures, and what powers and sizes really do."""

from statistics import NormalDist

import numpy as np
import pytest

from evaluation.comparison.needed import ALPHA, POWER, for_means, for_rates


@pytest.mark.parametrize(("difference", "calls"), [(0.10, 409), (0.05, 1_581), (0.03, 4_325), (0.02, 9_653)])
def test_rates_at_eighty_five_per_cent(difference: float, calls: int) -> None:
    assert for_rates(0.85, difference) == calls


@pytest.mark.parametrize(("difference", "power"), [(0.1, 0.84), (0.03, 0.88), (-0.03, 0.92)])
def test_that_many_calls_show_the_difference_about_as_often_as_promised(difference: float, power: float) -> None:
    chance, n = np.random.default_rng(5), for_rates(0.85, abs(difference))
    here, there = (chance.binomial(n, rate, 20_000) / n for rate in (0.85, 0.85 - difference))
    mean = (here + there) / 2
    shown = np.abs(here - there) / np.sqrt(2 * mean * (1 - mean) / n) > NormalDist().inv_cdf(1 - ALPHA / 2)
    assert shown.mean() == pytest.approx(power, abs=0.015)
    assert abs(power - POWER) < 0.07


def test_means_take_the_square_of_how_small_the_difference_is() -> None:
    assert for_means(1.0, 0.1) == 2_976
    assert for_means(2.0, 0.2) == 2_976
    assert for_means(1.0, 0.05) == pytest.approx(4 * 2_976, rel=0.001)


def test_values_that_resemble_each_other_say_less() -> None:
    assert for_rates(0.85, 0.05, design_effect=2) == pytest.approx(2 * 1_581, abs=2)


def test_a_rate_beside_zero_is_told_from_one_above_it() -> None:
    assert 0 < for_rates(0.0, 0.02) < for_rates(0.01, 0.02) < for_rates(0.05, 0.02)
