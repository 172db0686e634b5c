"""`slugline gate`: evaluates a candidate as a channel asks for, puts the verdict on record, and says whether it may pass.

Exit status: 0 it may, 1 it could not be evaluated, 3 it failed, 4 it stopped before its end and can be resumed, 5 too few cases to tell.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.eval import NOT_FINISHED, carried, written
from slugline.commands.eval_view import print_report
from slugline.commands.options import Channel, Config, Data, Json, Slug, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from slugline.gating import Gate, Passage

FAILED = 3
CANT_TELL = 5
_MARKS = {"pass": "✅", "fail": "❌", "not_enough_cases": "⚖️"}


def gate(
    slug: Slug,
    candidate: Annotated[
        str, typer.Option("--candidate", help="The version that is to get onto the channel: latest, a number.")
    ] = "latest",
    channel: Channel = "stable",
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="NAME[@N]", help="This dataset alone (default: all that the channel asks for)."
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Calls at a time.")] = 8,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="US dollars for each dataset, judges included.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Take answers of earlier evaluations on this machine to the same requests.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Go on with an evaluation that this gate began.")
    ] = None,
    embedding_model: Annotated[
        str | None, typer.Option("--embedding-model", help="The model for the check 'similar'.", show_default=False)
    ] = None,
    allow_python: Annotated[
        bool, typer.Option("--allow-python", help="Let the checks 'python' of these cases run here.")
    ] = False,
    json: Json = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the outcome as Markdown.", show_default=False)
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the outcome as JUnit XML.", show_default=False)
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Evaluate a version as a channel asks for, and say whether it may get onto it. For CI: the exit status tells.

    Exit status: 0 it may, 1 it could not be evaluated, 3 it failed, 4 it stopped before its end, 5 too few cases to tell.
    """
    from evaluation.runs.terms import RunOptions
    from slugline.compose import new_id
    from slugline.evaluation_run import Terms, create, plan_again
    from slugline.gating import gates_for, pass_judgement, plan_of_gate

    settings = settings_for(data, config)
    registry = open_registry(settings)
    gates = gates_for(registry.store, registry.by, slug, candidate, channel, dataset=dataset)
    plans = {
        gate.dataset: plan_of_gate(registry.store, registry.by, gate, embedding_model=embedding_model) for gate in gates
    }
    terms = Terms(
        options=RunOptions(concurrency=concurrency, budget_usd=budget),
        cache=cache,
        allow_python=allow_python,
        folder=Path.cwd(),
    )
    begun = plan_again(settings, registry.store, resume) if resume else None
    if begun is not None:
        _same(resume or "", begun, gates, plans)
    reports: list[tuple[Report, Plan]] = []
    passages: list[Passage] = []
    for each in gates:
        plan = plans[each.dataset]
        evaluation_id = resume if begun is not None and begun == plan and resume else new_id()
        if evaluation_id != resume:
            create(settings, registry.store, evaluation_id, plan, by=registry.by)
        report, facts = asyncio.run(carried(settings, registry, evaluation_id, plan, terms))
        reports.append((report, plan))
        if report.complete:
            passages.append(pass_judgement(registry.store, registry.by, each, facts))
        if not json:
            print_report(report, facts)
    written([(report, plan) for report, plan in reports], markdown, junit, head=[_markdown(one) for one in passages])
    if json:
        print_json({"gates": [_out(one) for one in passages], "evaluations": [one.to_json() for one, _ in reports]})
    else:
        for one in passages:
            print(f"\n{one.sentence}", *(f"  {reason}" for reason in one.reasons), sep="\n")
    _leave([one.outcome for one in passages], complete=len(passages) == len(gates))


def _same(resume: str, begun: Plan, gates: list[Gate], plans: dict[str, Plan]) -> None:
    """An evaluation is evidence for what it tried, so only the one that this gate asks for can be gone on with."""
    from slugline.settings import SettingsError

    if begun not in plans.values():
        asked = ", ".join(f"{gate.candidate.reference} on {gate.dataset}" for gate in gates)
        raise SettingsError(
            f"evaluation {resume} tries something else than this gate asks for now ({asked}): leave --resume out"
        )


def _leave(outcomes: list[str], *, complete: bool) -> None:
    if "fail" in outcomes:
        raise typer.Exit(FAILED)
    if not complete:
        raise typer.Exit(NOT_FINISHED)
    if "not_enough_cases" in outcomes:
        raise typer.Exit(CANT_TELL)


def _markdown(passage: Passage) -> str:
    from evaluation.runs.markdown import plain

    lines = [f"## {_MARKS[passage.outcome]} {plain(passage.sentence)}", "", *(f"- {plain(r)}" for r in passage.reasons)]
    return "\n".join(lines) + "\n"


def _out(passage: Passage) -> dict[str, Any]:
    return {
        "prompt": passage.gate.candidate.slug,
        "candidate": passage.gate.candidate.number,
        "channel": passage.gate.channel,
        "live": passage.gate.live,
        "dataset": passage.gate.dataset,
        "outcome": passage.outcome,
        "reasons": list(passage.reasons),
        "needed": passage.needed,
        "verdict_id": passage.verdict_id,
    }
