"""A drift report for terminals: the sentence first, then what it rests on, what it doesn't say and why, and what would settle it.

Knows rich, the reader's zone and the words of a report. Refuses to know where a report came from, and to give a number without its
interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evaluation.comparison.wording import UNITS, mean_text
from evaluation.drift.sentences import sentence_of, signed
from evaluation.drift.values import DriftReport, Event, Grade, Metric, Side
from evaluation.intervals import Interval

GRADES: dict[Grade, str] = {
    "A": "A: both at the same hours, or the same inputs replayed",
    "B": "B: before and after, all else alike, at that time",
    "C": "C: only the time agrees",
    "X": "X: can't be separated",
}
"""Grades of evidence in words."""

_KINDS = {
    "promotion": "promotion of version",
    "rollback": "rollback to version",
    "rollout": "rollout of version",
    "model": "served model",
    "fingerprint": "fingerprint",
    "parameters": "parameters",
    "scorer": "scorer",
}
_INDENT = (0, 0, 0, 2)


def as_text(report: DriftReport, zone: tzinfo | None = None) -> RenderableType:
    """The whole report, its times in `zone` (None: this machine's)."""
    return Group(*_parts(report, zone))


def sentence_in(report: DriftReport, zone: tzinfo | None) -> str:
    """The report's sentence with its times in a zone."""
    if report.change_at is None or (report.enough and report.change is None):
        return report.sentence
    local = replace(
        report,
        change_at=report.change_at.astimezone(zone),
        contributions=tuple(
            replace(each, event=None if each.event is None else replace(each.event, at=each.event.at.astimezone(zone)))
            for each in report.contributions
        ),
    )
    return sentence_of(local)


def brief(report: DriftReport, zone: tzinfo | None = None) -> str:
    """The report in a line, for lists."""
    return f"{report.metric.name}: {sentence_in(report, zone)}"


def zone_text(at: datetime, zone: tzinfo | None) -> str:
    """What times are told in, such as `times are in CET (UTC+01:00)`."""
    local = at.astimezone(zone)
    offset = local.strftime("%z")
    return f"times are in {local.tzname()} (UTC{offset[:3]}:{offset[3:5]})"


def _parts(report: DriftReport, zone: tzinfo | None) -> Iterator[RenderableType]:
    yield Text(sentence_in(report, zone), style="bold")
    yield Text("")
    yield Padding(_sides(report, zone), _INDENT)
    if report.contributions:
        yield Text("What made up the change")
        yield Padding(_contributions(report), _INDENT)
    if report.change_at is not None and report.change_between is not None:
        first, last = report.change_between
        yield Text(
            f"When: {time_text(report.change_at, zone)}, between {time_text(first, zone)} and {time_text(last, zone)}.\n"
        )
    if report.strata:
        yield Text("By kind of input")
        yield Padding(_strata(report), _INDENT)
    if report.orders is not None:
        yield Text(_orders(report))
    if report.events:
        yield Text("What happened meanwhile")
        for judged in report.events:
            became = "counted above" if judged.counted else f"not counted: {judged.why}"
            yield Padding(Text(f"· {event_text(judged.event, zone)}: {became}"), _INDENT)
        yield Text("")
    for refusal in report.refusals:
        yield Text(f"Not said: {refusal.what}, because {refusal.why}.")
    if report.next_step is not None:
        yield Text(f"What would settle it: {report.next_step.what}.")
        if report.next_step.command:
            yield Padding(Text(report.next_step.command, style="bold"), (0, 0, 0, 4))
    yield Text(f"Intervals are at 95 %; {zone_text(report.after.until, zone)}.", style="dim")


def event_text(event: Event, zone: tzinfo | None) -> str:
    """Such as `2026-11-05 09:00 served model gpt-4o-05 → gpt-4o-08, not announced`."""
    change = f"{event.before} → {event.after}" if event.before else event.after
    until = f" to {time_text(event.until, zone)}" if event.until is not None and event.until != event.at else ""
    where = f" on {event.channel}" if event.channel else ""
    who = f", {event.by}: {event.reason}" if event.by else ("" if event.announced else ", announced by nobody")
    return f"{time_text(event.at, zone)}{until} {_KINDS[event.kind]} {change}{where}{who}"


def _sides(report: DriftReport, zone: tzinfo | None) -> Table:
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column("from", no_wrap=True)
    table.add_column("until", no_wrap=True)
    for name in (f"{report.metric.name} [95 %]", "n of calls", "unparsed"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, side in (("before", report.before), ("after", report.after)):
        table.add_row(
            name,
            time_text(side.since, zone),
            time_text(side.until, zone),
            _mean(report.metric, side),
            f"{side.n:,.0f} of {side.calls:,.0f}, {side.coverage:.0%}",
            f"{side.unparsed:.1%}",
        )
    return table


def _contributions(report: DriftReport) -> Table:
    table = _table()
    table.add_column("cause")
    table.add_column(f"change{_unit(report)} [95 %]", justify="right", no_wrap=True)
    table.add_column("named", justify="center")
    table.add_column("evidence", overflow="fold")
    for each in report.contributions:
        told = _told(report, each.change, each.interval)
        cause = Text(each.cause, style="bold" if each.named else "")
        table.add_row(cause, told, "yes" if each.named else "no", GRADES[each.grade])
    if report.remainder is not None and report.remainder_change is not None:
        told = _told(report, report.remainder_change, report.remainder)
        table.add_row("left to chance", told, "", "")
    if report.change is not None and report.interval is not None:
        table.add_row("total", _told(report, report.change, report.interval), "", "")
    return table


def _strata(report: DriftReport) -> Table:
    table = _table()
    table.add_column("stratum", overflow="fold")
    table.add_column("cause")
    table.add_column(f"effect{_unit(report)} [95 %]", justify="right", no_wrap=True)
    table.add_column("n before, after", justify="right")
    table.add_column("share", justify="right")
    table.add_column("told from chance")
    for each in report.strata:
        table.add_row(
            each.stratum or "(none)",
            each.cause,
            _told(report, each.effect, each.interval),
            f"{each.n_before:,.0f}, {each.n_after:,.0f}",
            f"{each.share_before:.0%}, {each.share_after:.0%}",
            "yes" if each.shown else "no",
        )
    return table


def _orders(report: DriftReport) -> str:
    """Both orders of two factors that depend on each other."""
    both = report.orders
    if both is None:
        return ""

    def pair(parts: Sequence[float]) -> str:
        return f"{both.first} {_plain(report, parts[0])}, {both.second} {_plain(report, parts[1])}"

    together = signed(report.metric, both.interaction, both.interval, _scale(report))
    return (
        f"{both.first} and {both.second} depend on each other ({together}), so no single split is right:\n"
        f"  {both.first} first: {pair(both.first_then_second)}; {both.second} first: {pair(both.second_then_first)}; "
        f"in the middle (Shapley): {pair(both.shapley)}\n"
    )


def _told(report: DriftReport, value: float, interval: Interval) -> str:
    """A change with its interval, for a column whose head has the unit."""
    told = signed(report.metric, value, interval, _scale(report))
    unit = UNITS.get(report.metric.unit)
    return told.replace(unit, "", 1) if unit else told


def _unit(report: DriftReport) -> str:
    unit = UNITS.get(report.metric.unit, "").strip()
    return f", {unit}" if unit else ""


def _plain(report: DriftReport, value: float) -> str:
    """A change without an interval, for parts of one that has it."""
    told = signed(report.metric, value, Interval(low=value, high=value), _scale(report))
    return told.partition(" [")[0]


def _mean(metric: Metric, side: Side) -> str:
    if side.mean is None:
        return "–"
    ends = (side.interval.low, side.interval.high) if side.interval else ()
    mean, *inside = (mean_text(metric, math.exp(value) if metric.log else value) for value in (side.mean, *ends))
    unit = mean[len(mean.rstrip(" %ms")) :]
    return f"{mean} [{', '.join(end.removesuffix(unit) for end in inside) or '–'}]"


def _scale(report: DriftReport) -> float:
    return abs(report.before.mean or report.after.mean or 1.0)


def time_text(at: datetime, zone: tzinfo | None) -> str:
    """A minute of the reader's clock."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
