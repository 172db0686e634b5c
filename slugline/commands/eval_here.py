"""An evaluation that this process carries out, for `slugline eval` and `slugline gate`: plans it, runs it, and stops it on Ctrl-C.

Knows terminals and signals. Refuses to know what is asked of models (`slugline.evaluation_run`), and how a report is shown.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from slugline.commands.eval_view import shown_progress

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report
    from evaluation.verdict.facts import Facts
    from slugline.commands.eval_asked import Asked
    from slugline.commands.options import Registry
    from slugline.evaluation_run import Terms
    from slugline.settings import Settings


def planned(registry: Registry, asked: Asked) -> Plan:
    """The plan of what was asked for; says on standard error what of a file is not tried.

    Raises RegistryError, SettingsError and EvaluationError.
    """
    from slugline.evaluation_plan import cases_of_dataset, cases_of_file, plan_of

    wish = asked.whole()
    cases = (
        cases_of_file(str(wish.file))
        if wish.file
        else cases_of_dataset(registry.store, registry.by, wish.dataset or "")
    )
    for note in cases.notes:
        print(note, file=sys.stderr)
    return plan_of(
        registry.store,
        registry.by,
        wish.references,
        cases,
        against=wish.against,
        models=wish.models,
        repeats=wish.repeats,
        embedding_model=wish.embedding_model,
    )


async def undertaken(settings: Settings, plan: Plan) -> str:
    """What a plan will ask and cost, in a line; nothing is asked."""
    from evaluation.runs.cost import estimate
    from evaluation.runs.text import undertaking
    from slugline.evaluating import open_models

    async with open_models(settings, os.environ, "") as models:
        return undertaking(plan, estimate(plan.attempts(), {}, models.size, models.price))


async def carried(
    settings: Settings, registry: Registry, evaluation_id: str, plan: Plan, terms: Terms
) -> tuple[Report, Mapping[str, Facts]]:
    """Runs it. The first Ctrl-C lets what is with a model come to its end, the second one doesn't."""
    from evaluation.runs.report import report_of
    from evaluation.runs.text import undertaking
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
            expect=lambda expected: print(undertaking(plan, expected), file=sys.stderr, flush=True),
            tell=tell,
            stopping=lambda: stopping,
        )
    return report_of(evaluation_id, plan, carried.results, carried.ended), carried.facts
