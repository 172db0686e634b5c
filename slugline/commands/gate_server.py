"""The gate of a registry behind a server: asks for its evaluations, waits for them, and gives what came of them as if they had run here.

Knows the routes of `/api/evaluations`. Refuses to know how it is shown.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from slugline.commands.eval_view import shown_progress

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from slugline.client import ServerClient
    from slugline.gating import Passage

LOOK_SECONDS = 1.0


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


def gate_on_server(
    client: ServerClient, slug: str, candidate: str, channel: str, **terms: Any
) -> tuple[list[tuple[Report, Plan]], list[Passage]]:
    """Asks, waits until all of it is over, and gives the reports, and the passages of those that came to their end.

    Raises RegistryError, ServerError, and EvaluationError for one that broke off.
    """
    asked = {"prompt": slug, "candidate": candidate, "channel": channel, **terms}
    begun = client.send("POST", "/api/evaluations", {name: value for name, value in asked.items() if value is not None})
    reports, passages = [], []
    for each in begun["evaluations"]:
        over = _awaited(client, each["evaluation_id"])
        reports.append(_report(client, over))
        passages.append(_passage(over))
    return reports, passages


def _awaited(client: ServerClient, evaluation_id: str) -> Mapping[str, Any]:
    from evaluation.runs.errors import EvaluationError
    from evaluation.runs.terms import Progress

    path = f"/api/evaluations/{quote(evaluation_id, safe='')}"
    with shown_progress() as tell:
        while True:
            found: Mapping[str, Any] = client.get(path)
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
            if found["state"] in {"failed", "cancelled"}:
                raise EvaluationError(f"evaluation {evaluation_id} {found['state']}: {found['error']}")
            if found["state"] == "done":
                return found
            time.sleep(LOOK_SECONDS)


def _report(client: ServerClient, over: Mapping[str, Any]) -> tuple[Report, Plan]:
    import msgspec

    from evaluation.runs.plan import Plan
    from evaluation.runs.report import report_of
    from evaluation.runs.values import CaseResult
    from slugline.remote_datasets import RemoteDatasets

    evaluation_id = str(over["evaluation_id"])
    told = client.get(f"/api/evaluations/{quote(evaluation_id, safe='')}/results")
    dataset = RemoteDatasets(client).read(told["dataset"])
    plan = Plan.with_cases(told["plan"], dataset.cases, dataset.checks)
    results = [msgspec.convert(each, CaseResult) for each in told["results"]]
    return report_of(evaluation_id, plan, results), plan


def _passage(over: Mapping[str, Any]) -> Passage:
    from slugline.gating import Passage

    return Passage(
        slug=over["prompt"],
        candidate=over["candidate"],
        channel=over["channel"],
        dataset=over["dataset"],
        outcome=over["outcome"],
        reasons=tuple(over["reasons"]),
        needed=over["needed"],
    )
