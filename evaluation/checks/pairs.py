"""Which of two outputs is better? A judge is asked twice, with the two in either order; where it changes its mind, it is a tie.

Models favour what stands first (Zheng et al. 2023, "Judging LLM-as-a-Judge", https://arxiv.org/abs/2306.05685, section 3.4): asked once,
a judge's preference says as much about the order as about the answers. Knows two outputs of one case; refuses to know of whole runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from evaluation.checks.judges import hear
from evaluation.checks.outcome import Means, look_at
from evaluation.checks.rubrics import PAIRWISE
from evaluation.runs.values import Output
from evaluation.scorers.judge import Ask, Judge, JudgeOptions, Question, question_of, read_verdict, task_of
from registry.cases import Case

CRITERION = "Which answer serves the user better: correct, complete, and no longer than needed?"

Winner = Literal["candidate", "baseline", "tie"]

_VERDICTS: Mapping[str, tuple[Winner, float]] = {
    "first": ("candidate", 1.0),
    "second": ("baseline", 0.0),
    "tie": ("tie", 0.5),
}
_OTHER_WAY_ROUND: Mapping[Winner, Winner] = {"candidate": "baseline", "baseline": "candidate", "tie": "tie"}
"""In the second order the roles are swapped: its first, the "candidate", is the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """The better one of two. `winner` is None where that could not be decided. `steady` says whether both orders gave the same winner.

    `score` is 1 where the candidate won, 0 where the baseline did, and 0.5 for a tie. `cost` is in US dollars, None where it isn't known.
    """

    winner: Winner | None
    score: float
    steady: bool
    reason: str
    version: str = ""
    cost: float | None = None


async def compare(
    case: Case,
    candidate: Output,
    baseline: Output,
    ask: Ask,
    *,
    criterion: str = CRITERION,
    rubric: str = PAIRWISE,
    model: str | None = None,
    means: Means | None = None,
) -> PairResult:
    """Asks a judge which output is better. Raises only CancelledError.

    Equal texts are a tie without a question. An output that is an error, or a verdict that can't be read, leaves it undecided.
    """
    for name, output in (("candidate", candidate), ("baseline", baseline)):
        if output.error:
            return _undecided(f"the {name} gave no answer: {output.error}")
    if candidate.text == baseline.text and candidate.text:
        return PairResult(winner="tie", score=0.5, steady=True, reason="both say the same", cost=0.0)
    given = replace(means or Means(), ask=ask)
    one, other = await asyncio.gather(
        _order(case, candidate, baseline, criterion, rubric, model, given),
        _order(case, baseline, candidate, criterion, rubric, model, given),
    )
    costs = [each.cost for each in (one, other) if each.cost is not None]
    cost = sum(costs) if len(costs) == 2 else None
    if one.winner is None or other.winner is None:
        failed = one if one.winner is None else other
        return replace(failed, cost=cost)
    if one.winner == _OTHER_WAY_ROUND[other.winner]:
        return replace(one, cost=cost, steady=True)
    reason = f"the judge changed its mind with the order: {one.reason} / {other.reason}"
    return PairResult(winner="tie", score=0.5, steady=False, reason=reason, version=one.version, cost=cost)


async def _order(
    case: Case, first: Output, second: Output, criterion: str, rubric: str, model: str | None, means: Means
) -> PairResult:
    """The verdict on two outputs in this order; the first is called the candidate."""
    options = JudgeOptions(rubric=rubric, model=model, verdict="category", categories=("first", "second", "tie"))
    try:
        heard = await hear(_question(case, first, second, criterion, options, means.prompt), means)
    except Exception as error:  # a fault in asking decides nothing
        return _undecided(f"the judge could not be asked: {type(error).__name__}: {error}")
    if heard.problem:
        return replace(_undecided(heard.problem), version=heard.version, cost=heard.cost)
    said = read_verdict(options, heard.text)
    if not said.parsed:
        return replace(_undecided(said.comment), version=heard.version, cost=heard.cost)
    winner, score = _VERDICTS[str(said.value)]
    return PairResult(
        winner=winner, score=score, steady=False, reason=said.comment, version=heard.version, cost=heard.cost
    )


def _question(
    case: Case, first: Output, second: Output, criterion: str, options: JudgeOptions, prompt: str
) -> Question:
    """What the judge is asked: what it always is, with two answers in place of one."""
    tasks = [
        task_of(look_at(case, each).subject, {"call_id": each.call_id, "prompt": prompt}) for each in (first, second)
    ]
    question = question_of(Judge(name=options.rubric, options=options), tasks[0])
    kept = {name: value for name, value in question.variables.items() if name != "output"}
    expected = "" if case.expected is None else case.expected
    told = {"rubric": criterion, "expected": expected, "first": tasks[0]["output"], "second": tasks[1]["output"]}
    return replace(question, variables={**kept, **told})


def _undecided(reason: str) -> PairResult:
    return PairResult(winner=None, score=0.0, steady=False, reason=reason)
