"""Monitors and alerts in the registry's own database, for the command line, each read for whoever has a role for it, as `/api` does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from registry.alerts import Alert
from registry.monitors import Monitor, listed
from registry.roles import Principal, permit
from registry.rules import ANY
from registry.writing.store import Store


class LocalAlerts:
    """Monitors and alerts, as `by` works on them. Methods: see `slugline.access_alerts`."""

    def __init__(self, store: Store, by: Principal) -> None:
        self._store = store
        self._by = by

    def monitors(self) -> Sequence[Monitor]:
        permit(self._by, "inspect")
        return [each for each in listed(self._store.monitors()) if each.slug == ANY or self._by.sees(each.slug)]

    def set_monitor(self, monitor: Monitor, *, reason: str = "") -> Monitor:
        return self._store.set_monitor(monitor, reason=reason, by=self._by)

    def remove_monitor(self, slug: str, metric: str, *, reason: str = "") -> Monitor:
        return self._store.remove_monitor(slug, metric, reason=reason, by=self._by)

    def alerts(self, *, state: str | None = None, slug: str | None = None) -> Sequence[Alert]:
        permit(self._by, "inspect", slug=slug)
        found = self._store.alerts(state=state, slug=slug)
        return [alert for alert in found if all(map(self._by.sees, alert.prompts))]

    def alert(self, alert_id: str) -> Alert:
        alert = self._store.alert(alert_id)
        for slug in alert.prompts:
            permit(self._by, "inspect", slug=slug)
        return alert

    def acknowledge(self, alert_id: str, *, text: str = "") -> Alert:
        return self._store.acknowledge(alert_id, text=text, by=self._by)

    def mute(self, alert_id: str, *, until: datetime, text: str = "") -> Alert:
        return self._store.mute(alert_id, until=until, text=text, by=self._by)
