"""Facts from results: what counts as what, and what is named."""

from dataclasses import replace

import orjson
import pytest

from evaluation.runs.values import CheckResult, Target
from evaluation.verdict.arms import Arm
from registry.cases import Case, Check
from registry.facts import FORMAT
from registry.policy import Policy
from tests.unit.evaluation.verdict.arena import POLICY, arm_of, cases_of, compare, judge, result


def test_facts_are_plain_json_with_a_format() -> None:
    cases = cases_of(3, tags=("refunds",), must_pass=True)
    found = compare(cases, arm_of(2, cases, [True, False, None]), arm_of(1, cases, [True] * 3)).to_json()
    assert orjson.loads(orjson.dumps(found)) == found
    assert found["format"] == FORMAT
    assert (found["evaluation_id"], found["slug"], found["dataset"], found["dataset_number"]) == (
        "ev-1",
        "support",
        "golden",
        3,
    )
    assert found["candidate"]["target"] == {"label": "support@2", "slug": "support", "version": 2, "model": None}


def test_the_difference_is_candidate_less_baseline_and_names_what_moved() -> None:
    cases = [*cases_of(8), Case(variables={"q": "hello"}, note="A refund\nafter a month")]
    ours = arm_of(2, cases, [False] + [True] * 7 + [False], reason="expected 'yes'")
    theirs = arm_of(1, cases, [True, False, False] + [True] * 6)
    found = compare(cases, ours, theirs)
    assert found.difference is not None
    assert found.difference.estimate == pytest.approx((7 - 7) / 9)
    assert (found.difference.better, found.difference.worse) == (2, 2)
    assert [each.name for each in found.worse] == ["question=number 0", "A refund after a month"]
    assert {each.reason for each in found.worse} == {"equals: expected 'yes'"}
    assert [each.name for each in found.better] == ["question=number 1", "question=number 2"]
    assert compare(cases, arm_of(2, cases, [False] * 9), theirs).difference.estimate < 0  # type: ignore[union-attr]


def test_twenty_cases_are_listed_and_all_are_counted() -> None:
    cases = cases_of(30)
    found = compare(cases, arm_of(2, cases, [False] * 30), arm_of(1, cases, [True] * 30))
    assert found.difference is not None
    assert (found.difference.worse, len(found.worse), len(found.failing)) == (30, 20, 20)


def test_two_broken_cases_that_must_pass_fail_the_evaluation_by_name() -> None:
    cases = [replace(case, must_pass=i < 10, note=f"golden {i}") for i, case in enumerate(cases_of(50))]
    passed = [i not in (3, 7) for i in range(50)]
    found = judge(POLICY, compare(cases, arm_of(2, cases, passed, reason="not JSON"), arm_of(1, cases, passed)))
    assert found.outcome == "fail"
    assert found.reasons == (
        "2 of 10 cases that must pass failed: golden 3 (equals: not JSON); golden 7 (equals: not JSON)",
    )


def test_one_failed_repeat_is_enough_for_a_case_that_must_pass() -> None:
    (case,) = cases_of(1, must_pass=True)
    target = Target(slug="support", version=2)
    results = [result(target, case, repeat != 1, repeat=repeat) for repeat in range(3)]
    found = compare([case], Arm(target=target, results=results), None, repeats=3)
    assert [each.case_id for each in found.must_pass.failed] == [case.case_id]


def test_an_error_of_the_candidate_is_a_failed_case_with_no_score() -> None:
    cases = cases_of(4, checks=(Check(type="similar"),))
    target = Target(slug="support", version=2)
    good = [CheckResult(metric="similar", type="similar", passed=True, score=0.8)]
    results = [result(target, case, True, checks=good) for case in cases[:3]]
    results.append(result(target, cases[3], None, checks=(), error="429 too many requests", cost=None))
    found = compare(cases, Arm(target=target, results=results), arm_of(1, cases, [True] * 4))
    assert (found.candidate.errors, found.candidate.undecided, found.candidate.pass_rate) == (1, 0, 0.75)
    assert [each.reason for each in found.worse] == ["error: 429 too many requests"]
    assert found.metrics["similar"].candidate is not None
    assert found.metrics["similar"].candidate.mean == pytest.approx(0.6)


