"""The watch after a promotion, on simulated hours whose truth is known. The simulation shares nothing with the detector."""

from collections.abc import Iterator

import numpy as np
import pytest

from evaluation.watch.detector import Bucket, limit_for, usual, watch

P = 0.85


def hours(seed: int, days: int, *, rate: float, loss: float = 0.0, hour_noise: float = 0.15) -> list[Bucket]:
    """Hours of bool scores whose chance moves from hour to hour, by `hour_noise` in log odds."""
    draw = np.random.default_rng(seed)
    odds = np.log(P / (1 - P)) + draw.normal(0, hour_noise, 24 * days)
    chance = np.clip(1 / (1 + np.exp(-odds)) - loss, 0, 1)
    n = draw.poisson(rate, 24 * days)
    good = draw.binomial(n, chance)
    return [Bucket(day=i // 24, n=int(n[i]), total=int(good[i]), squares=int(good[i])) for i in range(24 * days)]


def seen(seed: int, *, rate: float, loss: float, margin: float = 0.01, weeks: int = 1) -> int | None:
    """After how many hours there is an alarm."""
    before = usual(hours(2 * seed, 14, rate=rate), margin)
    assert before is not None
    return watch(hours(2 * seed + 1, 7 * weeks, rate=rate, loss=loss), before, limit_for(1)).alarm_at


@pytest.mark.parametrize("rate", [10, 100])
def test_a_version_that_is_no_worse_is_left_alone(rate: float) -> None:
    assert sum(seen(seed, rate=rate, loss=0.0) is not None for seed in range(150)) <= 3


@pytest.mark.parametrize(("rate", "loss", "within"), [(50, 0.10, 24), (50, 0.05, 96), (200, 0.05, 36)])
def test_a_loss_is_found(rate: float, loss: float, within: int) -> None:
    found = [seen(seed, rate=rate, loss=loss, weeks=2) or 10**6 for seed in range(25)]
    assert float(np.median(found)) <= within
    assert sum(each < 10**6 for each in found) >= 23


def test_a_loss_within_the_margin_is_none() -> None:
    assert [seed for seed in range(40) if seen(seed, rate=100, loss=0.03, margin=0.05)] == []


def test_looking_more_often_than_at_the_end_costs_nothing_that_was_not_paid_for() -> None:
    before = usual(hours(1, 14, rate=50), 0.01)
    assert before is not None
    stream = hours(2, 14, rate=50, loss=0.08)
    at = watch(stream, before, limit_for(1)).alarm_at
    assert at is not None
    assert watch(stream[: at - 1], before, limit_for(1)).alarm_at is None
    assert watch(stream[:at], before, limit_for(1)).alarm_at == at


def test_more_series_ask_for_more_evidence() -> None:
    assert limit_for(5) == 5 * limit_for(1) == 5 * 168 / 0.01


def test_too_little_history_is_no_ground_to_judge_on() -> None:
    assert usual(hours(1, 6, rate=50), 0.01) is None
    assert usual([], 0.01) is None
    assert usual(hours(1, 14, rate=0.1), 0.01) is None


def test_days_that_differ_widen_the_margin() -> None:
    draw = np.random.default_rng(5)

    def unsteady() -> Iterator[Bucket]:
        for day in range(14):
            chance = float(np.clip(P + draw.normal(0, 0.05), 0, 1))
            for _ in range(24):
                good = int(draw.binomial(200, chance))
                yield Bucket(day=day, n=200, total=good, squares=good)

    steady, moody = usual(hours(3, 14, rate=200, hour_noise=0.0), 0.01), usual(list(unsteady()), 0.01)
    assert steady is not None
    assert moody is not None
    assert steady.margin < 0.02
    assert 0.08 < moody.margin < 0.25


def test_numbers_are_watched_as_bools_are() -> None:
    draw = np.random.default_rng(7)

    def stars(days: int, mean: float) -> list[Bucket]:
        found = []
        for hour in range(24 * days):
            values = np.clip(draw.normal(mean, 0.8, 40), 1, 5)
            found.append(Bucket(day=hour // 24, n=40, total=float(values.sum()), squares=float((values**2).sum())))
        return found

    before = usual(stars(14, 4.0), 0.05)
    assert before is not None
    assert watch(stars(7, 4.0), before, limit_for(1)).alarm_at is None
    assert watch(stars(7, 3.6), before, limit_for(1)).alarm_at is not None
