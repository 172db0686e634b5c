"""`slugline gate`: evaluates a candidate as a channel asks for, puts the verdict on record, and says whether it may pass.

Exit status: 0 it may, 1 it could not be evaluated, 3 it failed, 4 it stopped before its end and can be resumed, 5 too few cases to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.eval import AllowPython, Cache, EmbeddingModel
from slugline.commands.eval_files import written
from slugline.commands.eval_here import carried
from slugline.commands.eval_view import NOT_FINISHED, print_report
from slugline.commands.options import Channel, Config, Data, Json, Server, Slug, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from slugline.commands.options import Registry
    from slugline.evaluation_run import Terms
    from slugline.gating import Gate, Passage
    from slugline.settings import Settings

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
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=256, help="Calls at a time, where it runs here.")
    ] = 8,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="US dollars for each dataset, judges included.")
    ] = None,
    cache: Cache = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Go on with an evaluation that this gate began.")
    ] = None,
    embedding_model: EmbeddingModel = None,
    allow_python: AllowPython = False,
    json: Json = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the outcome as Markdown.", show_default=False)
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the outcome as JUnit XML.", show_default=False)
    ] = None,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Evaluate a version as a channel asks for, and say whether it may get onto it. For CI: the exit status tells.

    Exit status: 0 it may, 1 it could not be evaluated, 3 it failed, 4 it stopped before its end, 5 too few cases to tell.
    """
    from slugline.commands.evaluation_server import only_here, server_client

    with server_client(data, config, server) as client:
        if client is not None:
            from slugline.commands.gate_server import gate_on_server

            only_here(resume=resume, cache=cache, allow_python=allow_python)
            done = gate_on_server(
                client, slug, candidate, channel, dataset=dataset, budget_usd=budget, embedding_model=embedding_model
            )
        else:
            from evaluation.runs.terms import RunOptions
            from slugline.evaluation_run import Terms

            terms = Terms(
                options=RunOptions(concurrency=concurrency, budget_usd=budget),
                cache=cache,
                allow_python=allow_python,
                folder=Path.cwd(),
            )
            settings = settings_for(data, config)
            with contextlib.closing(open_registry(settings)) as registry:
                done = _here(settings, registry, slug, candidate, channel, dataset, terms, resume, embedding_model)
    reports, passages = done
    written(reports, markdown, junit, head=[_markdown(one) for one in passages])
    if json:
        told = [one.to_json() for one, _ in reports]
        print_json(
            {"gates": [{**asdict(one), "passed": one.outcome == "pass"} for one in passages], "evaluations": told}
        )
    else:
        for report, _ in reports:
            print_report(report, {})
        for one in passages:
            print(f"\n{one.sentence}", *(f"  {reason}" for reason in one.reasons), sep="\n")
    _leave([one.outcome for one in passages], complete=len(passages) == len(reports))


def _here(
    settings: Settings,
    registry: Registry,
    slug: str,
    candidate: str,
    channel: str,
    dataset: str | None,
    terms: Terms,
    resume: str | None,
    embedding_model: str | None,
) -> tuple[list[tuple[Report, Plan]], list[Passage]]:
    """The gate on the registry here, run by this process."""
    from slugline.clock import new_id
    from slugline.evaluation_run import create, plan_again
    from slugline.gating import gates_for, pass_judgement, plan_of_gate

    store, by = registry.store, registry.by
    gates = gates_for(store, by, slug, candidate, channel, dataset=dataset)
    plans = {gate.dataset: plan_of_gate(store, by, gate, embedding_model=embedding_model) for gate in gates}
    begun = plan_again(settings, store, resume) if resume else None
    if begun is not None:
        _same(resume or "", begun, gates, plans)
    reports: list[tuple[Report, Plan]] = []
    passages: list[Passage] = []
    for gate in gates:
        plan = plans[gate.dataset]
        evaluation_id = resume if resume and begun == plan else new_id()
        if evaluation_id != resume:
            create(settings, store, evaluation_id, plan, by=by)
        report, facts = asyncio.run(carried(settings, registry, evaluation_id, plan, terms))
        reports.append((report, plan))
        if report.complete:
            [found] = facts.values()
            passages.append(pass_judgement(store, by, gate, found))
    return reports, passages


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