def test_an_error_of_the_baseline_says_nothing_about_the_candidate() -> None:
    cases = cases_of(60)
    target = Target(slug="support", version=1)
    results = [result(target, case, True, error="" if i >= 5 else "503") for i, case in enumerate(cases)]
    found = compare(cases, arm_of(2, cases, [i >= 5 for i in range(60)]), Arm(target=target, results=results))
    assert found.difference is not None
    assert (found.difference.pairs, found.difference.left_out, found.difference.estimate) == (55, 5, 0.0)
    decision = judge(POLICY, found)
    assert decision.outcome == "pass"
    assert "5 left out that support@1 has no judged answer to" in decision.reasons[0]


def test_a_check_that_could_not_decide_keeps_it_from_passing() -> None:
    cases = cases_of(60)
    ours = arm_of(2, cases, [None] + [True] * 59, reason="no verdict")
    found = compare(cases, ours, arm_of(1, cases, [True] * 60))
    for policy in (POLICY, replace(POLICY, uncertain="allow")):
        decision = judge(policy, found)
        assert decision.outcome == "not_enough_cases"
        assert decision.reasons == ("checks could not decide on 1 of 60 answers",)


def test_missing_answers_keep_it_from_passing() -> None:
    cases = cases_of(60)
    ours = arm_of(2, cases, [True] * 60)
    part = Arm(target=ours.target, results=ours.results[:-2])
    decision = judge(POLICY, compare(cases, part, arm_of(1, cases, [True] * 60)))
    assert (decision.outcome, decision.reasons) == (
        "not_enough_cases",
        ("2 of 60 answers are missing: it did not run to its end",),
    )


def test_a_tag_that_got_worse_is_named_after_adjusting_for_all_tags() -> None:
    cases = [replace(case, tags=(f"t{i % 5}",)) for i, case in enumerate(cases_of(100))]
    passed = [not (i % 5 == 2 and i < 50) for i in range(100)]
    found = compare(cases, arm_of(2, cases, passed), arm_of(1, cases, [True] * 100))
    assert [tag for tag, about in found.tags.items() if about.worse] == ["t2"]
    about = found.tags["t2"]
    assert (about.cases, about.difference) == (20, -0.5)
    assert about.p_worse == pytest.approx(0.5**10)
    assert about.p_holm == pytest.approx(5 * 0.5**10)
    passed = [not (i % 5 == 2 and i < 25) for i in range(100)]
    unsure = compare(cases, arm_of(2, cases, passed), arm_of(1, cases, [True] * 100)).tags["t2"]
    assert unsure.p_worse is not None
    assert unsure.p_worse <= 0.05
    assert not unsure.worse


def test_weights_count_and_a_case_without_weight_does_not() -> None:
    cases = [replace(case, weight=weight) for case, weight in zip(cases_of(3), (3.0, 1.0, 0.0), strict=True)]
    found = compare(cases, arm_of(2, cases, [True, False, False]), arm_of(1, cases, [True] * 3))
    assert (found.candidate.pass_rate, found.candidate.cases) == (0.75, 2)
    assert found.difference is not None
    assert (found.difference.estimate, found.difference.pairs) == (-0.25, 2)


def test_cost_latency_and_length_are_ratios_over_the_same_cases() -> None:
    cases = cases_of(20)
    ours = arm_of(2, cases, [True] * 20, cost=0.012, duration_ms=50.0, output_tokens=30)
    found = compare(cases, ours, arm_of(1, cases, [True] * 20))
    assert found.cost is not None
    assert found.latency is not None
    assert found.length is not None
    assert [each.ratio for each in (found.cost, found.latency, found.length)] == pytest.approx([1.2, 0.5, 3.0])
    assert (found.length.unit, found.length.pairs) == ("tokens", 20)
    for limit, outcome in ((0.1, "fail"), (0.2, "pass")):
        policy = Policy(dataset="golden", margin=0.2, max_cost_increase=limit, max_latency_increase=0.0)
        assert judge(policy, found).outcome == outcome


