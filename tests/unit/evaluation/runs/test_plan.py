"""A plan makes each attempt once, lets all targets meet a case together, and comes back from JSON as it was."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.runs.errors import EvaluationError
from evaluation.runs.plan import Plan
from evaluation.runs.values import Attempt, Target
from registry.cases import Case, Check
from tests.unit.evaluation.runs.bench import A, B, plan_of

C = Target(slug="agent", version=2, model="other")


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_every_attempt_comes_once_and_targets_meet_a_case_side_by_side(
    cases: int, repeats: int, targets: int, every: int
) -> None:
    plan = plan_of(cases, (A, B, C)[:targets], repeats=repeats)
    keys = [attempt.key for attempt in plan.attempts()]
    assert len(set(keys)) == len(keys) == plan.size == cases * repeats * targets
    for first in range(0, len(keys), targets):
        group = keys[first : first + targets]
        assert len({key[1:] for key in group}) == 1
        assert {key[0] for key in group} == {target.label for target in plan.targets}
    assert [key[2] for key in keys] == sorted(key[2] for key in keys)
    firsts = [keys[first][0] for first in range(0, len(keys), targets)]
    if len(firsts) % targets == 0 and cases % targets == 0:
        assert (
            len({firsts.count(target.label) for target in plan.targets}) == 1
        )  # none is the first more often than another
    done = set(keys[::every])
    assert [attempt.key for attempt in plan.left(done)] == [key for key in keys if key not in done]


def test_cases_and_targets_that_are_there_twice_are_asked_once() -> None:
    plan = plan_of(3, (A, A))
    doubled = Plan(targets=plan.targets, cases=(*plan.cases, *plan.cases), hashes=plan.hashes)
    assert len(doubled.attempts()) == doubled.size == 3


def test_a_request_is_the_same_for_the_same_content_model_input_and_repeat() -> None:
    plan = plan_of(2, (A, B, C), repeats=2)
    same = Plan(**{**_fields(plan), "hashes": dict.fromkeys([A.label, B.label, C.label], "one hash")})
    keys = {attempt.key: same.request_key(attempt) for attempt in same.attempts()}
    case = plan.cases[0].case_id
    assert keys[A.label, case, 0] == keys[B.label, case, 0]  # two versions that say the same
    assert keys[A.label, case, 0] != keys[C.label, case, 0]  # another model
    assert keys[A.label, case, 0] != keys[A.label, case, 1]  # its repetition
    assert keys[A.label, case, 0] != keys[A.label, plan.cases[1].case_id, 0]
    checked = Case(variables={"n": 0}, checks=(Check(type="equals", value="x"),), note="why")
    assert same.request_key(Attempt(target=A, case=checked)) == keys[A.label, case, 0]  # checks are not what is asked


def test_a_plan_comes_back_from_json() -> None:
    case = Case(
        variables={"a": [1, {"b": None}]},
        messages=({"role": "user", "content": "Hé"},),
        expected="x",
        checks=(Check(type="llm-rubric", value={"a": 1}, threshold=0.5, options={"model": "m"}),),
        tags=("t",),
        weight=2,
        must_pass=True,
        note="n",
        source={"call_id": "c"},
    )
    plan = Plan(targets=(A, C), cases=(case,), checks=case.checks, repeats=3, baseline=A.label, hashes={A.label: "h"})
    there = orjson.loads(orjson.dumps(plan.to_json()))
    assert Plan.from_json(there) == plan
    assert Plan.from_json(there).cases[0].case_id == case.case_id
    with pytest.raises(EvaluationError, match="format 2"):
        Plan.from_json({**there, "format": 2})
    with pytest.raises(EvaluationError, match=r"can't be read.*repeats"):
        Plan.from_json({**there, "repeats": "many"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"targets": ()}, "needs a version"),
        ({"targets": (A, Target(slug="other", version=1))}, "agent, other"),
        ({"cases": ()}, "no case to try in golden"),
        ({"repeats": 0}, "not 0 times"),
        ({"baseline": "agent@9"}, r"agent@9 is none of the targets \(agent@1, agent@2\)"),
        ({"repeats": 100_001}, "200,002 attempts are more"),
    ],
)
def test_what_can_not_be_run_is_said(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        Plan(**{**_fields(plan_of(1)), **wrong})


def _fields(plan: Plan) -> dict[str, object]:
    return {name: getattr(plan, name) for name in Plan.__slots__}
