"""Monitors and alerts of a registry behind a server. Knows routes; refuses to decide anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from registry.alerts import Alert
from registry.http.alert_schemas import AlertOut, MonitorOut
from registry.monitors import Monitor, checked, terms
from slugline.answers import value_of, values_of
from slugline.client import ServerClient
from slugline.remote_reads import part


class RemoteAlerts:
    """Monitors and alerts, as the key's holder works on them. Methods: see `slugline.access_alerts`."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def monitors(self) -> Sequence[Monitor]:
        return [each.value() for each in values_of(MonitorOut, self._client.get("/api/monitors"), "monitors")]

    def set_monitor(self, monitor: Monitor, *, reason: str = "") -> Monitor:
        told = terms(checked(monitor))  # in the same words as here; the server checks it anew
        body = {"prompt": told.pop("slug"), **told, "reason": reason}
        return value_of(MonitorOut, self._client.send("PUT", "/api/monitors", body)).value()

    def remove_monitor(self, slug: str, metric: str, *, reason: str = "") -> Monitor:
        query = urlencode({"prompt": slug, "metric": metric, "reason": reason})
        return value_of(MonitorOut, self._client.send("DELETE", f"/api/monitors?{query}", {})).value()

    def alerts(self, *, state: str | None = None, slug: str | None = None) -> Sequence[Alert]:
        answer = self._client.get("/api/alerts", state=state, prompt=slug)
        return [each.value() for each in values_of(AlertOut, answer, "alerts")]

    def alert(self, alert_id: str) -> Alert:
        return value_of(AlertOut, self._client.get(f"/api/alerts/{part(alert_id)}")).value()

    def acknowledge(self, alert_id: str, *, text: str = "") -> Alert:
        return self._write(alert_id, "acknowledge", {"note": text})

    def mute(self, alert_id: str, *, until: datetime, text: str = "") -> Alert:
        return self._write(alert_id, "mute", {"until": until.isoformat(), "note": text})

    def _write(self, alert_id: str, what: str, body: dict[str, Any]) -> Alert:
        return value_of(AlertOut, self._client.send("POST", f"/api/alerts/{part(alert_id)}/{what}", body)).value()
