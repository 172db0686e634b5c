"""Two outputs are compared in both orders; a judge that goes by the order alone decides nothing."""

import json

import pytest

from evaluation.checks.pairs import PairResult, compare
from evaluation.runs.values import Output
from evaluation.scorers.judge import Answer, Question
from registry.cases import Case
from tests.unit.evaluation.checks.outputs import output

CASE = Case(variables={"name": "Ada"}, expected="Monday")


class Judge:
    """Prefers by a rule over the two answers, in the order in which they stand."""

    def __init__(self, rule: object) -> None:
        self.rule = rule
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        said = self.rule(question.variables["first"], question.variables["second"])  # type: ignore[operator]
        if isinstance(said, Answer):
            return said
        text = json.dumps({"reason": f"the {said}", "verdict": said})
        return Answer(status=200, text=text, rubric="judge-pairwise", version=1, model="j", cost=0.25)


def longest(first: str, second: str) -> str:
    return "tie" if len(first) == len(second) else "first" if len(first) > len(second) else "second"


async def told(rule: object, candidate: Output | str, baseline: Output | str) -> tuple[PairResult, Judge]:
    judge = Judge(rule)
    one, other = (output(each) if isinstance(each, str) else each for each in (candidate, baseline))
    return await compare(CASE, one, other, judge), judge


@pytest.mark.parametrize(
    ("rule", "candidate", "baseline", "winner", "score", "steady"),
    [
        (longest, "long one", "short", "candidate", 1.0, True),
        (longest, "short", "long one", "baseline", 0.0, True),
        (longest, "abc", "xyz", "tie", 0.5, True),
        (lambda *_: "first", "a", "b", "tie", 0.5, False),
        (lambda *_: "second", "a", "b", "tie", 0.5, False),
        (lambda first, _: "first" if first == "a" else "tie", "a", "b", "tie", 0.5, False),
    ],
)
async def test_the_winner_wins_in_both_orders(
    rule: object, candidate: str, baseline: str, winner: str, score: float, steady: bool
) -> None:
    result, judge = await told(rule, candidate, baseline)
    assert (result.winner, result.score, result.steady, result.cost) == (winner, score, steady, 0.5)
    assert {(each.variables["first"], each.variables["second"]) for each in judge.asked} == {
        (candidate, baseline),
        (baseline, candidate),
    }
    assert all(each.variables["expected"] == "Monday" and "output" not in each.variables for each in judge.asked)


async def test_equal_answers_are_a_tie_without_a_question() -> None:
    result, judge = await told(longest, "same", "same")
    assert (result.winner, result.cost, judge.asked) == ("tie", 0.0, [])


async def test_what_was_not_answered_or_not_judged_is_undecided() -> None:
    result, judge = await told(longest, Output(error="timeout"), "b")
    assert (result.winner, result.reason, judge.asked) == (None, "the candidate gave no answer: timeout", [])
    refused, _ = await told(lambda *_: Answer(status=400, error="no"), "a", "b")
    assert refused.winner is None and "no" in refused.reason
    odd, _ = await told(lambda *_: "both", "a", "b")
    assert odd.winner is None and odd.cost == 0.5

    def broken(*_: str) -> str:
        raise RuntimeError("out of order")

    assert "out of order" in (await told(broken, "a", "b"))[0].reason
