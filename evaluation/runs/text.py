"""A report of an evaluation in words and rows of cells, for terminals and documents. Pure."""

from __future__ import annotations

from evaluation.runs.cost import Estimate, dollars
from evaluation.runs.plan import Plan
from evaluation.runs.report import Report, TargetFigures

_STATES = {
    "over_budget": "stopped at its budget",
    "unpriced": "stopped: its budget can't be held",
    "away": "stopped: the provider is away",
    "refused": "stopped: it can't be asked",
    "cancelled": "stopped",
}


def undertaking(plan: Plan, expected: Estimate) -> str:
    """One line before it starts: what is tried over what, how many calls that makes and about what they cost."""
    tried = ", ".join(target.label for target in plan.targets)
    repeats = f", {plan.repeats} times each" if plan.repeats > 1 else ""
    return f"{tried} on {plan.source} ({len(plan.cases):,} cases{repeats}): {expected.in_words}"


def headline(report: Report) -> str:
    """One line: what was tried over what, and how that ended."""
    repeats = f" × {report.repeats}" if report.repeats > 1 else ""
    tried = f"{report.slug} on {report.source} ({report.cases:,} case{'' if report.cases == 1 else 's'}{repeats})"
    if report.passed:
        return f"{tried}: all passed"
    if report.complete:
        others = [target for target in report.targets if not target.baseline] or report.targets
        failed, undecided = sum(one.failed for one in others), sum(one.undecided for one in others)
        return f"{tried}: {failed:,} failed" + (f", {undecided:,} undecided" if undecided else "")
    return f"{tried}: {_STATES.get(report.state, 'unfinished')} after {report.done:,} of {report.total:,}"


def figures_rows(report: Report) -> list[list[str]]:
    """A table of the targets' figures, its header first; metrics have columns where there is more than one."""
    metrics = sorted({metric for target in report.targets for metric in target.metrics})
    metrics = metrics if len(metrics) > 1 else []
    header = [
        "target",
        "passed",
        "failed",
        "pass rate",
        "score",
        *metrics,
        "cost",
        "latency",
        "p95",
        "tokens in",
        "out",
    ]
    return [header, *(_row(target, metrics) for target in report.targets)]


def costs(report: Report) -> str:
    """What it cost, in words."""
    told = f"cost {dollars(report.spent_usd)}"
    unpriced = sum(target.unpriced for target in report.targets)
    if unpriced:
        told += f" and {unpriced:,} answers without a known price"
    if report.cached:
        told += f"; {report.cached:,} answers were taken from earlier evaluations"
    return told


def _row(target: TargetFigures, metrics: list[str]) -> list[str]:
    failed = f"{target.failed:,}" + (f" ({target.errors:,} without an answer)" if target.errors else "")
    failed += f", {target.undecided:,} undecided" if target.undecided else ""
    return [
        target.label + (" (baseline)" if target.baseline else ""),
        f"{target.passed:,}/{target.done:,}",
        failed,
        "–" if target.pass_rate is None else f"{target.pass_rate:.1%}",
        "–" if target.score is None else f"{target.score:.2f}",
        *(f"{target.metrics[metric]:.2f}" if metric in target.metrics else "–" for metric in metrics),
        "–" if target.cost_usd is None else dollars(target.cost_usd),
        _ms(target.latency_ms),
        _ms(target.latency_p95_ms),
        _count(target.input_tokens),
        _count(target.output_tokens),
    ]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
