"""An evaluation's results case by case, each target beside the baseline, what went wrong first. Pure.

Knows how attempts become cells and rows, and which of them are looked for. Refuses to know figures and verdicts (`evaluation.runs.report`,
`evaluation.verdict`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from evaluation.runs.plan import Plan
from evaluation.runs.report import reasons_of
from evaluation.runs.values import CaseResult, Target
from registry.cases import Case
from registry.datasets import case_name
from registry.evaluations import Evaluation

Outcome = Literal["passed", "failed", "undecided", "missing"]
SHOWN = ("all", "failed", "worse", "better", "undecided", "missing")
"""What can be looked for: cases by what the versions that are tried did with them. Worse and better are against the baseline."""
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one target did with one case, over its repeats. Cost is US dollars and latency milliseconds, means over what is known."""

    label: str
    outcome: Outcome
    passed: int
    attempts: int
    results: tuple[CaseResult, ...]
    reasons: tuple[str, ...]
    score: float | None
    cost: float | None
    latency_ms: float | None

    @property
    def share(self) -> float:
        """The share of attempts that passed."""
        return self.passed / self.attempts if self.attempts else 0.0

    @property
    def worst(self) -> CaseResult | None:
        """The attempt to look at: the first that did not pass, else the first."""
        return next((each for each in self.results if each.passed is not True), next(iter(self.results), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case with a cell for each target, the baseline's last."""

    case: Case
    name: str
    cells: tuple[Cell, ...]
    against: Cell | None

    @property
    def worse(self) -> bool:
        """Whether a target passed less of it than the baseline."""
        return self.against is not None and any(cell.results and cell.share < self.against.share for cell in self.cells)

    @property
    def better(self) -> bool:
        """Whether a target passed more of it than the baseline."""
        return self.against is not None and any(cell.results and cell.share > self.against.share for cell in self.cells)

    @property
    def outcomes(self) -> frozenset[str]:
        """What the targets did with it."""
        return frozenset(cell.outcome for cell in self.cells)

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """The baseline's as well."""
        return self.cells if self.against is None else (*self.cells, self.against)

    def fits(self, shown: str) -> bool:
        """Whether it is one of what is looked for."""
        if shown in ("worse", "better"):
            return self.worse if shown == "worse" else self.better
        return shown not in SHOWN[1:] or shown in self.outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which cases are looked for."""

    shown: str = "all"
    tag: str = ""
    must: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """A page of rows, how many fit, and what there is to choose from."""

    rows: Sequence[CaseRow]
    fitting: int
    pages: int
    counts: dict[str, int]
    tags: Sequence[tuple[str, int]]


def rows_of(plan: Plan, results: Iterable[CaseResult]) -> list[CaseRow]:
    """Every case of a plan once, what needs a look first: must-pass cases that failed, others that failed, and so on."""
    by_pair: defaultdict[tuple[str, str], list[CaseResult]] = defaultdict(list)
    for result in results:
        by_pair[result.key[1], result.key[0]].append(result)
    labels = list(dict.fromkeys(target.label for target in plan.targets))
    tried = [label for label in labels if label != plan.baseline]
    cases = {case.case_id: case for case in plan.cases}
    rows = [
        CaseRow(
            case=case,
            name=case_name(case, longest=80),
            cells=tuple(_cell(label, by_pair[case_id, label], plan.repeats) for label in tried),
            against=_cell(plan.baseline, by_pair[case_id, plan.baseline], plan.repeats) if plan.baseline else None,
        )
        for case_id, case in cases.items()
    ]
    return sorted(rows, key=_rank)


def look_for(rows: Sequence[CaseRow], sought: Sought) -> Outcomes:
    """The rows that are looked for, a page of them."""
    within = [
        row
        for row in rows
        if (row.case.must_pass or not sought.must) and (not sought.tag or sought.tag in row.case.tags)
    ]
    fitting = [row for row in within if row.fits(sought.shown)]
    pages = max(1, -(-len(fitting) // PAGE))
    first = (min(sought.page, pages) - 1) * PAGE
    return Outcomes(
        rows=fitting[first : first + PAGE],
        fitting=len(fitting),
        pages=pages,
        counts={shown: sum(row.fits(shown) for row in within) for shown in SHOWN},
        tags=Counter(tag for row in rows for tag in row.case.tags).most_common(50),
    )


def title_of(one: Evaluation) -> str:
    """What an evaluation tries, by the names that people know: `support-agent@8 on gpt-5-mini against support-agent@7`."""
    labels = targets_of(one)
    baseline = one.plan.get("baseline")
    tried = ", ".join(label for label in labels if label != baseline)
    return f"{tried} against {baseline}" if baseline else tried


def targets_of(one: Evaluation) -> list[str]:
    """The labels of an evaluation's targets, its baseline's as well."""
    return [
        Target(slug=each["slug"], version=each["version"], model=each.get("model")).label
        for each in one.plan.get("targets", ())
    ]


def table_of(rows: Iterable[CaseRow]) -> list[list[str]]:
    """Every attempt as a row of a table, its header first."""
    header = ["case_id", "case", "tags", "must_pass", "target", "repeat", "passed", "score", "cost_usd", "latency_ms"]
    found = [[*header, "reasons", "output", "call_id"]]
    for row in rows:
        about = [row.case.case_id, row.name, ", ".join(row.case.tags), "yes" if row.case.must_pass else "no"]
        for cell in row.all_cells:
            found += [[*about, cell.label, *_told(result)] for result in cell.results]
    return found


def _told(result: CaseResult) -> list[str]:
    passed = {True: "yes", False: "no", None: "undecided"}[result.passed]
    cost = "" if result.output.cost is None else repr(result.output.cost)
    numbers = [str(result.key[2]), passed, f"{result.score:g}", cost, f"{result.output.duration_ms:.0f}"]
    reasons = "" if result.passed is True else "; ".join(reasons_of(result))
    return [*numbers, reasons, result.output.text, result.output.call_id]


def _cell(label: str, results: Sequence[CaseResult], repeats: int) -> Cell:
    ordered = tuple(sorted(results, key=lambda result: result.key[2]))
    passed = sum(result.passed is True for result in ordered)
    outcome: Outcome = "passed"
    if any(result.passed is False for result in ordered):
        outcome = "failed"
    elif any(result.passed is None for result in ordered):
        outcome = "undecided"
    elif len(ordered) < repeats:
        outcome = "missing"
    first = next((result for result in ordered if result.passed is not True), None)
    answers = [result.output for result in ordered if not result.output.error]
    return Cell(
        label=label,
        outcome=outcome,
        passed=passed,
        attempts=len(ordered),
        results=ordered,
        reasons=reasons_of(first) if first else (),
        score=fmean(result.score for result in ordered) if ordered else None,
        cost=_mean(answer.cost for answer in answers),
        latency_ms=_mean(answer.duration_ms for answer in answers),
    )


def _mean(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return fmean(known) if known else None


def _rank(row: CaseRow) -> tuple[int, bool]:
    order = ("failed", "undecided", "missing")
    worst = next((place for place, outcome in enumerate(order) if outcome in row.outcomes), len(order))
    return (worst, not row.case.must_pass) if worst == 0 else (worst, not row.better)
