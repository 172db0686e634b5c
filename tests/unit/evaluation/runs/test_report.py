"""A report is the same in whichever order results came, tells what is missing, and can be written down whatever models said."""

import random
import xml.etree.ElementTree as ET
from dataclasses import replace

from evaluation.runs.junit import as_junit
from evaluation.runs.markdown import as_markdown
from evaluation.runs.plan import Plan
from evaluation.runs.report import report_of
from evaluation.runs.terms import Ended
from evaluation.runs.text import costs, headline
from evaluation.runs.values import CaseResult, CheckResult, Output
from tests.unit.evaluation.runs.bench import A, B, plan_of

SAID = "it said <b>|`x`|</b> @everyone\x00\n]]> \ufffe"


def results_of(plan: Plan) -> list[CaseResult]:
    """A passes all; B fails the first case once, gets no answer to the second, and can't be judged on the third."""
    found = []
    first, second, third, *_ = (case.case_id for case in plan.cases)
    for attempt in plan.attempts():
        label, case_id, repeat = attempt.key
        output, passed = Output(text=SAID, cost=0.1, duration_ms=10, input_tokens=3, output_tokens=5), True
        if label == B.label and case_id == first and repeat == 0:
            passed = False
        checks = (CheckResult(metric="m", type="contains", passed=passed, score=float(passed), reason=SAID, cost=0.01),)
        result = CaseResult(key=attempt.key, output=output, checks=checks, passed=passed, score=float(passed))
        if label == B.label and case_id == second:
            result = replace(result, output=Output(status=400, error="no"), checks=(), passed=False, score=0.0)
        if label == B.label and case_id == third:
            odd = replace(checks[0], passed=None, reason="the judge is away", cost=None)
            result = replace(result, checks=(odd,), passed=None, score=0.0)
        found.append(result)
    return found


def test_the_order_of_results_counts_for_nothing() -> None:
    plan = plan_of(5, repeats=2, baseline=A.label)
    results = results_of(plan)
    report = report_of("id", plan, results)
    for seed in range(5):
        random.Random(seed).shuffle(results)
        assert report_of("id", plan, results) == report
    old, new = report.targets
    assert (old.passed, old.failed, old.undecided, old.errors, old.pass_rate) == (10, 0, 0, 0, 1.0)
    assert (new.passed, new.failed, new.undecided, new.errors, new.pass_rate) == (5, 3, 2, 2, 0.5)
    assert (new.latency_ms, new.input_tokens, new.output_tokens, new.cost_usd) == (10, 3, 5, 0.8)
    assert [(one.case_id, one.failed, one.undecided, one.reasons) for one in report.failures] == [
        (plan.cases[0].case_id, 1, 0, (f"m: {SAID}",)),
        (plan.cases[1].case_id, 2, 0, ("no answer (400): no",)),
        (plan.cases[2].case_id, 0, 2, ("m: undecided: the judge is away",)),
    ]
    assert [one.passes for one in report.differences] == [
        {A.label: (2, 2), B.label: passes} for passes in ((1, 2), (0, 2), (0, 2))
    ]
    assert abs(report.spent_usd - (1.8 + 16 * 0.01)) < 1e-9
    assert (report.complete, report.passed) == (True, False)
    assert headline(report) == "agent on golden@3 (5 cases × 2): 3 failed, 2 undecided"
    assert costs(report) == "cost $1.96"
    assert report_of(
        "id", plan_of(5, (A,)), [one for one in results if one.key[0] == A.label and not one.key[2]]
    ).passed


def test_a_baseline_that_fails_fails_nothing() -> None:
    plan = plan_of(3, baseline=B.label)
    assert report_of("id", plan, results_of(plan)).passed
    assert not report_of("id", plan_of(3), results_of(plan)).passed


def test_what_is_missing_is_skipped_and_nothing_has_passed() -> None:
    plan = plan_of(4, (A,))
    ended = Ended(state="over_budget", reason="no more <money>", total=4, done=1, asked=1, spent_usd=0.5, unpriced=0)
    report = report_of("id", plan, results_of(plan)[:1], ended)
    assert (report.complete, report.passed, report.done, report.spent_usd) == (False, False, 1, 0.5)
    assert headline(report) == "agent on golden@3 (4 cases): stopped at its budget after 1 of 4"
    suite = ET.fromstring(as_junit([(report, plan)]))[0]  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("skipped")) == ("4", "3")
    assert suite[1][0].get("message") == "no more <money>"


def test_documents_hold_whatever_models_said() -> None:
    plan = plan_of(5, repeats=2)
    report = report_of("id", plan, results_of(plan))
    suites = ET.fromstring(as_junit([(report, plan)]))  # noqa: S314 - our own
    assert [suite.get("name") for suite in suites] == [A.label, B.label]
    assert [(suite.get("failures"), suite.get("errors"), suite.get("tests")) for suite in suites] == [
        ("0", "0", "5"),
        ("2", "1", "5"),
    ]
    (failure, *_) = suites[1].iter("failure")
    assert "it said <b>|`x`|</b> @everyone\ufffd" in (failure.get("message") or "")
    text = as_markdown(report)
    assert "<b>" not in text
    assert "\\<b\\>\\|\\`x\\`\\|\\</b\\> \\@everyone" in text
