"""A comparison for terminals: a sentence, a table and what must be known of it, by version; compact at 100 columns.

Knows rich and sentences. Refuses to know where the comparison came from.
"""

from collections import defaultdict
from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.comparison.measures import BUILT_IN
from evaluation.comparison.values import Basis, Comparison, MetricComparison, Side, VersionComparison
from evaluation.comparison.wording import UNITS, change_text, difference_text, mean_text, size_text
from evaluation.drift.values import Metric

_SAID = {
    "worse": "worse in",
    "better": "better in",
    "higher": "higher",
    "lower": "lower",
    "no_difference": "no difference in",
    "not_enough_data": "not enough data for",
}
_LIKENESS = 1.5
"""A design effect worth a note."""


def as_text(comparison: Comparison) -> RenderableType:
    """All of it, the newest version first."""
    parts: list[RenderableType] = []
    for version in sorted(comparison.versions, key=lambda each: -each.version):
        parts += [Text(sentence(comparison, version), style="bold"), *([_table(version)] if version.metrics else ())]
        parts += [Text(f"· {note}") for note in notes(version)] + [Text("")]
    if not comparison.versions:
        parts.append(Text(f"Nothing to compare: {_name(comparison)} alone answered calls in this window."))
    if comparison.not_compared:
        older = ", ".join(str(each) for each in comparison.not_compared)
        parts.append(Text(f"Older versions were not compared: {older}. --against compares with another one."))
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
    """The verdict in words."""
    if one.verdict == "no_difference":
        return f"no difference larger than {size_text(one.metric, one.margin)}"
    return one.verdict.replace("_", " ")


def notes(version: VersionComparison) -> list[str]:
    """What was compared with what, what is missing, the strata that did worst, and what else must be known; the same thing once."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in version.metrics:
        found[_basis(each.basis)].append(each.metric.name)
    for each in version.metrics:
        for note in (*([each.why] if each.why else ()), *each.notes, *_strata(each), *_likeness(each)):
            found[note].append(each.metric.name)
    whole = len(version.metrics)
    return [note if len(names) == whole > 1 else f"{', '.join(names)}: {note}" for note, names in found.items()]


def _strata(one: MetricComparison) -> Iterable[str]:
    """The worst stratum, where it is told from chance; of a score always, as the whole may hide it."""
    worst = one.worst
    if worst is None or len(one.strata) < 2 or not (worst.shown or one.metric.name not in BUILT_IN):
        return
    name = f"'{worst.stratum}'" if worst.stratum else "that of calls without one"
    which = "that moved most" if one.metric.higher_is_better is None else "that did worst"
    n = f"n {worst.n_baseline:,.0f} and {worst.n_candidate:,.0f}"
    sure = "" if worst.shown else ", which may be chance"
    yield f"the stratum {which} is {name}: {difference_text(one.metric, worst.difference, one.margin)}, {n}{sure}"


def _likeness(one: MetricComparison) -> Iterable[str]:
    if one.design_effect >= _LIKENESS:
        yield f"values of the same hours resemble each other: {one.design_effect:.1f} of them say as much as one"


def _table(version: VersionComparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for side in (version.metrics[0].baseline, version.metrics[0].candidate):
        table.add_column(f"version {side.version}\nn, coverage", justify="right", no_wrap=True)
    table.add_column("as it is", justify="right", no_wrap=True)
    table.add_column("like with like\n[99 %]", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for one in version.metrics:
        table.add_row(
            Text(one.metric.name),
            _side(one.metric, one.baseline),
            _side(one.metric, one.candidate),
            change_text(one.metric, one.raw.change, one.margin),
            _in_table(one),
            Text(verdict_text(one)),
        )
    return table


def _in_table(one: MetricComparison) -> str:
    told = difference_text(one.metric, one.standardised, one.margin)
    unit = UNITS.get(one.metric.unit, "")
    return told if unit == UNITS["percent"] else told.removesuffix(unit)


def _side(metric: Metric, side: Side) -> str:
    value = "–" if side.mean is None else mean_text(metric, side.mean)
    unparsed = f"\n{side.unparsed:.1%} unparsed" if side.unparsed else ""
    return f"{value}\n{side.n:,.0f}, {side.coverage:.0%}{unparsed}"


def _basis(basis: Basis) -> str:
    channel = " on one channel" if basis.same_channel else ""
    models = "the same models" if basis.same_model else "different models"
    return f"{basis.design}{channel}, {models}, {basis.since:%Y-%m-%d} to {basis.until:%Y-%m-%d} (UTC)"


def _name(comparison: Comparison) -> str:
    where = f" ({comparison.channel})" if comparison.channel else ""
    return f"version {comparison.baseline}{where}"


def _names(strata: tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" if name else "calls without a stratum" for name in strata)
