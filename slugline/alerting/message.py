"""An alert in words and as JSON: what destinations are told. Pure.

Knows text. Refuses to know how it is sent; each destination escapes what it must.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry.alerts import Alert, AlertLine, Delivery
from registry.http.alert_schemas import AlertOut

_MOST_LINES = 20
_SUBJECTS: Mapping[str, str] = {
    "opened": "",
    "still open": "Still open: ",
    "recovered": "Recovered: ",
    "test": "Test: ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one destination is told. `delivery_id` is the same however often it is sent, so that a receiver can tell a repetition.

    `event` is what happened: `alert.opened`, `alert.still_open`, `alert.recovered` or `alert.test`.
    """

    delivery_id: str
    event: str
    at: datetime
    subject: str
    text: str
    url: str
    alert: Alert

    def to_json(self) -> dict[str, Any]:
        """As webhooks get it; `alert` is as `GET /api/alerts/{id}` gives it."""
        told = AlertOut.of(self.alert, self.at).model_dump(mode="json", exclude={"deliveries"})
        return {
            "id": self.delivery_id,
            "type": self.event,
            "timestamp": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "data": {"subject": self.subject, "text": self.text, "url": self.url, "alert": told},
        }


def message_of(alert: Alert, delivery: Delivery, *, base_url: str, at: datetime) -> Message:
    """What a delivery says. `base_url` is where people reach the pages."""
    return _message(alert, delivery.delivery_id, delivery.telling, base_url, at)


def sample_message(delivery_id: str, *, base_url: str, at: datetime) -> Message:
    """One that says that it is a test, about a prompt that doesn't exist."""
    line = AlertLine(
        slug="a-prompt",
        metric="helpful",
        side="down",
        scale="points",
        since=at,
        earliest=at,
        latest=at,
        before=0.92,
        after=0.84,
        difference=-0.08,
        low=-0.1,
        high=-0.06,
        n_before=2000,
        n_after=500,
        note="nothing happened: this is a test",
    )
    alert = Alert(alert_id="test", about="prompt", name="a-prompt", state="open", since=at, opened_at=at, lines=(line,))
    return _message(alert, delivery_id, "test", base_url, at)


def _message(alert: Alert, delivery_id: str, telling: str, base_url: str, at: datetime) -> Message:
    url = f"{base_url.rstrip('/')}/alerts" + ("" if telling == "test" else f"/{alert.alert_id}")
    several = len(alert.prompts) > 1
    lines = [
        f"- {line.slug}: {line.sentence}" if several else f"- {line.sentence}" for line in alert.lines[:_MOST_LINES]
    ]
    if len(alert.lines) > _MOST_LINES:
        lines.append(f"- and {len(alert.lines) - _MOST_LINES} more")
    first = alert.lines[0]
    between = (
        f" (between {_moment(first.earliest)} and {_moment(first.latest)})" if first.earliest != first.latest else ""
    )
    since = f"Since {_moment(alert.since)} UTC{between if len(alert.lines) == 1 else ''}."
    said = [
        alert.title,
        "",
        *lines,
        "",
        since,
        f"Suspected cause: {alert.suspected}."
        if alert.suspected
        else "No cause is known: nobody moved a channel then, and the model served is the same.",
        *([f"It was back to what is usual by {_moment(alert.closed_at)} UTC."] if alert.closed_at else []),
        "",
        f"Look at it, acknowledge or mute it: {url}",
    ]
    return Message(
        delivery_id=delivery_id,
        event=f"alert.{telling.replace(' ', '_')}",
        at=at,
        subject=_SUBJECTS[telling] + alert.title,
        text="\n".join(said),
        url=url,
        alert=alert,
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
