"""A comparison for terminals: a sentence, a table and what must be known of it, by version; compact at 100 columns.

Knows rich and how numbers are written for people. Refuses to know where the comparison came from.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evaluation.comparison.values import (
    Basis,
    Comparison,
    Difference,
    MetricComparison,
    Side,
    StratumDifference,
    VersionComparison,
)
from evaluation.comparison.verdicts import size_text
from evaluation.drift.values import Metric

_SAID = {
    "worse": "worse in",
    "better": "better in",
    "higher": "higher",
    "lower": "lower",
    "no_difference": "no difference in",
    "not_enough_data": "not enough data for",
}


def as_text(comparison: Comparison) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = []
    for version in comparison.versions:
        parts += [Text(sentence(comparison, version)), Padding(_table(version), (1, 0, 0, 0))]
        parts += [Text(f"· {note}", style="dim") for note in notes(version)] + [Text("")]
    if not comparison.versions:
        parts.append(
            Text(f"No other version than {_name(comparison)} answered calls in this window: nothing to compare.")
        )
    if comparison.not_compared:
        parts.append(
            Text(f"Older versions were not compared: {', '.join(str(each) for each in comparison.not_compared)}.")
        )
    return Group(*parts)


def sentence(comparison: Comparison, version: VersionComparison) -> str:
    """What a version is against the baseline, metric by metric."""
    by_verdict: dict[str, list[str]] = defaultdict(list)
    for each in version.metrics:
        by_verdict[each.verdict].append(each.metric.name)
    told = [f"{words} {', '.join(by_verdict[verdict])}" for verdict, words in _SAID.items() if verdict in by_verdict]
    but = [f"{each.metric.name} is worse among {_names(each.but)}" for each in version.metrics if each.but]
    said = f"Version {version.version} against {_name(comparison)}: {'; '.join(told) or 'no values in common'}."
    return said + (f" But {'; '.join(but)}." if but else "")


def verdict_text(one: MetricComparison) -> str:
    """The verdict in words, with what it rests on where there is too little."""
    match one.verdict:
        case "no_difference":
            return f"no difference larger than {size_text(one.metric, one.margin)}"
        case "not_enough_data":
            return f"not enough data: {one.why}"
        case said:
            return said


def difference_text(metric: Metric, difference: Difference | None) -> str:
    """Such as `-7.9 [-9.7, -6.1]`; in points, tokens, per cent or dollars."""
    if difference is None:
        return "–"
    write = _writer(metric)
    inside = difference.interval
    ends = f"[{write(inside.low)}, {write(inside.high)}]" if inside else "[–]"
    return f"{write(difference.change)} {ends}"


def stratum_text(metric: Metric, part: StratumDifference) -> str:
    """Such as `'angry' -18.2 [-25.1, -11.3], n 200 and 180`."""
    name = f"'{part.stratum}'" if part.stratum else "calls without a stratum"
    sure = "" if part.shown else ", which may be chance"
    return (
        f"{name} {difference_text(metric, part.difference)}, n {part.n_baseline:,.0f} and {part.n_candidate:,.0f}{sure}"
    )


def notes(version: VersionComparison) -> list[str]:
    """What was compared with what, the strata that did worst, and what else must be known; the same thing once."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in version.metrics:
        found[_basis(each.basis)].append(each.metric.name)
        for note in each.notes:
            found[note].append(each.metric.name)
        if len(each.strata) > 1 and each.worst is not None:
            found[f"{each.metric.name}: {_worst(each)} stratum {stratum_text(each.metric, each.worst)}"] = []
        if each.design_effect >= 1.5:
            found[
                f"{each.metric.name}: values of the same hours resemble each other and say {each.design_effect:.1f} times less"
            ] = []
    whole = len(version.metrics)
    return [note if len(names) in {0, whole} else f"{', '.join(names)}: {note}" for note, names in found.items()]


def _table(version: VersionComparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    old, new = (version.metrics[0].baseline, version.metrics[0].candidate) if version.metrics else (None, None)
    table.add_column("metric", no_wrap=True)
    for side in (old, new):
        table.add_column(f"v{side.version if side else '–'}\nn, scored", justify="right", no_wrap=True)
    table.add_column("as it is", justify="right", no_wrap=True)
    table.add_column("like with like\n[99 %]", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for one in version.metrics:
        table.add_row(
            Text(one.metric.name),
            _side(one.metric, one.baseline),
            _side(one.metric, one.candidate),
            _writer(one.metric)(one.raw.change),
            difference_text(one.metric, one.standardised) + _unit(one.metric),
            Text(verdict_text(one)),
        )
    return table


def _side(metric: Metric, side: Side) -> str:
    value = "–" if side.mean is None else _value(metric, side.mean)
    unparsed = f"\n{side.unparsed:.1%} unread" if side.unparsed else ""
    return f"{value}\n{side.n:,.0f}, {side.coverage:.0%}{unparsed}"


def _value(metric: Metric, mean: float) -> str:
    match metric.unit:
        case "points":
            return f"{100 * mean:.1f} %"
        case "percent":
            return f"{mean:,.0f} ms" if mean >= 10 else f"{mean:.2g} ms"
        case "dollars":
            return f"${mean:.3g}"
        case "tokens":
            return f"{mean:,.1f}"
    return f"{mean:.3g}"


def _writer(metric: Metric) -> Callable[[float], str]:
    match metric.unit:
        case "points" | "percent":
            return lambda value: f"{100 * value:+.1f}"
        case "tokens":
            return lambda value: f"{value:+,.1f}"
    return lambda value: f"{value:+.2g}"


def _unit(metric: Metric) -> str:
    return {"points": " pt", "percent": " %", "dollars": " $"}.get(metric.unit, "")


def _worst(one: MetricComparison) -> str:
    return "most moved" if one.metric.higher_is_better is None else "worst"


def _basis(basis: Basis) -> str:
    channel = ", on one channel" if basis.same_channel else ""
    models = "the same models" if basis.same_model else "other models"
    return f"{basis.design}{channel}, {models}, calls of {basis.since:%Y-%m-%d} to {basis.until:%Y-%m-%d} (UTC)"


def _name(comparison: Comparison) -> str:
    where = f" ({comparison.channel})" if comparison.channel else ""
    return f"version {comparison.baseline}{where}"


def _names(strata: Iterator[str] | tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" if name else "calls without a stratum" for name in strata)
