"""A drift report in one or two sentences, and its numbers as people write them.

Knows the words of a report. Refuses to know how it was made, and to give a number without its interval.
"""

from __future__ import annotations

import math
from datetime import datetime

from evaluation.drift.values import Cause, Contribution, DriftReport, Event, Metric
from evaluation.intervals import Interval

_MOST_STRATA = 2
NAMES = {
    "error_rate": "Errors",
    "refusal_rate": "Refusals",
    "truncation_rate": "Truncated answers",
    "output_tokens": "Output length",
    "latency": "Latency",
    "cost": "Cost per call",
}

_WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def sentence_of(report: DriftReport) -> str:
    """What changed, by how much, when and why; then what was on record and did not contribute."""
    if not report.enough:
        return _capital(report.refusals[0].why) + "." if report.refusals else "Not enough data."
    named = [each for each in report.contributions if each.named]
    if not named:
        return " ".join([_nothing(report), *_innocent(report)])
    if report.change is None or report.interval is None:
        raise ValueError("a report that has enough data has a change with an interval")
    first = f"{_name(report.metric)} {_moved(report.metric, report.change, report.interval, _scale(report))}"
    if report.change_at is not None:
        first += f" on {_day(report.change_at)} around {report.change_at:%H:%M}"
    if len(named) == 1:
        first += f": {_why(named[0])}{_apart_from_mean(report, named[0])}."
        return " ".join([first, *_innocent(report)])
    parts = [
        f"{_why(each)} ({signed(report.metric, each.change, each.interval, _scale(report))}){_apart_from_mean(report, each)}"
        for each in named
    ]
    return " ".join([f"{first}: {'; '.join(parts)}.", *_either_order(report), *_innocent(report)])


def amount(metric: Metric, value: float, scale: float) -> str:
    """A size without a sign, such as `7.9 points`, `12 %`, `31 tokens`."""
    return f"{_digits(metric, abs(value), scale)}{_unit(metric)}"


def signed(metric: Metric, value: float, interval: Interval, scale: float) -> str:
    """A change with its interval, such as `-7.9 points [-9.7, -6.1]`."""
    return (
        f"{_sign(metric, value, scale)}{_unit(metric)} "
        f"[{_sign(metric, interval.low, scale)}, {_sign(metric, interval.high, scale)}]"
    )


def cause_in_words(each: Contribution) -> str:
    """A cause as a clause: what happened."""
    return _why(each)


def _nothing(report: DriftReport) -> str:
    if report.change is None or report.interval is None:
        return "Nothing is known."
    value = signed(report.metric, report.change, report.interval, _scale(report))
    if report.interval.low <= 0 <= report.interval.high:
        return f"{_name(report.metric)}: no change that can be told from chance ({value})."
    return f"{_name(report.metric)} moved by {value}, and no cause of it is sure enough to be named."


def _moved(metric: Metric, change: float, interval: Interval, scale: float) -> str:
    if interval.low <= 0 <= interval.high:
        return f"hardly moved in total ({signed(metric, change, interval, scale)})"
    low, high = sorted((abs(interval.low), abs(interval.high)))
    if metric.log:
        low, high = sorted(abs(math.expm1(end)) for end in (interval.low, interval.high))
        return f"{'fell' if change < 0 else 'rose'} {amount(metric, change, scale)} [{100 * low:.1f}, {100 * high:.1f}]"
    verb = "fell" if change < 0 else "rose"
    return f"{verb} {amount(metric, change, scale)} [{_digits(metric, low, scale)}, {_digits(metric, high, scale)}]"


_WITHOUT_EVENT = {
    "prompt": "another version answered",
    "model": "another model answered",
    "prompt or model": "the prompt and the model changed together, and no traffic tells them apart",
    "not separable": "several things changed together, and no traffic tells them apart",
    "parameters": "the parameters of the calls changed",
    "scorer": "the scorer changed, not the answers",
    "mix": "other inputs came",
    "silent model": "the model changed without a word (other prompts that use it moved at the same time)",
    "local": "something that is not on record changed for this prompt",
}


def _why(each: Contribution) -> str:
    event = each.event
    if event is not None and each.cause == "prompt":
        return _move(event)
    if event is not None and each.cause == "model":
        what = "the served model's fingerprint" if event.kind == "fingerprint" else "the served model"
        return f"{what} changed{_from_to(event)}"
    if event is not None and each.cause == "scorer":
        return f"the scorer changed{_from_to(event)}, not the answers"
    return _WITHOUT_EVENT[each.cause]


def _move(event: Event) -> str:
    said = {"promotion": "the promotion of", "rollback": "the rollback to", "rollout": "the rollout of"}
    return f"{said.get(event.kind, 'the change to')} version {event.after}"


