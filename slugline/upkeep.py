"""What the keeper does for the schema beside loading: bring it up to date, apply the retention, mend rollups, count scores by hour.

None of it may stand in the way of loading: only a schema that a newer release made does.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from slugline.folder import DataFolder
from slugline.settings import Settings
from tracing import retention
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.migrate import migrate
from tracing.retention import Retention
from tracing.rollups.repair import is_distributed, repair
from tracing.rollups.scores import count_scores

COUNT_SECONDS = 5.0
SHARE = 20
"""Counting scores may take one part in so many of the time."""
_POLL_SECONDS = 0.1

log = logging.getLogger("slugline.upkeep")


async def prepare(clickhouse: ClickHouse, settings: Settings) -> None:
    """Makes the database ready to be loaded into. Call it before anything is loaded.

    Raises ClickHouseUnavailable, SchemaTooNew, and ClickHouseRefused where a migration fails.
    """
    cluster = settings.clickhouse.cluster
    if ran := await migrate(clickhouse, cluster=cluster):
        log.info("schema brought up to date: %s", ", ".join(ran))
    kept = Retention(bodies_days=settings.retention.bodies_days, rows_days=settings.retention.rows_days)
    try:
        for statement in await retention.apply(clickhouse, kept, cluster=cluster):
            log.info("retention: %s", statement)
        await mend(clickhouse)
    except ClickHouseRefused as error:
        log.error("calls are recorded, but rollups or retention are not as they should be: %s", error)


async def mend(clickhouse: ClickHouse) -> None:
    """Derives anew what of the rollups doesn't agree with the calls. Call it while nothing is loaded."""
    for difference in await repair(clickhouse, floor=await retention.floor(clickhouse)):
        action = "doesn't agree with the calls" if await is_distributed(clickhouse) else "was derived anew"
        log.info("%s of %d (%d days) %s", difference.table, difference.month, len(difference.days), action)


async def mend_when_asked(
    clickhouse: ClickHouse, folder: DataFolder, still: Callable[[], asyncio.Lock], stopping: Callable[[], bool]
) -> None:
    """Derives rollups anew whenever `folder.rollups_asked` is there, with `still` held, until `stopping()` holds."""
    while not stopping():
        asked, mending = folder.rollups_asked, folder.rollups_mending
        if asked.exists() or mending.exists():
            try:
                asked.touch()
                asked.replace(mending)  # who asks from here on, asks again
                async with still():
                    await mend(clickhouse)
                mending.unlink(missing_ok=True)
            except (ClickHouseUnavailable, ClickHouseRefused, OSError) as error:
                log.warning("rollups can't be derived anew now: %s", error)
                await asyncio.sleep(COUNT_SECONDS)
        await asyncio.sleep(_POLL_SECONDS)


async def count_for_ever(clickhouse: ClickHouse, stopping: Callable[[], bool]) -> None:
    """Counts scores by hour as they come, until `stopping()` holds."""
    while not stopping():
        began = time.monotonic()
        try:
            await count_scores(clickhouse)
        except ClickHouseUnavailable:
            pass  # the loader says so
        except ClickHouseRefused as error:
            log.warning("scores can't be counted by hour now: %s", error)
        pause = max(COUNT_SECONDS, SHARE * (time.monotonic() - began))
        while pause > 0 and not stopping():
            await asyncio.sleep(_POLL_SECONDS)
            pause -= _POLL_SECONDS
