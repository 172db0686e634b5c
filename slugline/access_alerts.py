"""What the command line needs of monitors and alerts, wherever the registry is; `slugline.access` for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from registry.alerts import Alert
    from registry.monitors import Monitor


class AlertAccess(Protocol):
    """Monitors and alerts. Methods raise what the Store's raise; `slugline.client.ServerError` where a server can't be asked."""

    def monitors(self) -> Sequence[Monitor]:
        """What is watched: what was declared, behind the defaults that count beside it."""
        ...

    def set_monitor(self, monitor: Monitor, *, reason: str = "") -> Monitor:
        """Declare what is watched of a prompt's metric, in place of what was declared before."""
        ...

    def remove_monitor(self, slug: str, metric: str, *, reason: str = "") -> Monitor:
        """Take away what was declared; gives it."""
        ...

    def alerts(self, *, state: str | None = None, slug: str | None = None) -> Sequence[Alert]:
        """Alerts, newest first."""
        ...

    def alert(self, alert_id: str) -> Alert:
        """One alert."""
        ...

    def acknowledge(self, alert_id: str, *, text: str = "") -> Alert:
        """Say that it was seen."""
        ...

    def mute(self, alert_id: str, *, until: datetime, text: str = "") -> Alert:
        """Tell nobody until a time."""
        ...
