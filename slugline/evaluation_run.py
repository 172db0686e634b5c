"""Carries out one evaluation in this process: puts together what asks, what checks, and where results are kept.

For the command line and for the keeper. Refuses to know terminals, and why the evaluation is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaluation.checks.running import passed_and_score, run_checks
from evaluation.runs.cost import Estimate, Price, Size, estimate
from evaluation.runs.errors import EvaluationError, EvaluationNotFoundError
from evaluation.runs.journal import Journal, answers_kept
from evaluation.runs.local import read_plan, write_plan
from evaluation.runs.plan import Plan
from evaluation.runs.run import Work, run
from evaluation.runs.terms import Ended, Progress, RunOptions
from evaluation.runs.values import CaseResult, Output
from evaluation.verdict.facts import Facts
from evaluation.verdict.targets import facts_by_target
from registry.keys import CallerKey
from registry.roles import Principal
from registry.writing.store import Store
from slugline.evaluating import open_models
from slugline.evaluation_records import folder_of, held
from slugline.folder import DataFolder
from slugline.settings import Settings

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How an evaluation is carried out. `recheck` names one whose answers are checked anew: no model is asked for an answer then.

    `allow_python` lets checks run people's own Python, from files below `folder`. `payer` is the caller key whose budget it goes on,
    `purpose` what its calls are on record for.
    """

    options: RunOptions = field(default_factory=RunOptions)
    cache: bool = False
    recheck: str | None = None
    allow_python: bool = False
    folder: Path = field(default_factory=Path)
    payer: CallerKey | None = None
    purpose: str = "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """An evaluation after a run: how that ended, all results there are, and once there are all of them, what they say of each target that
    is not the baseline."""

    ended: Ended
    results: Sequence[CaseResult]
    facts: Mapping[str, Facts]


def create(settings: Settings, store: Store, evaluation_id: str, plan: Plan, *, by: Principal) -> None:
    """Puts an evaluation on record: here, and in the registry where its cases come from there. Nothing is asked yet."""
    data = DataFolder(settings.data)
    write_plan(folder_of(data, evaluation_id), plan)
    if plan.number:
        dataset = f"{plan.dataset}@{plan.number}"
        told = plan.without_cases()
        store.create_evaluation(plan.slug, dataset, plan=told, total=plan.size, by=by, evaluation_id=evaluation_id)


def plan_again(settings: Settings, store: Store, evaluation_id: str) -> Plan:
    """The plan of an evaluation that was begun, here or on another host. Raises EvaluationError, RegistryError."""
    if not _ID.fullmatch(evaluation_id):
        raise EvaluationNotFoundError(
            f"{evaluation_id[:80]!r} is no evaluation's id: one is what `slugline eval` prints in the end, such as "
            "0199c7a2-7b3e-7c55-9d0e-3f1a2b4c5d6e"
        )
    with contextlib.suppress(EvaluationNotFoundError):
        return read_plan(folder_of(DataFolder(settings.data), evaluation_id))
    found = store.evaluation(evaluation_id)
    dataset = store.read_dataset(found.dataset_reference)
    return Plan.with_cases(found.plan, dataset.cases, dataset.checks)


async def carry_out(
    settings: Settings,
    environment: Mapping[str, str],
    store: Store,
    evaluation_id: str,
    plan: Plan,
    terms: Terms,
    *,
    expect: Callable[[Estimate], None] = lambda _: None,
    tell: Callable[[Progress], None] = lambda _: None,
    conclude: Callable[[Mapping[str, Facts]], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Carried:
    """Runs an evaluation as far as it goes. `expect` is told what it will cost, as far as can be said, before anything is asked;
    `conclude` what it shows, before it is over.

    Raises EvaluationError, RegistryError, SettingsError, OSError.
    """
    data = DataFolder(settings.data)
    async with held(data, store, evaluation_id, plan) as (journal, kept):
        cache = await asyncio.to_thread(_cache, data, plan, journal, terms)
        async with open_models(
            settings,
            environment,
            evaluation_id,
            embedding_model=plan.embedding_model,
            payer=terms.payer,
            purpose=terms.purpose,
        ) as models:
            there = await asyncio.to_thread(kept.results.read)
            expect(_expected(plan, journal, there, cache, models.size, models.price))
            checks = run_checks(
                plan.checks,
                ask=models.ask,
                embed=models.embed,
                allow_python=terms.allow_python,
                folder=terms.folder,
                prompt=plan.slug,
            )
            work = Work(
                plan=plan,
                complete=models.complete,
                run_checks=checks,
                decide=passed_and_score,
                results=kept.results,
                journal=journal,
                options=terms.options,
                cache=cache,
            )
            ended = await run(work, tell=tell, stopping=lambda: stopping() or kept.lost or bool(models.refusal()))
            if ended.state == "cancelled" and (refusal := models.refusal()):
                ended = replace(ended, state="over_budget", reason=refusal)
        results = await asyncio.to_thread(kept.results.read)
        facts = facts_by_target(evaluation_id, plan, results) if ended.state == "done" else {}
        only = next(iter(facts.values())).to_json() if len(facts) == 1 else None
        if facts and not kept.lost:
            await asyncio.to_thread(conclude, facts)
        await asyncio.to_thread(kept.end, ended, only)
    return Carried(ended=ended, results=results, facts=facts)


def _cache(data: DataFolder, plan: Plan, journal: Journal, terms: Terms) -> Mapping[str, Output]:
    """The answers of other evaluations that this one may take. Raises EvaluationError where it may take nothing else, and some are
    missing."""
    if not terms.cache and terms.recheck is None:
        return {}
    attempts = [attempt for attempt in plan.attempts() if attempt.key not in journal.outputs]
    wanted = {plan.request_key(attempt) for attempt in attempts}
    if terms.recheck is None:
        others = sorted(
            folder for folder in data.evaluations.iterdir() if folder != journal.folder
        )  # ids are in the order of time
        return answers_kept(others, wanted)
    if not (folder := folder_of(data, terms.recheck)).exists():
        raise EvaluationError(f"evaluation {terms.recheck} did not run on this machine: its answers are not here")
    found = answers_kept([folder], wanted, errors=True)
    if missing := len(wanted - found.keys()):
        raise EvaluationError(
            f"evaluation {terms.recheck} has no answer for {missing:,} of {len(wanted):,} attempts: other inputs, versions or models were "
            "asked there. With --cache instead of --recheck they are asked now"
        )
    return found


def _expected(
    plan: Plan, journal: Journal, there: Sequence[CaseResult], cache: Mapping[str, Output], size: Size, price: Price
) -> Estimate:
    """What is still to be asked, and what that will cost."""
    known = {result.key for result in there} | journal.outputs.keys()
    asked = [one for one in plan.left(known) if plan.request_key(one) not in cache]
    seen: defaultdict[str, list[Output]] = defaultdict(list)
    for key, output in journal.outputs.items():
        seen[key[0]].append(output)
    return estimate(asked, seen, size, price)
