"""What two nights of a probe say, and what they don't."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from evaluation.probes.change import ALPHA, change_between, least_cases
from evaluation.probes.values import ProbeChange, read_change
from evaluation.runs.values import CaseResult, CheckResult, Output, Target
from registry.cases import Case

TARGET = Target(slug="support", version=7, model="gpt-4o")
THEN, NOW = datetime(2026, 11, 3, 3, tzinfo=UTC), datetime(2026, 11, 17, 3, tzinfo=UTC)


def cases_of(n: int) -> list[Case]:
    return [Case(variables={"question": f"number {i}"}) for i in range(n)]


def night(
    cases: Sequence[Case],
    passed: Callable[[int], bool],
    *,
    tokens: Callable[[int], int] = lambda _: 100,
    model: str = "gpt-4o-1",
    error: Callable[[int], bool] = lambda _: False,
) -> list[CaseResult]:
    found = []
    for i, case in enumerate(cases):
        output = (
            Output(error="away", status=503) if error(i) else Output(text="x" * 9, output_tokens=tokens(i), model=model)
        )
        check = CheckResult(metric="right", type="equals", passed=passed(i), score=float(passed(i)))
        key = (TARGET.label, case.case_id, 0)
        found.append(CaseResult(key=key, output=output, checks=(check,), passed=passed(i), score=check.score))
    return found


def compare(cases: Sequence[Case], old: list[CaseResult], new: list[CaseResult]) -> ProbeChange:
    return change_between(target=TARGET, source="golden@3", cases=cases, before=("e1", THEN, old), now=("e2", NOW, new))


def test_equal_nights_are_no_change() -> None:
    cases = cases_of(50)
    found = compare(cases, night(cases, lambda i: i > 4), night(cases, lambda i: i > 4))
    assert (found.changed, found.enough, found.cases, found.worse, found.better) == (False, True, 50, 0, 0)
    assert found.sentence.startswith(
        "support@7 on gpt-4o on 50 cases of golden@3: no change is seen from 3 November 2026 to 17 November 2026: "
        "90.0% passed then and 90.0% now, +0.0 points ["
    )


def test_a_loss_is_told_with_its_interval_and_whose_it_is() -> None:
    cases = cases_of(100)
    found = compare(cases, night(cases, lambda i: True), night(cases, lambda i: i >= 30))
    assert found.changed
    [rate, length] = found.measures
    assert (rate.name, rate.sure, round(rate.change, 6), length.sure) == ("pass rate", True, -0.3, False)
    assert rate.interval is not None
    assert -0.4 < rate.interval.low < -0.3 < rate.interval.high < -0.2
    assert "100.0% passed then and 70.0% now, -30.0 points" in found.sentence
    assert found.sentence.endswith(
        "(30 cases worse, 0 better). Prompt, model name and inputs were the same, so the change is the provider's"
    )


def test_longer_answers_and_another_served_model_are_changes_of_their_own() -> None:
    cases = cases_of(40)
    old = night(cases, lambda i: True, tokens=lambda i: 100 + i)
    longer = compare(cases, old, night(cases, lambda i: True, tokens=lambda i: 125 + i))
    assert longer.changed
    assert "answers are 21 % longer [" in longer.sentence
    served = compare(cases, old, night(cases, lambda i: True, tokens=lambda i: 100 + i, model="gpt-4o-2"))
    assert served.changed
    assert "gpt-4o-1 answered then and gpt-4o-2 now" in served.sentence


def test_an_outage_is_left_out_and_is_no_change() -> None:
    cases = cases_of(40)
    found = compare(cases, night(cases, lambda i: True), night(cases, lambda i: i < 20, error=lambda i: i >= 20))
    assert (found.changed, found.cases, found.left_out) == (False, 20, 20)
    assert "20 without an answer in one of them left out" in found.sentence
    nothing = compare(cases, night(cases, lambda i: True), night(cases, lambda i: False, error=lambda i: True))
    assert (nothing.changed, nothing.cases) == (False, 0)
    assert "nothing to compare" in nothing.sentence


def test_few_cases_are_never_sure() -> None:
    for n, sure in ((least_cases(2) - 1, False), (least_cases(2), True)):
        cases = cases_of(n)
        found = compare(cases, night(cases, lambda i: True), night(cases, lambda i: False))
        assert (found.enough, found.changed) == (sure, sure)
    assert "too few to tell" in compare(cases_of(3), night(cases_of(3), bool), night(cases_of(3), bool)).sentence


@pytest.mark.parametrize("chance", [0.5, 0.9])
def test_noise_is_seldom_called_a_change(chance: float) -> None:
    """300 pairs of nights in which every answer is drawn anew: one in a thousand may be called a change, and 3 allow for luck."""
    cases, draw = cases_of(60), np.random.default_rng(7)
    called = 0
    for _ in range(300):
        a, b = draw.random(60) < chance, draw.random(60) < chance
        long_a, long_b = draw.lognormal(5, 0.5, 60), draw.lognormal(5, 0.5, 60)
        old = night(cases, lambda i, a=a: bool(a[i]), tokens=lambda i, n=long_a: int(n[i]))  # type: ignore[misc]
        new = night(cases, lambda i, b=b: bool(b[i]), tokens=lambda i, n=long_b: int(n[i]))  # type: ignore[misc]
        called += compare(cases, old, new).changed
    assert called <= 3, ALPHA


def test_it_becomes_json_and_is_read_again() -> None:
    cases = cases_of(30)
    found = compare(cases, night(cases, lambda i: True), night(cases, lambda i: i > 9))
    assert read_change(found.to_json()) == found
