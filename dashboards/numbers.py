"""Numbers as people read them: rates, differences, amounts and times, each with its interval where it has one. Pure.

What isn't known is "–", never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.comparison.values import MetricComparison
from evaluation.comparison.wording import change_text, difference_text, mean_text, size_text
from evaluation.intervals import Interval
from evaluation.runs.cost import dollars

UNKNOWN = "–"
MINUS = "−"


def rate(share: float | None) -> str:
    """A share from 0 to 1 in per cent.

    >>> rate(0.853)
    '85.3 %'
    """
    return UNKNOWN if share is None else f"{share * 100:.1f} %"


def points(share: float | None) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(-0.079)
    '−7.9 points'
    """
    return UNKNOWN if share is None else f"{signed(share * 100, 1)} points"


def signed(value: float, places: int = 2) -> str:
    """A number with its sign; nothing is neither more nor less.

    >>> signed(-0.001, 1)
    '0.0'
    """
    text = f"{abs(value):,.{places}f}"
    if not any(letter in "123456789" for letter in text):
        return text
    return (MINUS if value < 0 else "+") + text


def ends(interval: Interval | Mapping[str, Any] | None, scale: float = 100.0, places: int = 1) -> str:
    """An interval's ends, such as "79.3 to 84.6"; `scale` 100 for shares."""
    if interval is None:
        return ""
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else (interval["low"], interval["high"])
    if low is None or high is None:
        return ""
    return " to ".join(f"{value * scale:,.{places}f}".replace("-", MINUS) for value in (low, high))


def money(usd: float | None) -> str:
    """US dollars."""
    return UNKNOWN if usd is None else dollars(usd)


def duration(milliseconds: float | None) -> str:
    """Milliseconds, or seconds from one on.

    >>> duration(1250)
    '1.2 s'
    """
    if milliseconds is None:
        return UNKNOWN
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"


def number(value: float | None, places: int = 2) -> str:
    """Any other number."""
    return UNKNOWN if value is None else f"{value:,.{places}f}".replace("-", MINUS)


def times(ratio: float | None) -> str:
    """How many times as much, as more or less in per cent.

    >>> times(1.12)
    '+12 %'
    """
    return UNKNOWN if ratio is None else f"{signed((ratio - 1) * 100, 0)} %"


def told_of(one: MetricComparison) -> dict[str, str]:
    """A comparison's row in words: both sides, the differences, the verdict."""
    sides = {
        name: "–" if side.mean is None else mean_text(one.metric, side.mean)
        for name, side in (("baseline", one.baseline), ("candidate", one.candidate))
    }
    verdict = one.verdict.replace("_", " ")
    if one.verdict == "no_difference":
        verdict = f"no difference larger than {size_text(one.metric, one.margin)}"
    needed = "; ".join(f"{each.n:,} show {size_text(one.metric, each.difference)}" for each in one.needed)
    return {
        **sides,
        "raw": change_text(one.metric, one.raw.change, one.margin),
        "standardised": difference_text(one.metric, one.standardised, one.margin),
        "verdict": verdict,
        "needed": needed if one.verdict == "not_enough_data" else "",
    }
