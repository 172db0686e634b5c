"""How means, differences and their sizes are written for people, each in its metric's unit.

Pure. Refuses to know terminals.
"""

from math import floor, log10

from evaluation.comparison.values import Difference
from evaluation.drift.values import Metric

UNITS = {"points": " points", "percent": " %", "tokens": " tokens", "dollars": " dollars"}
"""What stands behind a difference, by the metric's unit."""


def size_text(metric: Metric, size: float) -> str:
    """A difference's size in the metric's unit: `5 points`, `10 %`, `12 tokens`, `0.3`."""
    match metric.unit:
        case "points":
            points = f"{100 * size:.3g}"
            return f"{points} point{'' if points == '1' else 's'}"
        case "percent":
            return f"{100 * size:.3g} %"
        case "tokens":
            return f"{size:.2g} tokens"
        case "dollars":
            return f"${_short(size)}"
    return f"{size:.2g}"


def mean_text(metric: Metric, mean: float) -> str:
    """A mean: `83.1 %`, `412 ms`, `$0.0012`, `3.4`."""
    match metric.unit:
        case "points":
            return f"{100 * mean:.1f} %"
        case "percent":
            return f"{mean:,.0f} ms" if mean >= 10 else f"{mean:.2g} ms"
        case "dollars":
            return f"${_short(mean)}"
        case "tokens":
            return f"{mean:,.1f}"
    return f"{mean:.3g}"


def change_text(metric: Metric, change: float, margin: float) -> str:
    """A difference as a number with its sign; points and per cent with one decimal, the rest as fine as what is worth telling."""
    if metric.unit in {"points", "percent"}:
        return f"{100 * change:+.1f}"
    decimals = max(0, -floor(log10(margin / 2))) if margin > 0 else 3
    return f"{change:+,.{decimals}f}"


def difference_text(metric: Metric, difference: Difference | None, margin: float) -> str:
    """Such as `-7.9 [-9.7, -6.1] points`."""
    if difference is None:
        return "–"
    inside = difference.interval
    low, high = (change_text(metric, end, margin) for end in (inside.low, inside.high)) if inside else ("–", "–")
    return f"{change_text(metric, difference.change, margin)} [{low}, {high}]{UNITS.get(metric.unit, '')}"


def _short(value: float) -> str:
    """Three digits, never as a power of ten."""
    return f"{float(f'{value:.3g}'):.10f}".rstrip("0").rstrip(".")
