"""Rows 5 and 6: the monitor's detector in weeks without a change, and its delay. The hours are those of bench/watch_rates."""

from collections.abc import Iterator

import numpy as np

from bench.drift.tables import Result, bounds
from bench.watch_rates import NOISE, alarm

_RATES = (10, 50, 200)
_WEEKS, _LOSSES = 1000, 300
_MOST = 4
"""Of a thousand weeks, so that the bound of the share is below 1 %."""
_AIMS = {50: 48.0, 200: 18.0}
_DELAY_SEEDS = 10_000


def false_alarms() -> Result:
    """Row 5: a thousand weeks without a change in each noise setting."""
    lines = [
        "| scores an hour | noise by hour | by day | weeks with an alarm | 95 % bounds |",
        "| --- | --- | --- | --- | --- |",
    ]
    wrong: dict[str, int] = {}
    for rate, noise in _settings():
        many = sum(alarm(seed, rate, noise, 0.0, 7) is not None for seed in range(_WEEKS))
        wrong[f"{rate}/{noise[0]}/{noise[1]}"] = many
        lines.append(f"| {rate} | {noise[0]} | {noise[1]} | {many} of {_WEEKS:,} | {bounds(many, _WEEKS)} |")
    worst = max(wrong.values())
    return Result(
        row="5",
        met=worst <= _MOST,
        line=f"at most {worst} of {_WEEKS:,} weeks with an alarm in each of {len(wrong)} settings; the aim is {_MOST}",
        table="\n".join(lines),
        data={"alarms": wrong},
    )


def delays() -> Result:
    """Row 6: hours from a loss of 5 points to the alarm, noise by hour 0.15; a loss that isn't found counts as longer than all."""
    lines = ["| scores an hour | found | hours, median | 90th percentile | aim |", "| --- | --- | --- | --- | --- |"]
    medians: dict[int, float] = {}
    for rate in _RATES:
        hours = [alarm(_DELAY_SEEDS + seed, rate, NOISE[1], 0.05, 14) for seed in range(_LOSSES)]
        known = sum(each is not None for each in hours)
        late = [np.inf if each is None else float(each) for each in hours]
        medians[rate], high = (float(np.percentile(late, q, method="higher")) for q in (50, 90))
        aim = f"{_AIMS[rate]:.0f}" if rate in _AIMS else ""
        lines.append(f"| {rate} | {known} of {_LOSSES} | {_told(medians[rate])} | {_told(high)} | {aim} |")
    return Result(
        row="6",
        met=all(medians[rate] <= aim for rate, aim in _AIMS.items()),
        line="median "
        + ", ".join(f"{_told(medians[rate])} h at {rate}/h (aim {aim:.0f} h)" for rate, aim in _AIMS.items()),
        table="\n".join(lines),
        data={"medians": {str(rate): _told(each) for rate, each in medians.items()}},
    )


def _settings() -> Iterator[tuple[int, tuple[float, float]]]:
    return ((rate, noise) for rate in _RATES for noise in NOISE)


def _told(hours: float) -> str:
    return f"{hours:.0f}" if np.isfinite(hours) else "not found in two weeks"
