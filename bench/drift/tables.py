"""What was judged as tables: shares with their bounds, by row and family, and whether each row's aim is met. Pure."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.drift.judging import Judged
from bench.drift.scenarios import Row
from evaluation.intervals import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row's result: whether its aim is met, one line that says so, and a table."""

    row: str
    met: bool | None
    line: str
    table: str
    data: dict[str, Any]


def row_result(row: Row, judged: Sequence[Judged], aims: dict[str, float] | None = None) -> Result:
    """Right ones of a row, pooled and by family."""
    right, n = sum(each.right for each in judged), len(judged)
    least = math.ceil(row.least * n / row.seeds - 1e-9)
    by_family = {
        family: [each for each in judged if each.family == family] for family in dict.fromkeys(j.family for j in judged)
    }
    weak = [
        family
        for family, some in by_family.items()
        if sum(each.right for each in some) < row.least_of_family * len(some)
    ]
    met = right >= least and not weak if row.least else None
    lines = [
        "| family | right | 95 % bounds | grades of named causes | what the others said |",
        "| --- | --- | --- | --- | --- |",
    ]
    for family, some in by_family.items():
        good = sum(each.right for each in some)
        aim = f" (aim {aims[family]:.0%})" if aims and family in aims else ""
        lines.append(
            f"| {family} | {good} of {len(some)}{aim} | {bounds(good, len(some))} | {_grades(some)} | {_others(some)} |"
        )
    lines += _by_size(judged)
    line = f"{right} of {n} right ({bounds(right, n)}); the aim is {least}"
    if row.least_of_family:
        line += f" and {row.least_of_family:.0%} of each family" + (f", missed by {', '.join(weak)}" if weak else "")
    return Result(
        row=row.name,
        met=met,
        line=line if row.least else f"{right} of {n} right ({bounds(right, n)})",
        table="\n".join(lines),
        data={
            "right": right,
            "n": n,
            "least": least,
            "families": {name: [sum(j.right for j in some), len(some)] for name, some in by_family.items()},
            "intervals": intervals_of(judged),
            "wrong": [each.as_json() for each in judged if not each.right],
        },
    )


def time_result(judged: Sequence[Judged]) -> Result:
    """Row 7: how far the time of a silent step is from the truth."""
    lines = [
        "| calls an hour | histories | with a time | off by, median | 90th percentile | aim |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    met = True
    data: dict[str, Any] = {}
    for family, aim in (("step-40", (2.0, 12.0)), ("step-200", (2.0, 4.0))):
        some = [each for each in judged if each.family == family]
        # No time given is as far off as can be: it counts in the percentiles.
        off = [math.inf if each.off is None else each.off for each in some]
        if not some:
            continue
        median, high = (float(np.percentile(off, q, method="higher")) for q in (50, 90))
        met &= median <= aim[0] and high <= aim[1]
        known = sum(math.isfinite(each) for each in off)
        lines.append(
            f"| {family.removeprefix('step-')} | {len(some)} | {known} | {median:.1f} h | {high:.1f} h | {aim[0]:.0f} h, {aim[1]:.0f} h |"
        )
        data[family] = {"n": len(some), "known": known, "median": _number(median), "p90": _number(high)}
    said = "; ".join(f"{name}: median {each['median']}, 90th percentile {each['p90']} h" for name, each in data.items())
    data["intervals"] = intervals_of(judged)
    return Result(row="7", met=met if data else None, line=said, table="\n".join(lines), data=data)


def intervals_of(judged: Sequence[Judged]) -> dict[str, list[float]]:
    """By cause: how many intervals hold their truth, how many there are, and the sum of estimates less truths."""
    found: dict[str, list[float]] = {}
    for each in judged:
        for cause, truth, change, low, high in each.intervals:
            counts = found.setdefault(cause, [0, 0, 0.0])
            counts[0] += low <= truth <= high
            counts[1] += 1
            counts[2] = round(counts[2] + change - truth, 6)
    return found


def coverage_result(rows: Mapping[str, dict[str, list[float]]]) -> Result:
    """Row 8: how often the 95 % interval of a contribution holds its truth, from `intervals_of` by row."""
    together: dict[str, list[float]] = {}
    for causes in rows.values():
        for cause, counts in causes.items():
            before = together.setdefault(cause, [0, 0, 0.0])
            together[cause] = [one + other for one, other in zip(before, counts, strict=True)]
    inside, n = (sum(int(counts[place]) for counts in together.values()) for place in (0, 1))
    lines = [
        "| cause | contributions | interval holds the truth | 95 % bounds | off on average (points) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for cause, (good, many, off) in together.items():
        lines.append(
            f"| {cause} | {many:,} | {good / many:.1%} | {bounds(int(good), int(many))} | {100 * off / many:+.2f} |"
        )
    return Result(
        row="8",
        met=0.93 <= inside / n <= 0.97 if n else None,
        line=f"{inside / max(n, 1):.1%} of {n:,} intervals hold the truth ({bounds(inside, n)}); the aim is 93 to 97 %",
        table="\n".join(lines),
        data={"inside": inside, "n": n},
    )


def bounds(right: int, n: int) -> str:
    """Wilson's bounds of a share at 95 %, as text."""
    found = wilson(right, n)
    return "no histories" if found is None else f"{found.low:.1%} to {found.high:.1%}"


def _by_size(judged: Sequence[Judged]) -> list[str]:
    """Right ones by the size of the smallest effect that should be named: near the least of them, what is known decides."""
    if not any(each.size for each in judged):
        return []
    lines = ["", "| smallest true effect | right | 95 % bounds |", "| --- | --- | --- |"]
    for low, high in itertools.pairwise((0.0, 0.04, 0.05, 0.06, 0.08, 1.0)):
        some = [each for each in judged if low < each.size <= high]
        if some:
            good = sum(each.right for each in some)
            told = f"{100 * low:.0f} to {100 * high:.0f} points" if high < 1 else f"more than {100 * low:.0f} points"
            lines.append(f"| {told} | {good} of {len(some)} | {bounds(good, len(some))} |")
    return lines


def _grades(some: Sequence[Judged]) -> str:
    grades = [grade for each in some for grade in each.grades]
    return ", ".join(f"{grade} {grades.count(grade)}" for grade in sorted(set(grades)))


def _others(some: Sequence[Judged]) -> str:
    """What was said instead, with how often."""
    told = [each.why for each in some if not each.right]
    return "; ".join(f"{told.count(why)}: {why}" for why in dict.fromkeys(told)).replace("|", "/")


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
