"""The checks of a case together: order, variables, sets of checks, weights, and what they add up to."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.checks.running import passed_and_score, run_checks
from evaluation.runs.values import CheckResult, Output
from evaluation.scorers.judge import Answer, Question
from registry.cases import Case, Check
from tests.unit.evaluation.checks.outputs import output, result, results


async def test_the_datasets_checks_come_before_the_cases_own() -> None:
    run = run_checks([Check(type="contains", value="a", metric="first"), Check(type="is-json")])
    told = await run(Case(checks=(Check(type="equals", value="a"),)), output("a"))
    assert [(each.metric, each.type, each.passed) for each in told] == [
        ("first", "contains", True),
        ("is-json", "is-json", False),
        ("equals", "equals", True),
    ]


async def test_the_expected_answer_stands_in_for_a_value() -> None:
    case = Case(expected="Monday")
    for name in (
        "equals",
        "contains",
        "icontains",
        "starts-with",
        "levenshtein",
        "rouge-n",
        "bleu",
        "gleu",
        "similar:words",
    ):
        assert (await result({"type": name}, "Monday", case=case)).passed is True
        assert (await result({"type": name}, "Some other day of this week", case=case)).passed is False
    assert (await result({"type": "equals", "value": "Tuesday"}, "Monday", case=case)).passed is False


@pytest.mark.parametrize(
    ("value", "text", "passed"),
    [
        ("Hello {{ name }}", "Hello Ada, here you are", True),
        ("Hello {{ name }}", "Hello {{ name }}", False),
        ("{{ name | upper }}", "ADA", True),
        ("{{ nested.city }}", "in Paris", True),
        ("{{ count }}", "3 of them", True),
        ("{{ expected }}", "it says so", True),
    ],
)
async def test_variables_stand_in_values(value: str, text: str, passed: bool) -> None:
    variables = {"name": "Ada", "nested": {"city": "Paris"}, "count": 3, "sly": "{{ name }}"}
    case = Case(variables=variables, expected="says so")
    assert (await result({"type": "contains", "value": value}, text, case=case)).passed is passed


async def test_a_variable_alone_stays_what_it_is_and_is_never_a_template() -> None:
    case = Case(variables={"items": ["1,000", "stock"], "sly": "{{ name }}", "name": "Ada", "most": 2})
    assert (await result({"type": "contains-all", "value": "{{ items }}"}, "1,000 in stock", case=case)).passed is True
    assert (await result({"type": "equals", "value": "{{ sly }}"}, "{{ name }}", case=case)).passed is True
    assert (await result({"type": "equals", "value": "So: {{ sly }}"}, "So: {{ name }}", case=case)).passed is True
    assert (
        await result({"type": "word-count", "value": {"max": "{{ most }}"}}, "one two three", case=case)
    ).passed is False
    assert (await result({"type": "equals", "value": ["{{ name }}"]}, '["Ada"]', case=case)).passed is True


async def test_each_case_is_checked_by_its_own_variables() -> None:
    run = run_checks([Check(type="contains", value="{{ name }}")])
    told = [(await run(Case(variables={"name": name}), output("Ada")))[0].passed for name in ("Ada", "Bob", "Ada")]
    assert told == [True, False, True]


async def test_an_expected_answer_is_data_and_no_template() -> None:
    assert (await result({"type": "equals"}, "{{ x }}", case=Case(expected="{{ x }}"))).passed is True


def of(passed: bool | None, score: float | None = None, weight: float = 1.0) -> CheckResult:
    return CheckResult(
        metric="m", type="t", passed=passed, score=float(bool(passed)) if score is None else score, weight=weight
    )


@pytest.mark.parametrize(
    ("given_results", "expected"),
    [
        ([], (None, 0.0)),
        ([of(True)], (True, 1.0)),
        ([of(False, weight=2), of(True)], (False, pytest.approx(1 / 3))),
        ([of(True), of(False, weight=0)], (True, 1.0)),
        ([of(False, weight=0)], (None, 0.0)),
        ([of(True), of(None)], (None, 1.0)),
        ([of(False), of(None)], (False, 0.0)),
        ([of(True), of(None, weight=0)], (True, 1.0)),
        ([of(True, 0.8), of(True, 0.6, weight=3)], (True, pytest.approx(0.65))),
    ],
)
def test_an_output_passes_where_every_check_that_counts_does(given_results: list[CheckResult], expected: Any) -> None:
    assert passed_and_score(given_results) == expected


@given(
    told=st.lists(
        st.tuples(st.sampled_from([True, False, None]), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), max_size=6
    ),
    seed=st.randoms(),
)
def test_undecided_is_never_a_pass_and_order_makes_no_difference(told: list[Any], seed: Any) -> None:
    every = [of(passed, score if passed is not None else 0.0, weight) for passed, score, weight in told]
    passed, score = passed_and_score(every)
    assert passed is not True or all(each.passed is True for each in every if each.weight)
    assert 0 <= score <= 1
    seed.shuffle(every)
    assert passed_and_score(every) == (passed, pytest.approx(score))


SET = [
    {"type": "contains", "value": "a"},
    {"type": "contains", "value": "b", "weight": 3},
    {"type": "similar", "value": "x"},
]


@pytest.mark.parametrize(
    ("members", "threshold", "text", "passed"),
    [
        (SET[:2], None, "ab", True),
        (SET[:2], None, "b", False),
        (SET[:2], 0.75, "b", True),
        (SET[:2], 0.76, "b", False),
        (SET[:2], 0, "", True),
        (SET, None, "ab", None),
        (SET, None, "a", False),
        (SET, 0.8, "ab", True),  # 4 of 5, whatever the third would say
        (SET, 0.9, "ab", None),
        (SET, 0.5, "a", False),  # 2 of 5 at most
    ],
)
async def test_a_set_passes_by_its_score_and_decides_only_what_can_be_decided(
    members: list[Any], threshold: float | None, text: str, passed: bool | None
) -> None:
    for check in (
        {"type": "assert-set", "threshold": threshold, "value": members},
        {"type": "assert-set", "threshold": threshold, "options": {"assert": members}},
    ):
        assert (await result(check, text)).passed is passed
    turned = await result({"type": "not-assert-set", "threshold": threshold, "value": members}, text)
    assert turned.passed is (None if passed is None else not passed)


async def test_checks_of_a_set_that_have_a_name_are_reported_and_count_once() -> None:
    members = [{"type": "contains", "value": "a", "metric": "has-a"}, {"type": "contains", "value": "b"}]
    told = await results({"type": "assert-set", "value": members, "weight": 2.0, "metric": "all"}, "a")
    assert [(each.metric, each.passed, each.weight) for each in told] == [("all", False, 2.0), ("has-a", True, 0.0)]
    assert passed_and_score(told) == (False, 0.5)


async def test_an_error_leaves_everything_undecided() -> None:
    told = await run_checks([Check(type="not-contains", value="x"), Check(type="cost", threshold=1)])(
        Case(), Output(error="timeout", status=504)
    )
    assert [each.passed for each in told] == [None, None]


async def test_a_judge_that_raises_stops_no_other_and_a_cancelled_run_ends() -> None:
    async def broken(_: Question) -> Answer:
        raise RuntimeError("out of order")

    run = run_checks([Check(type="llm-rubric", value="kind"), Check(type="equals", value="a")], ask=broken)
    judged, plain = await run(Case(), output("a"))
    assert (judged.passed, plain.passed) == (None, True) and "out of order" in judged.reason

    async def never(_: Question) -> Answer:
        await asyncio.sleep(3600)
        raise AssertionError

    running = asyncio.create_task(run_checks([Check(type="llm-rubric", value="kind")], ask=never)(Case(), output("a")))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
