"""The hourly look of the keeper at everything that is watched, and what follows from it.

What is decided is written to the registry in one transaction each, with the deliveries: so a keeper that is killed, or a second one, tells
nothing twice and forgets nothing. Refuses to know how a change is told from chance (`evaluation.monitors`) and how people are told
(`delivering`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from registry.alerts import Alert, AlertLine
from registry.errors import RegistryError
from registry.writing.store import Store
from slugline.alerting.nights import tell_of_nights
from slugline.alerting.settings import To
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable

if TYPE_CHECKING:
    from evaluation.monitors.grouping import Group, Moved
    from evaluation.monitors.looking import Looked

log = logging.getLogger("slugline.monitors")

FIRST_SECONDS = 30.0
LOOK_SECONDS = 30.0
AFTER_THE_HOUR = timedelta(minutes=3)
"""So that what came at the end of an hour is loaded and counted."""

_MOVES = frozenset({"promote", "rollback", "rollout"})
_MOST_EVENTS = 200

MOST_EXPLAINED = 5
EXPLAIN_SECONDS = 60.0

Explain = Callable[[AlertLine], Awaitable[Mapping[str, Any]]]
"""Says more of what caused a change than its time does: a cause as alerts have it, empty where nothing is known."""


async def unexplained(_: AlertLine) -> Mapping[str, Any]:
    """Knows nothing more."""
    return {}


@dataclass(slots=True)
class MonitorStatus:
    """What the last look came to, for the keeper's status."""

    told: dict[str, Any] = field(default_factory=dict)

    def note(self, looked: Looked, took: float) -> None:
        """After a look."""
        self.told = {
            "looked_at": looked.at.isoformat(timespec="seconds"),
            "watched": looked.watched,
            "learning": len(looked.waiting),
            "took_seconds": round(took, 2),
        }


async def monitor_for_ever(
    store: Store,
    clickhouse: ClickHouse,
    to: To,
    stopping: Callable[[], bool],
    status: MonitorStatus,
    explain: Explain = unexplained,
) -> None:
    """Looks once an hour, and soon after the start, until `stopping`. What can't be looked at now is looked at as soon as it can."""
    looked_at: datetime | None = None
    pause = FIRST_SECONDS
    while True:
        until = asyncio.get_running_loop().time() + pause
        while asyncio.get_running_loop().time() < until:
            if stopping():
                return
            await asyncio.sleep(0.2)
        pause = LOOK_SECONDS
        now = datetime.now(UTC)
        hour = (now - AFTER_THE_HOUR).replace(minute=0, second=0, microsecond=0)
        if looked_at == hour:
            continue
        try:
            began = time.monotonic()
            looked = await look_at_monitors(store, clickhouse, to, now, explain)
            status.note(looked, time.monotonic() - began)
            looked_at = hour
        except (ClickHouseUnavailable, ClickHouseRefused, RegistryError) as error:
            log.warning("monitors could not be looked at this time: %s", error)
        except Exception:
            log.exception("monitors could not be looked at this time")
            looked_at = hour  # a fault of ours is there the next minute, too


async def look_at_monitors(
    store: Store, clickhouse: ClickHouse, to: To, now: datetime, explain: Explain = unexplained
) -> Looked:
    """Looks at everything, raises alerts for what has changed, and closes those of what is back. Raises what ClickHouse and the registry
    raise."""
    from evaluation.monitors.calendar import READ_HOURS
    from evaluation.monitors.grouping import group
    from evaluation.monitors.looking import look_at_everything

    monitors = await asyncio.to_thread(store.monitors)
    alerts = await asyncio.to_thread(store.alerts_since, now - timedelta(hours=READ_HOURS))
    archived = {each.slug for each in await asyncio.to_thread(store.prompts) if each.archived_at is not None}
    looked = await look_at_everything(clickhouse, monitors=monitors, alerts=alerts, left_out=archived, now=now)
    back: dict[str, list[tuple[str, str]]] = {}
    for alert_id, series in looked.back:
        back.setdefault(alert_id, []).append(series)
    for alert_id, some in back.items():
        alert = await asyncio.to_thread(store.recover, alert_id, some)
        log.info("back to what is usual: %s", alert.title)
    if looked.found:
        moves = await asyncio.to_thread(_moves, store, {each.line.slug for each in looked.found})
        told = group(looked.found, moves, alerts)
        for place, each in enumerate(told):
            cause = await _cause(each, explain) if each.extends is None and place < MOST_EXPLAINED else each.cause
            await asyncio.to_thread(_tell, store, replace(each, cause=dict(cause)), to)
    for alert in await asyncio.to_thread(tell_of_nights, store, to, now):
        log.warning("alert %s: %s", alert.alert_id, alert.title)
    await asyncio.to_thread(_unmute, store, alerts, to)
    return looked


async def _cause(group: Group, explain: Explain) -> Mapping[str, Any]:
    """An alert is not kept back by what only explains it."""
    try:
        async with asyncio.timeout(EXPLAIN_SECONDS):
            first = next((line for line in group.lines if line.metric != "served_models"), group.lines[0])
            return {**group.cause, **await explain(first)}
    except Exception:
        log.exception("the cause of a change could not be looked into: %s", group.name)
        return group.cause


def _tell(store: Store, group: Group, to: To) -> None:
    if group.extends is not None:
        store.extend_alert(group.extends, group.lines)
        return
    prompts = sorted({line.slug for line in group.lines})
    alert = store.raise_alert(
        group.lines, about=group.about, name=group.name, cause=group.cause, destinations=to(prompts)
    )
    if alert is not None:
        log.warning("alert %s: %s", alert.alert_id, alert.title)


def _unmute(store: Store, alerts: Sequence[Alert], to: To) -> None:
    muted = [alert for alert in alerts if alert.muted_until is not None and alert.state == "open"]
    if muted:
        store.unmute({alert.alert_id: to(alert.prompts) for alert in muted})


def _moves(store: Store, slugs: set[str]) -> list[Moved]:
    from evaluation.monitors.grouping import Moved

    known = {prompt.slug for prompt in store.prompts()}
    return [
        Moved(
            slug=slug,
            channel=entry.channel or "",
            action=entry.action,
            version=entry.to_version or 0,
            at=entry.at,
            by=entry.actor,
        )
        for slug in sorted(slugs & known)
        for entry in store.history(slug, limit=_MOST_EVENTS)
        if entry.action in _MOVES and entry.channel
    ]
