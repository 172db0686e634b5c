"""What has to be done in the registry from time to time, whoever calls meanwhile: moves that are due. Runs in the keeper.

Several keepers on one registry do no harm: each move happens once.
"""

import asyncio
import logging
from collections.abc import Callable

from registry.errors import RegistryUnavailableError
from registry.writing.store import Store

log = logging.getLogger("slugline.keeper")

LOOK_SECONDS = 1.0


async def run_chores(store: Store, stopping: Callable[[], bool]) -> None:
    """Looks every second, until it is `stopping`. What can't be done now, because the database is away, is done once it is back."""
    away = False
    while not stopping():
        try:
            for done in await asyncio.to_thread(store.run_due):
                where = f"{done.slug} version {done.version} on channel {done.channel}"
                if done.state == "done":
                    log.info("a scheduled move was made: %s", where)
                else:
                    log.warning("a scheduled move was refused: %s: %s", where, done.outcome)
            away = False
        except RegistryUnavailableError as error:
            if not away:
                log.warning("scheduled moves wait: %s", error)
            away = True
        except Exception:
            log.exception("scheduled moves could not be looked at")
        await asyncio.sleep(LOOK_SECONDS)
