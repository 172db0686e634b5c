"""`slugline eval`: versions of a prompt over golden cases, and what came of it.

Exit status: 0 every attempt passed, 1 it could not be run, 3 some did not pass, 4 it stopped before its end and can be resumed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.eval_view import print_report, shown_progress
from slugline.commands.options import Config, Data, Json, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from evaluation.verdict.facts import Facts
    from slugline.commands.options import Registry
    from slugline.evaluation_run import Terms
    from slugline.settings import Settings

NOT_PASSED = 3
NOT_FINISHED = 4

References = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SLUG[@VERSION]...",
        help="The versions to try: support-agent@latest, support-agent@7 @8 (default: what is on stable).",
        show_default=False,
    ),
]

Cache = Annotated[
    bool, typer.Option("--cache", help="Take answers of earlier evaluations on this machine to the same requests.")
]
EmbeddingModel = Annotated[
    str | None, typer.Option("--embedding-model", help="The model for the check 'similar'.", show_default=False)
]
AllowPython = Annotated[bool, typer.Option("--allow-python", help="Let the checks 'python' of these cases run here.")]


def eval_(
    references: References = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME[@N]", help="The cases: a dataset of the registry.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The cases: a file.", show_default=False)] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="SLUG@…", help="A version to compare with, such as @stable.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Ask this model instead of the version's own; may be given again."),
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="How often each case is asked, to see the noise.")] = 1,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Calls at a time.")] = 8,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0, help="US dollars, judges included; it stops before more is spent."),
    ] = None,
    cache: Cache = False,
    resume: Annotated[str | None, typer.Option("--resume", metavar="ID", help="Go on with an evaluation.")] = None,
    recheck: Annotated[
        str | None,
        typer.Option("--recheck", metavar="ID", help="Check an evaluation's answers anew, and ask no model for one."),
    ] = None,
    embedding_model: EmbeddingModel = None,
    allow_python: AllowPython = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and cost, and ask nothing.")
    ] = False,
    json: Json = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the report as Markdown.", show_default=False)
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the report as JUnit XML.", show_default=False)
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Try versions of a prompt on golden cases: pass rates, costs, what failed and why, what differs.

    Exit status: 0 all passed, 1 it could not be run, 3 some did not pass, 4 it stopped before its end.
    """
    from evaluation.runs.terms import RunOptions
    from slugline.compose import new_id
    from slugline.evaluation_run import Terms, create, plan_again
    from slugline.settings import SettingsError

    settings = settings_for(data, config)
    registry = open_registry(settings)
    if resume:
        if references or dataset or file or against or model or recheck or repeat != 1:
            raise SettingsError("--resume goes on with what was begun: name no versions, cases or models beside it")
        evaluation_id, plan = resume, plan_again(settings, registry.store, resume)
    else:
        evaluation_id = new_id()
        plan = _plan(registry, references or [], dataset, file, against, model or [], repeat, embedding_model)
    terms = Terms(
        options=RunOptions(concurrency=concurrency, budget_usd=budget),
        cache=cache,
        recheck=recheck,
        allow_python=allow_python,
        folder=file.parent if file else Path.cwd(),
    )
    if dry_run:
        print(_in_words(plan, asyncio.run(_foreseen(settings, plan))))
        return
    if not resume:
        create(settings, registry.store, evaluation_id, plan, by=registry.by)
    report, facts = asyncio.run(carried(settings, registry, evaluation_id, plan, terms))
    written([(report, plan)], markdown, junit)
    if json:
        print_json({**report.to_json(), "facts": {label: found.to_json() for label, found in facts.items()}})
    else:
        print_report(report, facts)
    if not report.passed:
        raise typer.Exit(NOT_PASSED if report.complete else NOT_FINISHED)


def _plan(
    registry: Registry,
    references: list[str],
    dataset: str | None,
    file: Path | None,
    against: str | None,
    models: list[str],
    repeats: int,
    embedding_model: str | None,
) -> Plan:
    from slugline.evaluation_plan import cases_of_dataset, cases_of_file, plan_of
    from slugline.settings import SettingsError

    if not references:
        raise SettingsError("name the versions to try, such as support-agent@latest, or --resume ID")
    if (dataset is None) == (file is None):
        raise SettingsError("say where the cases come from: --dataset NAME, or --file FILE")
    cases = cases_of_file(str(file)) if file else cases_of_dataset(registry.store, registry.by, dataset or "")
    for note in cases.notes:
        print(note, file=sys.stderr)
    return plan_of(
        registry.store,
        registry.by,
        references,
        cases,
        against=against,
        models=models,
        repeats=repeats,
        embedding_model=embedding_model,
    )


async def _foreseen(settings: Settings, plan: Plan) -> str:
    from evaluation.runs.cost import estimate
    from slugline.evaluating import open_models

    async with open_models(settings, os.environ, "") as models:
        return estimate(plan.attempts(), {}, models.size, models.price).in_words


def _in_words(plan: Plan, expected: str) -> str:
    tried = ", ".join(target.label for target in plan.targets)
    repeats = f", {plan.repeats} times each" if plan.repeats > 1 else ""
    return f"{tried} on {plan.source} ({len(plan.cases):,} cases{repeats}): {expected}"


async def carried(
    settings: Settings, registry: Registry, evaluation_id: str, plan: Plan, terms: Terms
) -> tuple[Report, Mapping[str, Facts]]:
    """Runs it. The first Ctrl-C lets what is with a model come to its end, the second one doesn't."""
    from evaluation.runs.report import report_of
    from slugline.evaluation_run import carry_out

    stopping = False
    running = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        nonlocal stopping
        if stopping and running is not None:
            running.cancel()
        stopping = True
        print("stopping: what is with a model is waited for (once more ends it at once)", file=sys.stderr, flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    print(f"evaluation {evaluation_id}", file=sys.stderr, flush=True)
    with shown_progress() as tell:
        carried = await carry_out(
            settings,
            os.environ,
            registry.store,
            evaluation_id,
            plan,
            terms,
            expect=lambda expected: print(_in_words(plan, expected.in_words), file=sys.stderr, flush=True),
            tell=tell,
            stopping=lambda: stopping,
        )
    return report_of(evaluation_id, plan, carried.results, carried.ended), carried.facts


def written(
    evaluations: Sequence[tuple[Report, Plan]], markdown: Path | None, junit: Path | None, *, head: Sequence[str] = ()
) -> None:
    """Writes what people asked to have in files; `head` stands before the reports in Markdown. Raises SettingsError."""
    from evaluation.runs.junit import as_junit
    from evaluation.runs.markdown import as_markdown
    from slugline.settings import SettingsError

    for path, text in (
        (markdown, "\n".join((*head, *(as_markdown(report) for report, _ in evaluations)))),
        (junit, as_junit(evaluations)),
    ):
        if path is not None:
            try:
                path.write_text(text, "utf-8")
            except OSError as error:
                raise SettingsError(f"{path} can't be written: {error.strerror or error}") from error
