"""Judges' checks: what is asked, how strictly a verdict is read, and that no judge means no decision."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from evaluation.checks.rubrics import RUBRICS
from evaluation.scorers.judge import Answer, Question
from registry.cases import Case
from registry.templates.template import compile_content
from registry.values import Content
from tests.unit.evaluation.checks.outputs import output, result


class Bench:
    """Judges with answers to give, in turn; what they were asked is kept."""

    def __init__(self, *answers: Answer | dict[str, Any] | str) -> None:
        self.answers: list[Any] = list(answers)
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Answer):
            return said
        text = said if isinstance(said, str) else json.dumps(said)
        return Answer(status=200, text=text, rubric="judge-rubric", version=4, model="judge-1", cost=0.25)


YES = {"reason": "it is", "pass": True, "score": 0.7}
NO = {"reason": "it isn't", "pass": False, "score": 0.9}


@pytest.mark.parametrize(
    ("verdict", "threshold", "passed", "score"),
    [
        (YES, None, True, 0.7),
        (NO, None, False, 0.9),
        (YES, 0.7, True, 0.7),
        (YES, 0.8, False, 0.7),
        (NO, 0.5, False, 0.9),
        ({**YES, "score": 0}, None, True, 0.0),
        ({**YES, "score": 2}, None, None, 0.0),
        ({"reason": "no verdict", "score": 1}, None, None, 0.0),
        ("I think so", None, None, 0.0),
        ({**YES, "pass": "yes"}, None, None, 0.0),
    ],
)
async def test_a_rubric_passes_by_its_verdict_and_its_score(
    verdict: Any, threshold: float | None, passed: bool | None, score: float
) -> None:
    check = {"type": "llm-rubric", "value": "Is it kind to {{ name }}?", "threshold": threshold}
    judge = Bench(verdict)
    told = await result(check, "Hello", case=Case(variables={"name": "Ada"}, expected="Hi"), ask=judge, prompt="agent")
    assert (told.passed, told.score, told.version, told.cost) == (passed, score, "judge-rubric@4/judge-1", 0.25)
    [question] = judge.asked
    assert question.rubric == "judge-rubric" and question.model is None
    given = question.variables
    assert (given["rubric"], given["output"], given["expected"]) == ("Is it kind to Ada?", "Hello", "Hi")
    assert (given["question"], given["prompt"]) == ("Where?", "agent")
    turned = await result(
        {**check, "type": "not-llm-rubric"}, "Hello", case=Case(variables={"name": "Ada"}), ask=Bench(verdict)
    )
    assert turned.passed is (None if passed is None else not passed)


async def test_a_closed_question_is_yes_or_no() -> None:
    for verdict, passed in ((True, True), (False, False), ("yes", None)):
        judge = Bench({"reason": "r", "verdict": verdict})
        told = await result({"type": "model-graded-closedqa", "value": "Is it polite?"}, "Hello", ask=judge)
        assert told.passed is passed


@pytest.mark.parametrize(
    ("verdict", "options", "threshold", "passed", "score"),
    [
        ("agree", {}, None, True, 1.0),
        ("superset", {}, None, True, 1.0),
        ("disagree", {}, None, False, 0.0),
        ("superset", {"factuality": {"superset": 0.6}}, None, True, 0.6),
        ("superset", {"factuality": {"superset": 0.6}}, 0.7, False, 0.6),
        ("superset", {"factuality": {"superset": 0}}, None, False, 0.0),
        ("maybe", {}, None, None, 0.0),
    ],
)
async def test_facts_are_compared_with_the_reference(
    verdict: str, options: Any, threshold: Any, passed: Any, score: float
) -> None:
    judge = Bench({"reason": "r", "verdict": verdict})
    check = {"type": "factuality", "options": options, "threshold": threshold}
    told = await result(check, "It is Sacramento.", case=Case(expected="Sacramento"), ask=judge)
    assert (told.passed, told.score) == (passed, score)
    assert judge.asked[0].variables["rubric"] == "Sacramento" and judge.asked[0].rubric == "judge-factuality"


async def test_another_rubric_and_model_can_be_asked() -> None:
    judge = Bench(YES)
    await result(
        {"type": "llm-rubric", "value": "kind", "options": {"rubric": "mine@3", "model": "m-1"}}, "Hello", ask=judge
    )
    assert (judge.asked[0].rubric, judge.asked[0].model) == ("mine@3", "m-1")


@pytest.mark.parametrize(
    ("answers", "passed", "asked"),
    [
        ([Answer(status=503, error="away"), YES], True, 2),
        ([Answer(status=429), Answer(status=429), YES], True, 3),
        ([Answer(status=503, error="away")], None, 3),
        ([Answer(status=400, error="no such field")], None, 1),
    ],
)
async def test_a_busy_judge_is_asked_again_and_one_that_refuses_is_not(
    answers: Sequence[Any], passed: Any, asked: int
) -> None:
    judge = Bench(*answers)
    told = await result({"type": "llm-rubric", "value": "kind"}, "Hello", ask=judge)
    assert (told.passed, len(judge.asked)) == (passed, asked)


async def test_a_rubric_that_is_not_there_says_how_to_save_it() -> None:
    missing = Bench(Answer(status=404, error="prompt 'judge-rubric' not found"))
    told = await result({"type": "not-llm-rubric", "value": "kind"}, "Hello", ask=missing)
    assert told.passed is None
    assert "not found" in told.reason and "slugline prompt save judge-rubric --file judge-rubric.prompty" in told.reason
    gone = Bench(Answer(status=404, error="no such model", rubric="judge-rubric", version=2))
    assert "prompt save" not in (await result({"type": "llm-rubric", "value": "kind"}, "Hello", ask=gone)).reason


async def test_tools_that_were_called_are_shown_to_the_judge() -> None:
    judge = Bench(YES)
    await result({"type": "llm-rubric", "value": "kind"}, output(calls={"weather": {"city": "Paris"}}), ask=judge)
    assert judge.asked[0].variables["output"] == '[tool call] weather({"city": "Paris"})'


def test_the_rubrics_to_save_are_prompts_with_the_variables_that_they_get() -> None:
    used = {name: set(compile_content(Content(kind="text", text=text)).variables) for name, text in RUBRICS.items()}
    assert used["judge-rubric"] == used["judge-factuality"] == {"rubric", "question", "output"}
    assert used["judge-pairwise"] == {"rubric", "question", "first", "second"}