def _from_to(event: Event | None) -> str:
    if event is None:
        return ""
    return f" from {_short(event.before)} to {_short(event.after)}"


def _short(text: str) -> str:
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`" if text else "none"


def _either_order(report: DriftReport) -> list[str]:
    """Two causes that depend on each other, in both orders: how much was each has no other answer."""
    orders, scale = report.orders, _scale(report)
    if orders is None:
        return []

    def told(cause: Cause, change: float) -> str:
        return f"the {cause} {_sign(report.metric, change, scale)}"

    one, two = orders.first_then_second
    late, early = orders.second_then_first
    interaction = signed(report.metric, orders.interaction, orders.interval, scale)
    return [
        f"How much each was depends on the order ({told(orders.first, one)}, then {told(orders.second, two)}; or "
        f"{told(orders.second, early)}, then {told(orders.first, late)}): together they do {interaction} that neither does alone."
    ]


def _apart_from_mean(report: DriftReport, cause: Contribution) -> str:
    """The kinds of input that a cause moved far more than the mean, or the other way: an average can hide a disaster."""
    far = [
        each
        for each in report.strata
        if each.shown
        and each.cause == cause.cause
        and abs(each.effect - cause.change) > max(abs(cause.change), abs(each.effect) / 2)
    ]
    told = [
        f"{each.stratum or 'without a stratum'} {signed(report.metric, each.effect, each.interval, _scale(report))}"
        for each in sorted(far, key=lambda each: -abs(each.effect))[:_MOST_STRATA]
    ]
    return f" ({', '.join(told)})" if told else ""


def _innocent(report: DriftReport) -> list[str]:
    """What was on record at the time, and what it did not do."""
    found = []
    for each in report.contributions:
        event = each.event
        if each.named or event is None:
            continue
        value = signed(report.metric, each.change, each.interval, _scale(report))
        ends = value[value.index("[") :]
        when = _apart(event.at, report.change_at) if report.change_at is not None else f" on {_day(event.at)}"
        if each.interval.low <= 0 <= each.interval.high:
            found.append(f"{_capital(_why_noun(each))}{when} did not contribute {ends}.")
        else:
            found.append(f"{_capital(_why_noun(each))}{when} contributed little, if anything ({value}).")
    return found


def _why_noun(each: Contribution) -> str:
    event = each.event
    if event is None or each.cause == "prompt":
        return _move(event) if event is not None else "another version"
    served = "the served model's fingerprint" if event.kind == "fingerprint" else "the served model"
    return {
        "model": f"the change of {served} to {_short(event.after)}",
        "scorer": "the change of the scorer",
        "parameters": "the change of parameters",
    }.get(each.cause, "what changed together")


def _apart(at: datetime, main: datetime) -> str:
    hours = (main - at).total_seconds() / 3600
    if abs(hours) < 1:
        return " at the same time"
    count, unit = (round(abs(hours)), "hour") if abs(hours) < 36 else (round(abs(hours) / 24), "day")
    when = "earlier" if hours > 0 else "later"
    if count == 1:
        return f" {'an' if unit == 'hour' else 'a'} {unit} {when}"
    if count < len(_WORDS):
        return f" {_WORDS[count]} {unit}s {when}"
    return f", {count} {unit}s {when},"  # behind a version's number


def _name(metric: Metric) -> str:
    return NAMES.get(metric.name) or (
        f"Answers scored `{metric.name}`" if metric.unit == "points" else f"`{metric.name}`"
    )


def _scale(report: DriftReport) -> float:
    return abs(report.before.mean or report.after.mean or 1.0)


def _unit(metric: Metric) -> str:
    return {"points": " points", "percent": " %", "tokens": " tokens", "dollars": " dollars", "score": ""}[metric.unit]


def _digits(metric: Metric, value: float, scale: float) -> str:
    if metric.unit == "points":
        return f"{100 * value:.1f}"
    if metric.log:
        return f"{100 * math.expm1(value):.1f}"
    if metric.unit == "tokens":
        return f"{value:.0f}" if scale >= 100 else f"{value:.1f}"
    if metric.unit == "dollars":
        return f"{value:.3g}"
    return f"{value:.2f}" if scale >= 0.1 else f"{value:.3g}"


def _sign(metric: Metric, value: float, scale: float) -> str:
    if metric.log:
        return f"{100 * math.expm1(value):+.1f}"
    text = _digits(metric, abs(value), scale)
    return f"{'-' if value < 0 else '+'}{text}"


def _day(time: datetime) -> str:
    return f"{time.day} {time:%B}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
