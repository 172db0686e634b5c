"""A probe's finding in words: what changed, by how much, and whose doing it is. Pure.

Refuses to know how it was found (`change`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from evaluation.intervals import Interval
from evaluation.probes.values import Measure, ProbeChange


def sentence_of(found: ProbeChange) -> ProbeChange:
    """The same finding with its sentences."""
    return replace(found, sentence=_sentence(found))


def _sentence(found: ProbeChange) -> str:
    since, now = _day(found.before.at), _day(found.now.at)
    left = f" ({found.left_out:,} without an answer in one of them left out)" if found.left_out else ""
    about = f"{found.target} on {found.cases:,} case{'' if found.cases == 1 else 's'} of {found.source}{left}"
    if not found.cases:
        return f"{about}: nothing to compare {now} with {since} by"
    said = [_measure(each) for each in found.measures if each.sure or (not found.changed and each.name == "pass rate")]
    if found.served_before != found.served_now:
        said.append(f"{_models(found.served_before)} answered then and {_models(found.served_now)} now")
    told = "; ".join(said)
    if found.changed:
        counts = f" ({found.worse:,} cases worse, {found.better:,} better)" if found.worse or found.better else ""
        return (
            f"{about} answers otherwise on {now} than on {since}: {told}{counts}. Prompt, model name and inputs were the same, so the "
            "change is the provider's"
        )
    if not found.enough:
        return f"{about}: too few to tell {now} from {since}" + (f": {told}" if told else "")
    return f"{about}: no change is seen from {since} to {now}" + (f": {told}" if told else "")


def _measure(measure: Measure) -> str:
    if measure.unit == "points":
        told = f"{measure.before:.1%} passed then and {measure.now:.1%} now, {100 * measure.change:+.1f} points"
        return told + _between(measure.interval, 100)
    if measure.unit == "percent":
        return (
            f"answers are {100 * abs(measure.change):.0f} % {'longer' if measure.change > 0 else 'shorter'}"
            + _between(measure.interval, 100, digits=0)
        )
    return f"{measure.name} {measure.before:.2f} then and {measure.now:.2f} now" + _between(
        measure.interval, 1, digits=2
    )


def _between(interval: Interval | None, factor: float, *, digits: int = 1) -> str:
    if interval is None:
        return ""
    return f" [{factor * interval.low:+.{digits}f}, {factor * interval.high:+.{digits}f}]"


def _models(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
