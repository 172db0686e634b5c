"""Monitors and alerts as the keeper runs them: the hourly look and the deliveries, from their beginning to their end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from registry.writing.store import Store
from slugline.alerting.delivering import deliver_for_ever, open_destinations
from slugline.alerting.explaining import explainer
from slugline.alerting.monitoring import MonitorStatus, monitor_for_ever
from slugline.alerting.settings import OTLP, destinations_for
from slugline.clock import now
from slugline.locate import locate_clickhouse
from slugline.settings import Settings
from tracing.clickhouse import ClickHouse


@contextlib.asynccontextmanager
async def alerting(
    settings: Settings, environment: Mapping[str, str], store: Store, stopping: Callable[[], bool]
) -> AsyncIterator[MonitorStatus]:
    """Looks and tells beside what happens inside. Raises SettingsError.

    The connection is its own: a look takes long, and one that fails is nobody else's matter.
    """
    destinations = open_destinations(settings, environment)
    to = partial(destinations_for, destinations=settings.alerts, collector=OTLP in destinations.by_name)
    status = MonitorStatus()
    async with ClickHouse(locate_clickhouse(settings, environment)) as clickhouse:
        tasks = (
            asyncio.create_task(deliver_for_ever(store, destinations, stopping)),
            asyncio.create_task(
                monitor_for_ever(store, clickhouse, to, stopping, status, explainer(store, clickhouse, now))
            ),
        )
        try:
            yield status
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
