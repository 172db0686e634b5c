"""All that the keeper does about evaluations: it runs those that a server was asked for, begins the nights of probes, and removes old
answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from registry.errors import RegistryUnavailableError
from registry.writing.store import Store
from slugline.evaluation_pruning import prune
from slugline.evaluation_queue import EvaluationRunner, run_queued
from slugline.folder import DataFolder
from slugline.probing import begin_due
from slugline.settings import Settings

log = logging.getLogger("slugline.evaluation")

PRUNE_SECONDS = 3600.0
PROBE_SECONDS = 5.0
LOOK_SECONDS = 1.0


async def run_evaluations(
    settings: Settings, environment: Mapping[str, str], store: Store, stopping: Callable[[], bool]
) -> None:
    """Works until `stopping`, and ends then as `run_queued` does. Nothing of it raises."""
    chores = asyncio.create_task(_chores(settings, store, stopping))
    try:
        await run_queued(EvaluationRunner(settings, environment, store), stopping)
    finally:
        chores.cancel()
        await asyncio.gather(chores, return_exceptions=True)


async def _chores(settings: Settings, store: Store, stopping: Callable[[], bool]) -> None:
    """Does what is due; what can't be done now is done at the next look."""
    data = DataFolder(settings.data)
    pruned_at = looked_at = -PRUNE_SECONDS
    while not stopping():
        try:
            if time.monotonic() - looked_at >= PROBE_SECONDS:
                looked_at = time.monotonic()
                for begun in await asyncio.to_thread(begin_due, store, datetime.now(UTC)):
                    log.info("a probe of %s begins, as evaluation %s", begun.slug, begun.evaluation_id)
            if time.monotonic() - pruned_at >= PRUNE_SECONDS:
                pruned_at = time.monotonic()
                days = settings.retention.evaluations_days
                gone = await asyncio.to_thread(prune, data, store, days=days, now=datetime.now(UTC))
                if gone:
                    log.info("answers of %d evaluations that ended more than %d days ago were removed", len(gone), days)
        except RegistryUnavailableError as error:
            log.warning("chores of evaluations wait: %s", error)
        except Exception:
            log.exception("chores of evaluations could not be done")
        await asyncio.sleep(LOOK_SECONDS)
