"""Tells destinations what waits to be told, until they have taken it or three days have gone by.

What waits lies in the registry: this process may be killed at any moment, and another goes on. Refuses to know what an alert is about.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.alerts import Delivery
from registry.errors import RegistryError
from registry.writing.store import Store
from slugline.alerting.message import message_of
from slugline.alerting.sending import Destination, NotSent, open_destination
from slugline.alerting.settings import OTLP
from slugline.collector import read_collector
from slugline.folder import DataFolder
from slugline.settings import Settings, SettingsError, read_secret

log = logging.getLogger("slugline.alerts")

POLL_SECONDS = 1.0
FIRST_WAIT_SECONDS = 5.0
MOST_WAIT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """Everybody who can be told, by name; `base_url` is where people reach the pages."""

    by_name: Mapping[str, Destination]
    base_url: Callable[[], str]


def open_destinations(settings: Settings, environment: Mapping[str, str] = os.environ) -> Destinations:
    """The destinations of the settings, and the collector where telemetry's logs go to one. Raises SettingsError."""
    found = {
        name: open_destination(each, lambda reference: read_secret(reference, environment))
        for name, each in settings.alerts.items()
    }
    export = read_collector(settings, environment)
    if export is not None and "logs" in export.targets:
        from slugline.alerting.otlp import Collector

        found[OTLP] = Collector(export)
    folder = DataFolder(settings.data)

    def base_url() -> str:
        return settings.public_url or folder.served_at or f"http://{settings.host}:{settings.port}"

    return Destinations(by_name=found, base_url=base_url)


async def deliver_for_ever(store: Store, destinations: Destinations, stopping: Callable[[], bool]) -> None:
    """Looks every second for what is due, until `stopping`."""
    away = False
    while not stopping():
        try:
            await deliver_due(store, destinations)
            away = False
        except RegistryError as error:
            if not away:
                log.warning("alerts wait to be delivered: %s", error.message)
            away = True
        except Exception:
            log.exception("alerts could not be delivered this time")
        await asyncio.sleep(POLL_SECONDS)


async def deliver_due(store: Store, destinations: Destinations) -> int:
    """Tries everything that is due, side by side; gives how many were tried. Raises RegistryUnavailableError."""
    due = await asyncio.to_thread(store.claim_deliveries)
    await asyncio.gather(*(_try(store, destinations, each) for each in due))
    return len(due)


async def _try(store: Store, destinations: Destinations, delivery: Delivery) -> None:
    destination = destinations.by_name.get(delivery.destination)
    if destination is None:
        gone = f"the settings have no destination '{delivery.destination}' any more"
        await asyncio.to_thread(store.end_delivery, delivery, error=gone)
        return
    alert = await asyncio.to_thread(store.alert, delivery.alert_id)
    message = message_of(alert, delivery, base_url=destinations.base_url(), at=datetime.now(UTC))
    try:
        await destination.send(message)
    except (NotSent, SettingsError) as error:
        log.warning("alert %s: %s could not be told: %s", delivery.alert_id, delivery.destination, error)
        asked = error.wait if isinstance(error, NotSent) else None
        again = wait_before(delivery.attempts, asked, random.random())  # noqa: S311 - no secret
        await asyncio.to_thread(store.end_delivery, delivery, error=str(error), again_in=again)
    else:
        log.info("alert %s: %s was told", delivery.alert_id, delivery.destination)
        await asyncio.to_thread(store.end_delivery, delivery)


def wait_before(attempts: int, asked: float | None, jitter: float) -> float:
    """Seconds before the next try, after so many: doubled each time, or as the destination asked; `jitter` from 0 to 1 spreads it."""
    wait = min(FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 20), MOST_WAIT_SECONDS) * (0.75 + jitter / 2)
    return wait if asked is None else min(max(asked, 1.0), 2 * MOST_WAIT_SECONDS)
