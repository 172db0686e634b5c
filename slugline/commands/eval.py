"""`slugline eval`: versions of a prompt over golden cases, and what came of it.

Exit status: 0 every attempt passed, 1 it could not be run, 3 some did not pass, 4 it stopped before its end and can be resumed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.eval_files import written
from slugline.commands.eval_view import NOT_FINISHED, NOT_PASSED, print_report
from slugline.commands.options import Config, Data, Json, Server, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from evaluation.verdict.facts import Facts
    from slugline.client import ServerClient
    from slugline.commands.eval_asked import Asked
    from slugline.evaluation_run import Terms
    from slugline.settings import Settings

    Found = tuple[Report, Plan, Mapping[str, Facts]]

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
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=256, help="Calls at a time, where it runs here.")
    ] = 8,
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
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="Stop an evaluation that a server runs.")
    ] = None,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Try versions of a prompt on golden cases: pass rates, costs, what failed and why, what differs.

    Exit status: 0 all passed, 1 it could not be run, 3 some did not pass, 4 it stopped before its end.
    """
    from slugline.commands.eval_asked import Asked
    from slugline.commands.evaluation_server import only_here, server_client

    asked = Asked(
        references=tuple(references or ()),
        dataset=dataset,
        file=file,
        against=against,
        models=tuple(model or ()),
        repeats=repeat,
        embedding_model=embedding_model,
    )
    _one_wish(asked, resume=resume, recheck=recheck, cancel=cancel)
    with server_client(data, config, server) as client:
        if client is not None:
            only_here(file=file, cache=cache, recheck=recheck, allow_python=allow_python)
            found = _there(client, asked, budget, resume=resume, cancel=cancel, dry_run=dry_run)
        else:
            from evaluation.runs.terms import RunOptions
            from slugline.evaluation_run import Terms

            terms = Terms(
                options=RunOptions(concurrency=concurrency, budget_usd=budget),
                cache=cache,
                recheck=recheck,
                allow_python=allow_python,
                folder=file.parent if file else Path.cwd(),
            )
            found = _here(settings_for(data, config), asked, terms, resume=resume, cancel=cancel, dry_run=dry_run)
    if found is None:
        return
    report, plan, facts = found
    written([(report, plan)], markdown, junit)
    if json:
        print_json({**report.to_json(), "facts": {label: each.to_json() for label, each in facts.items()}})
    else:
        print_report(report, facts, resumable=client is None)
    if not report.passed:
        raise typer.Exit(NOT_PASSED if report.complete else NOT_FINISHED)


def _one_wish(asked: Asked, *, resume: str | None, recheck: str | None, cancel: str | None) -> None:
    """Raises SettingsError where options ask for several things at once."""
    from slugline.settings import SettingsError

    if resume and (recheck or not asked.empty):
        raise SettingsError("--resume goes on with what was begun: name no versions, cases or models beside it")
    if cancel and (resume or recheck or not asked.empty):
        raise SettingsError("--cancel stops what was begun: name nothing else beside it")


def _here(
    settings: Settings, asked: Asked, terms: Terms, *, resume: str | None, cancel: str | None, dry_run: bool
) -> Found | None:
    """The evaluation on the registry here, run by this process; None where nothing was to be run."""
    from slugline.clock import new_id
    from slugline.commands.eval_here import carried, planned, undertaken
    from slugline.evaluation_run import create, plan_again
    from slugline.settings import SettingsError

    if cancel:
        raise SettingsError(
            "--cancel is for evaluations that a server runs (--server, SLUGLINE_URL): Ctrl-C ends one here"
        )
    with contextlib.closing(open_registry(settings)) as registry:
        plan = plan_again(settings, registry.store, resume) if resume else planned(registry, asked)
        if dry_run:
            print(asyncio.run(undertaken(settings, plan)))
            return None
        evaluation_id = resume or new_id()
        if not resume:
            create(settings, registry.store, evaluation_id, plan, by=registry.by)
        report, facts = asyncio.run(carried(settings, registry, evaluation_id, plan, terms))
    return report, plan, facts


def _there(
    client: ServerClient,
    asked: Asked,
    budget: float | None,
    *,
    resume: str | None,
    cancel: str | None,
    dry_run: bool,
) -> Found | None:
    """The evaluation on a server's registry, run by its keeper; None where nothing was to be waited for."""
    from slugline.commands.evaluation_server import ask, awaited, report_there, stop

    if cancel:
        print(stop(client, cancel))
        return None
    begun = [resume or ""]
    if not resume:
        begun, expected = ask(client, **asked.whole().body(), budget_usd=budget, dry_run=dry_run)
        print(*expected, sep="\n", file=sys.stdout if dry_run else sys.stderr, flush=True)
        if dry_run:
            return None
    [over] = awaited(client, begun)
    return report_there(client, over)
