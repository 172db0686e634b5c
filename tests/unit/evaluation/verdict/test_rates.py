"""How often the gate is right, on simulated evaluations. bench/gate_rates.py has the whole table."""

import pytest

from tests.unit.evaluation.verdict.arena import POLICY, Simulator, arm_of, cases_of, compare, judge


@pytest.mark.parametrize(("n", "repeats"), [(50, 1), (200, 1), (50, 3), (200, 3), (12, 3)])
def test_two_equal_versions_rarely_fail(n: int, repeats: int) -> None:
    assert Simulator(n, repeats=repeats).outcomes(1000)["fail"] <= 0.05


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_loss_of_ten_points_is_caught_with_200_cases(repeats: int) -> None:
    found = Simulator(200, repeats=repeats, loss=0.1).outcomes(400)
    assert found["pass"] <= 0.01
    assert found["fail"] >= (0.7, 0.95)[repeats > 1]


@pytest.mark.parametrize(("n", "repeats"), [(50, 1), (200, 1), (200, 3)])
def test_a_loss_of_the_whole_margin_passes_no_more_often_than_the_confidence_says(n: int, repeats: int) -> None:
    # 5 % of 1,000, with three standard errors for the draw.
    assert Simulator(n, repeats=repeats, loss=0.05).outcomes(1000)["pass"] <= 0.071


@pytest.mark.parametrize(("n", "repeats", "least"), [(200, 1, 0.4), (500, 1, 0.75), (200, 3, 0.8), (500, 3, 0.98)])
def test_equal_versions_pass_as_often_as_the_guide_says(n: int, repeats: int, least: float) -> None:
    assert Simulator(n, repeats=repeats).outcomes(200)["pass"] >= least


@pytest.mark.parametrize(("n", "repeats", "loss"), [(50, 1, 0.0), (30, 3, 0.1), (8, 2, 0.0)])
def test_the_quick_way_of_these_tests_is_the_real_one(n: int, repeats: int, loss: float) -> None:
    simulator = Simulator(n, repeats=repeats, loss=loss)
    for seed in range(10):
        assert simulator.quick(seed)["difference"] == simulator.whole(seed)["difference"]


def test_equal_answers_pass_from_50_cases_on() -> None:
    for n in (50, 51, 60, 100, 400):
        cases = cases_of(n)
        passed = [i % 7 != 0 for i in range(n)]
        assert judge(POLICY, compare(cases, arm_of(2, cases, passed), arm_of(1, cases, passed))).outcome == "pass"


def test_equal_answers_to_few_cases_are_not_enough_and_the_number_that_is_needed_passes() -> None:
    cases = cases_of(20)
    found = judge(POLICY, compare(cases, arm_of(2, cases, [True] * 20), arm_of(1, cases, [True] * 20)))
    assert found.outcome == "not_enough_cases"
    assert found.needed is not None
    for n, expected in ((found.needed, "pass"), (found.needed - 1, "not_enough_cases")):
        cases = cases_of(n)
        facts = compare(cases, arm_of(2, cases, [True] * n), arm_of(1, cases, [True] * n))
        assert judge(POLICY, facts).outcome == expected


@pytest.mark.parametrize("repeats", [1, 3])
def test_as_many_cases_as_are_asked_for_mostly_pass(repeats: int) -> None:
    asked = [
        facts["needed"]["cases"]
        for seed in range(100)
        if (facts := Simulator(50, repeats=repeats).whole(seed))["needed"]["cases"] is not None
    ]
    typical = sorted(asked)[len(asked) // 2]
    assert Simulator(typical, repeats=repeats).outcomes(200)["pass"] >= 0.7


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_worse_by_more_than_the_margin_never_passes(n: int) -> None:
    cases = cases_of(n)
    lost = n // 20 + 1
    facts = compare(cases, arm_of(2, cases, [i >= lost for i in range(n)]), arm_of(1, cases, [True] * n))
    assert judge(POLICY, facts).outcome in ("fail", "not_enough_cases")
