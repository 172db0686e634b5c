"""Rows 5 and 6: monitors in weeks without a change, and their delay. The hours and the figures are those of bench/monitor_rates.

The hours are simulated and handed to the monitor's own functions; they are no rows in ClickHouse.
"""

import math

import numpy as np

from bench.drift.tables import Result, bounds
from bench.monitor_rates import FAMILY, NOISE, Setting, alarm, families

_WEEKS, _LOSSES = 1000, 300
_MOST = 4
"""Of a thousand weeks, so that the bound of the share is below 1 %."""
_AIMS = {50: 48.0, 200: 18.0}


def false_alarms(seeds: int | None, first_seed: int) -> Result:
    """Row 5: weeks without a change in each noise setting, all series of a family together. Weeks are numbered from `first_seed` on."""
    weeks = seeds or _WEEKS
    most = _MOST * weeks // _WEEKS
    lines = ["| noise by hour | by day | weeks with an alarm | 95 % bounds |", "| --- | --- | --- | --- |"]
    wrong: dict[str, int] = {}
    for by_hour, by_day in NOISE:
        settings = [Setting(rate=rate, by_hour=by_hour, by_day=by_day) for rate in _AIMS] * (FAMILY // 2)
        many = families(settings, range(first_seed, first_seed + weeks), margin=0.01, side="down")
        wrong[f"{by_hour}/{by_day}"] = many
        lines.append(f"| {by_hour} | {by_day} | {many} of {weeks:,} | {bounds(many, weeks)} |")
    worst = max(wrong.values())
    return Result(
        row="5",
        met=worst <= most,
        line=f"at most {worst} of {weeks:,} weeks with an alarm among {FAMILY} series, in {len(wrong)} settings; the aim is {most}",
        table="\n".join(lines),
        data={"alarms": wrong},
    )


def delays(seeds: int | None, first_seed: int) -> Result:
    """Row 6: hours from a loss of 5 points to the alarm, noise by hour 0.15; a loss that isn't found counts as longer than all. Seeds are
    those from `first_seed` on."""
    losses = seeds or _LOSSES
    lines = [
        "| scores an hour | series | found | hours, median | 90th percentile | aim |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    medians: dict[tuple[int, int], float] = {}
    for rate, aim in _AIMS.items():
        for family in (1, FAMILY):
            setting = Setting(rate=rate, by_hour=0.15)
            hours = [
                alarm(seed, setting, family=family, margin=0.01, side="down", days=14, loss=0.05)
                for seed in range(first_seed, first_seed + losses)
            ]
            late = [math.inf if each is None else float(each) for each in hours]
            medians[rate, family], high = (float(np.percentile(late, q, method="higher")) for q in (50, 90))
            known = sum(each is not None for each in hours)
            told = f"{_told(medians[rate, family])} | {_told(high)}"
            lines.append(f"| {rate} | {family} | {known} of {losses} | {told} | {aim:.0f} |")
    return Result(
        row="6",
        met=all(medians[rate, 1] <= aim for rate, aim in _AIMS.items()),
        line="median "
        + ", ".join(f"{_told(medians[rate, 1])} h at {rate}/h (aim {aim:.0f} h)" for rate, aim in _AIMS.items()),
        table="\n".join(lines),
        data={"medians": {f"{rate}/{family}": _told(each) for (rate, family), each in medians.items()}},
    )


def _told(hours: float) -> str:
    return f"{hours:.0f}" if math.isfinite(hours) else "not found in two weeks"
