"""Runs the checks of a case over its output, and adds up what they say.

1. A check decides about what is there. Without an answer, with a variable missing, with a judge away, it is undecided and says why.
2. `not-` turns a decision round, and its score; what is undecided stays so.
3. A check that raises is undecided and stops no other. Only a cancelled task ends early.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from evaluation.checks.kinds import ASSERT_SET, KINDS
from evaluation.checks.outcome import Decide, Embed, Look, Means, Outcome, look_at, undecided
from evaluation.checks.rendering import Render, renderer, variables_of
from evaluation.checks.validation import group_of, split_type, takes_of
from evaluation.checks.values import Takes
from evaluation.runs.values import CheckResult, Output, RunChecks
from evaluation.scorers.judge import Ask
from registry.cases import Case, Check

log = logging.getLogger("slugline.checks")

LONGEST_REASON = 2000
PYTHON_AT_ONCE = 2
_MADE = 256


def run_checks(
    checks: Sequence[Check] = (),
    *,
    ask: Ask | None = None,
    embed: Embed | None = None,
    allow_python: bool = False,
    folder: Path | None = None,
    python_seconds: float = 10.0,
    prompt: str = "",
    attempts: int = 3,
    pause_seconds: float = 1.0,
) -> RunChecks:
    """Something that runs the checks of a dataset, then a case's own, over an output.

    `ask` reaches judges, `embed` an embedding model; without them the checks that need them are undecided. `allow_python` lets people's own
    Python run, from files below `folder` or from installed packages, for `python_seconds` each: for the command line of whoever owns them,
    never for callers of the API. `prompt` is the slug that judges are told. A judge that is away is asked `attempts` times.
    """
    means = Means(
        ask=ask,
        embed=embed,
        allow_python=allow_python,
        folder=folder or Path.cwd(),
        python_seconds=python_seconds,
        prompt=prompt,
        attempts=attempts,
        pause_seconds=pause_seconds,
    )
    bench = _Bench(
        means=means, render=renderer(), make=lru_cache(maxsize=_MADE)(_make), python=asyncio.Semaphore(PYTHON_AT_ONCE)
    )

    async def run(case: Case, output: Output) -> tuple[CheckResult, ...]:
        every = (*checks, *case.checks)
        if output.error:
            return tuple(_result(check, undecided(f"there is no answer: {output.error}")) for check in every)
        try:
            look = look_at(case, output)
        except Exception as error:
            log.exception("the output of call %s can't be read", output.call_id)
            return tuple(_result(check, undecided(f"the output can't be read: {error}")) for check in every)
        groups = await asyncio.gather(*(bench.results(check, look) for check in every))
        return tuple(result for group in groups for result in group)

    return run


def passed_and_score(results: Sequence[CheckResult]) -> tuple[bool | None, float]:
    """Whether an output passes, and its score from 0 to 1: the mean of its checks' scores by their weights.

    A check of weight 0 is reported and counts for nothing. One failed check fails the output; where none failed and one could not decide,
    or none counts at all, it is None: undecided is never a pass. Undecided checks have no score, so they are left out of the mean.
    (https://www.promptfoo.dev/docs/configuration/expected-outputs/#weighted-assertions)
    """
    counting = [result for result in results if result.weight > 0]
    decided = [result for result in counting if result.passed is not None]
    weight = sum(result.weight for result in decided)
    score = sum(result.score * result.weight for result in decided) / weight if weight else 0.0
    if any(not result.passed for result in decided):
        return False, score
    return (True if decided and len(decided) == len(counting) else None), score


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What the checks of one run share: their means, and what was made of them already."""

    means: Means
    render: Render
    make: Callable[[str, bytes], tuple[Takes, Decide | None]]
    python: asyncio.Semaphore

    async def results(self, check: Check, look: Look) -> tuple[CheckResult, ...]:
        """A check's result; after that of an assert-set, those of its checks that have a name, which count for nothing more."""
        try:
            negated, base = split_type(check.type)
            if base == ASSERT_SET:
                outcome, members = await self._group(check, look)
            else:
                outcome, members = await self._one(check, base, look), ()
            return (_result(check, _turned(outcome) if negated else outcome), *members)
        except ValueError as error:
            return (_result(check, undecided(str(error))),)
        except Exception as error:
            log.exception("check '%s' failed over call %s", check.type, look.output.call_id)
            return (_result(check, undecided(f"the check itself failed: {type(error).__name__}: {error}")),)

    async def _one(self, check: Check, base: str, look: Look) -> Outcome:
        kind = KINDS[base]
        value = (
            look.case.expected
            if check.value is None and kind.expected
            else self.render(check.value, variables_of(look.case))
        )
        if value is None and check.value is None and kind.expected:
            return undecided(f"{base}: there is neither a value nor an expected answer in the case")
        key = orjson.dumps([value, check.threshold, check.options], option=orjson.OPT_SORT_KEYS)
        takes, decide = await asyncio.to_thread(self.make, base, key)
        if decide is not None:
            outcome = await asyncio.to_thread(decide, look)
        elif kind.consult is None:
            raise TypeError(f"check '{base}' has nothing that decides")
        elif base == "python":
            async with self.python:
                outcome = await kind.consult(takes, look, self.means)
        else:
            outcome = await kind.consult(takes, look, self.means)
        return replace(outcome, version=outcome.version or kind.version)

    async def _group(self, check: Check, look: Look) -> tuple[Outcome, tuple[CheckResult, ...]]:
        group, members = group_of(check)
        found: list[Awaitable[tuple[CheckResult, ...]]] = [self.results(member, look) for member in members]
        each = await asyncio.gather(*found)
        firsts = [results[0] for results in each]
        named = [
            replace(result, weight=0.0)
            for member, results in zip(members, each, strict=True)
            for result in (results if member.metric else results[1:])
        ]
        return _together(firsts, group.threshold), tuple(named)


def _make(base: str, key: bytes) -> tuple[Takes, Decide | None]:
    """What a check takes, and the check where it is pure. Schemas, patterns and language models are read once, not for each case."""
    value, threshold, options = orjson.loads(key)
    kind = KINDS[base]
    takes = takes_of(Check(type=base, value=value, threshold=threshold, options=options), kind, base)
    return takes, None if kind.make is None else kind.make(takes)


def _together(results: Sequence[CheckResult], threshold: float | None) -> Outcome:
    """An assert-set's outcome: all must pass, or where it has a threshold the weighted score must reach that."""
    passed, score = passed_and_score(results)
    costs = [result.cost for result in results if result.cost is not None]
    cost = sum(costs) if costs else None
    said = "; ".join(f"{result.metric}: {result.reason}" for result in results if not result.passed) or "all passed"
    if threshold is None:
        return Outcome(passed=passed, score=score if passed is not None else 0.0, reason=said, version="1", cost=cost)
    total = sum(result.weight for result in results)
    least = (
        sum(result.weight * result.score for result in results if result.passed is not None) / total if total else 0.0
    )
    most = least + sum(result.weight for result in results if result.passed is None) / total if total else 1.0
    decision = True if least >= threshold else False if most < threshold else None
    if decision is None:
        return replace(undecided(said, cost), version="1")
    return Outcome(
        passed=decision,
        score=least,
        reason=f"score {least:.2f} (at least {threshold:g}): {said}",
        version="1",
        cost=cost,
    )


def _turned(outcome: Outcome) -> Outcome:
    return outcome if outcome.passed is None else replace(outcome, passed=not outcome.passed, score=1.0 - outcome.score)


def _result(check: Check, outcome: Outcome) -> CheckResult:
    kind: Any = check.type
    return CheckResult(
        metric=check.metric or str(kind),
        type=str(kind),
        passed=outcome.passed,
        score=outcome.score,
        reason=outcome.reason[:LONGEST_REASON],
        version=outcome.version,
        cost=outcome.cost,
        weight=check.weight,
    )