def test_what_is_not_known_is_not_compared() -> None:
    cases = cases_of(20)
    theirs = arm_of(1, cases, [True] * 20)
    unpriced = compare(cases, arm_of(2, cases, [True] * 20, cost=None, output_tokens=None, cached=True), theirs)
    assert unpriced.cost is None
    assert unpriced.latency is None
    assert unpriced.length is not None
    assert unpriced.length.unit == "characters"
    policy = Policy(dataset="golden", margin=0.2, max_cost_increase=0.1)
    decision = judge(policy, unpriced)
    assert decision.outcome == "not_enough_cases"
    assert decision.reasons == ("its cost can't be compared: too few cases have one in both versions",)
    free = arm_of(1, cases, [True] * 20, cost=0.0)
    assert judge(policy, compare(cases, theirs_as(2, free), free)).outcome == "pass"
    assert judge(policy, compare(cases, arm_of(2, cases, [True] * 20), free)).outcome == "fail"


def theirs_as(version: int, arm: Arm) -> Arm:
    target = Target(slug="support", version=version)
    return Arm(target=target, results=[replace(each, key=(target.label, *each.key[1:])) for each in arm.results])


def test_without_a_baseline_there_are_pass_rates_alone() -> None:
    cases = cases_of(10, tags=("a",))
    found = compare(cases, arm_of(2, cases, [True] * 9 + [False]), None)
    assert (found.baseline, found.difference, found.cost, found.needed, found.worse) == (None, None, None, None, ())
    assert found.tags["a"].candidate == 0.9
    for least, outcome in ((0.9, "pass"), (0.95, "fail")):
        assert judge(Policy(dataset="golden", min_pass_rate=least), found).outcome == outcome


def test_no_cases_are_not_enough() -> None:
    decision = judge(POLICY, compare([], arm_of(2, [], []), arm_of(1, [], [])))
    assert decision.outcome == "not_enough_cases"
    assert "no case was judged" in decision.reasons


def test_results_do_not_depend_on_their_order() -> None:
    cases = cases_of(30, tags=("a",))
    ours, theirs = arm_of(2, cases, [i % 4 != 0 for i in range(30)]), arm_of(1, cases, [i % 5 != 0 for i in range(30)])
    turned = Arm(target=ours.target, results=ours.results[::-1])
    assert compare(cases, turned, theirs) == compare(cases, ours, theirs)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (("support@9", "0", 0), "a result of 'support@9' stands among those of 'support@2'"),
        (("support@2", "0", 0), "has a result for case 0, which isn't one of the 2 cases"),
        (("support@2", "", 1), "has repeat 1 of case .*, and repeats go from 0 to 0"),
        (("support@2", "", 0), "has two results for repeat 0 of case"),
    ],
)
def test_results_of_something_else_are_refused(key: tuple[str, str, int], said: str) -> None:
    cases = cases_of(2)
    ours = arm_of(2, cases, [True, True])
    label, case_id, repeat = key
    strange = replace(ours.results[0], key=(label, case_id or cases[0].case_id, repeat))
    with pytest.raises(ValueError, match=said):
        compare(cases, Arm(target=ours.target, results=[*ours.results, strange]), None)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (Case(note=" why\n it is here "), "why it is here"),
        (Case(messages=({"role": "user", "content": "first"}, {"role": "assistant", "content": "x"})), "first"),
        (Case(messages=({"role": "user", "content": [{"type": "text", "text": "in parts"}]},)), "in parts"),
        (Case(variables={"question": "how?", "n": 3}), "question=how?, n=3"),
        (Case(note="w" * 200), "w" * 79 + "…"),
        (Case(note="half \ud800 a character"), "half ? a character"),
        (Case(), Case().case_id),
    ],
)
def test_cases_have_short_names(case: Case, name: str) -> None:
    found = compare([case], arm_of(2, [case], [False]), None)
    assert found.to_json()["failing"][0]["name"] == name
