"""Results case by case, beside the baseline."""

from dashboards.outcomes import Sought, look_for, rows_of, table_of
from evaluation.runs.plan import Plan
from evaluation.runs.values import CaseResult, CheckResult, Output, Target
from registry.cases import Case

OLD, NEW = Target(slug="agent", version=1), Target(slug="agent", version=2)
CASES = tuple(
    Case(variables={"n": str(n)}, must_pass=n == 3, tags=("odd",) if n % 2 else ("even",), note=f"case {n}")
    for n in range(6)
)


def result(target: Target, case: Case, passed: bool | None, repeat: int = 0) -> CaseResult:
    check = CheckResult(metric="equals", type="equals", passed=passed, score=float(passed is True), reason="not 4")
    output = Output(text="=1+1", cost=0.01, duration_ms=100.0 + repeat, call_id="c")
    return CaseResult(
        key=(target.label, case.case_id, repeat), output=output, checks=(check,), passed=passed, score=check.score
    )


def test_what_needs_a_look_comes_first() -> None:
    plan = Plan(targets=(NEW, OLD), cases=CASES, baseline=OLD.label, dataset="d", number=1)
    said = [True, False, None, False, True]  # the last case has no result yet
    results = [result(NEW, case, passed) for case, passed in zip(CASES, said, strict=False)]
    results += [result(OLD, case, case is not CASES[0]) for case in CASES]
    rows = rows_of(plan, results)
    assert [row.name for row in rows] == ["case 3", "case 1", "case 2", "case 5", "case 0", "case 4"]
    assert [cell.label for cell in rows[0].all_cells] == ["agent@2", "agent@1"]
    counts = {"all": 6, "failed": 2, "worse": 3, "better": 1, "undecided": 1, "missing": 1}
    assert look_for(rows, Sought()).counts == counts
    assert [row.name for row in look_for(rows, Sought(shown="better")).rows] == ["case 0"]
    assert [row.name for row in look_for(rows, Sought(tag="odd", shown="failed")).rows] == ["case 3", "case 1"]
    assert [row.name for row in look_for(rows, Sought(must=True)).rows] == ["case 3"]
    assert dict(look_for(rows, Sought()).tags) == {"odd": 3, "even": 3}


def test_repeats_are_one_cell() -> None:
    plan = Plan(targets=(NEW,), cases=CASES[:1], repeats=3, dataset="d", number=1)
    [row] = rows_of(plan, [result(NEW, CASES[0], passed, n) for n, passed in enumerate((True, False, True))])
    [cell] = row.cells
    assert (cell.outcome, cell.passed, cell.attempts, cell.latency_ms) == ("failed", 2, 3, 101.0)
    assert cell.reasons == ("equals: not 4",)
    assert cell.worst is not None
    assert cell.worst.key[2] == 1
    assert row.against is None
    header, *attempts = table_of([row])
    assert [dict(zip(header, each, strict=True))["passed"] for each in attempts] == ["yes", "no", "yes"]


def test_pages() -> None:
    cases = tuple(Case(variables={"n": str(n)}) for n in range(120))
    plan = Plan(targets=(NEW,), cases=cases, dataset="d", number=1)
    rows = rows_of(plan, [])
    assert [len(look_for(rows, Sought(page=page)).rows) for page in (1, 2, 3, 9)] == [50, 50, 20, 20]
