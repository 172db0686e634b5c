"""Evaluations of a registry behind a server: asks for them, waits until they are over, and gives reports as if they had run here.

Knows the routes of `/api/evaluations`. Refuses to know how it is shown, and what a gate makes of it (`gate_server`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import typer

from slugline.commands.eval_view import NOT_FINISHED, shown_progress

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from evaluation.runs.values import CaseResult
    from evaluation.verdict.facts import Facts
    from slugline.client import ServerClient

LOOK_SECONDS = 1.0
_ROUTE = "/api/evaluations"


@contextlib.contextmanager
def server_client(data: Path | None, config: Path | None, server: str | None) -> Iterator[ServerClient | None]:
    """The server that the options and SLUGLINE_URL name; None where the registry is here. Raises SettingsError."""
    from slugline.settings import SettingsError

    if server and data:
        raise SettingsError("--data and --server name two registries: leave one of them out")
    here = server is None and (data is not None or config is not None)
    url = "" if here else (server or os.environ.get("SLUGLINE_URL", "")).strip()
    if not url:
        yield None
        return
    from slugline.acting import local_user
    from slugline.client import ServerClient, key_text

    with contextlib.closing(ServerClient(url, key=key_text(os.environ), actor=local_user())) as client:
        yield client


def only_here(**given: object) -> None:
    """Raises SettingsError where an option was given that only an evaluation on this machine can have."""
    from slugline.settings import SettingsError

    if odd := [f"--{name.replace('_', '-')}" for name, value in given.items() if value]:
        raise SettingsError(
            f"a server takes no {', '.join(odd)}: it evaluates over datasets of its registry, runs what it began to the end, and runs "
            "nobody's Python. Leave it out, or name the registry here with --data"
        )


def ask(client: ServerClient, **asked: Any) -> tuple[list[str], list[str]]:
    """Asks for evaluations; gives their ids, and what each will ask and cost, in words. Raises RegistryError, ServerError."""
    told = client.send("POST", _ROUTE, {name: value for name, value in asked.items() if value not in (None, [])})
    return [str(each["evaluation_id"]) for each in told["evaluations"]], list(told["expected"])


def stop(client: ServerClient, evaluation_id: str) -> str:
    """Stops an evaluation; what was paid for is kept. Gives how far it was, in words."""
    over = client.send("POST", f"{_path(evaluation_id)}/cancel", {})
    return f"evaluation {evaluation_id} cancelled after {over['done']:,} of {over['total']:,}"


def awaited(client: ServerClient, evaluation_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """What the server says of evaluations once they are over, one after the other; how far each is is shown meanwhile.

    Ctrl-C ends the waiting, says how to go on with that, and leaves with the exit status for what has not come to its end.
    """
    over: list[Mapping[str, Any]] = []
    try:
        for evaluation_id in evaluation_ids:
            print(f"evaluation {evaluation_id}", file=sys.stderr, flush=True)
            over.append(_over(client, evaluation_id))
    except KeyboardInterrupt:
        left = evaluation_ids[len(over) :]
        print("the server goes on without you:", file=sys.stderr)
        for each in left:
            print(f"  slugline eval --resume {each} waits for it, --cancel {each} stops it", file=sys.stderr)
        raise typer.Exit(NOT_FINISHED) from None
    return over


def report_there(client: ServerClient, over: Mapping[str, Any]) -> tuple[Report, Plan, Mapping[str, Facts]]:
    """The report of an evaluation that is over, its plan, and once all of it is there the facts of each target."""
    import msgspec

    from evaluation.runs.plan import Plan
    from evaluation.runs.report import report_of
    from evaluation.runs.terms import Ended
    from evaluation.runs.values import CaseResult
    from slugline.remote_datasets import RemoteDatasets

    evaluation_id = str(over["evaluation_id"])
    told = client.get(f"{_path(evaluation_id)}/results")
    dataset = RemoteDatasets(client).read(told["dataset"])
    plan = Plan.with_cases(told["plan"], dataset.cases, dataset.checks)
    results = [msgspec.convert(each, CaseResult) for each in told["results"]]
    broken_off = Ended(
        state="cancelled",
        reason=over["error"],
        total=over["total"],
        done=over["done"],
        asked=0,
        spent_usd=over["cost"],
        unpriced=0,
    )
    report = report_of(evaluation_id, plan, results, None if over["state"] == "done" else broken_off)
    return report, plan, _facts(evaluation_id, plan, results) if over["state"] == "done" else {}


def _facts(evaluation_id: str, plan: Plan, results: Sequence[CaseResult]) -> Mapping[str, Facts]:
    from evaluation.verdict.targets import facts_by_target

    return facts_by_target(evaluation_id, plan, results)


def _over(client: ServerClient, evaluation_id: str) -> Mapping[str, Any]:
    from evaluation.runs.terms import Progress

    with shown_progress() as tell:
        while True:
            found: Mapping[str, Any] = client.get(_path(evaluation_id))
            tell(
                Progress(
                    total=found["total"],
                    done=found["done"],
                    failed=found["failed"],
                    errors=0,
                    spent_usd=found["cost"],
                    eta_seconds=None,
                )
            )
            if found["state"] in {"done", "failed", "cancelled"}:
                return found
            time.sleep(LOOK_SECONDS)


def _path(evaluation_id: str) -> str:
    return f"{_ROUTE}/{quote(evaluation_id, safe='')}"
