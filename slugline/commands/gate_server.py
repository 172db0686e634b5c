"""The gate of a registry behind a server: asks for its evaluations, waits for them, and gives what came of them as if they had run here.

Knows what an evaluation's answer says of a gate. Refuses to know routes (`evaluation_server`) and how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slugline.commands.evaluation_server import ask, awaited, report_there

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from slugline.client import ServerClient
    from slugline.gating import Passage


def gate_on_server(
    client: ServerClient, slug: str, candidate: str, channel: str, **terms: Any
) -> tuple[list[tuple[Report, Plan]], list[Passage]]:
    """Asks, waits until all of it is over, and gives the reports, and what the channel makes of each.

    Raises RegistryError, ServerError, and EvaluationError for one that broke off.
    """
    from evaluation.runs.errors import EvaluationError

    begun, _ = ask(client, prompt=slug, candidate=candidate, channel=channel, **terms)
    reports, passages = [], []
    for over in awaited(client, begun):
        if over["state"] != "done":
            raise EvaluationError(f"evaluation {over['evaluation_id']} {over['state']}: {over['error']}")
        report, plan, _ = report_there(client, over)
        reports.append((report, plan))
        passages.append(_passage(over))
    return reports, passages


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
