"""Alerts as they are raised, looked after and told, each step one transaction. The rules:

1. What changed, and that each destination is to be told, is written at once: a process that is killed in between has decided nothing, and
   one that is killed afterwards leaves deliveries that another makes.
2. A series has one alert at a time. The database refuses a second one (`alert_lines`), whoever brings it.
3. A delivery is claimed for a while before it is tried. Who was killed in the middle is not heard of, and after that while it is tried
   again, under the same id: at least once.
4. What a person does to an alert is an event of the history; what the keeper does is not.

Refuses to know how a change is found and how it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from registry.alerts import ALERT_STATES, About, Alert, AlertLine, Delivery, Telling
from registry.errors import AlertClosedError, PromptInvalidError
from registry.roles import Principal, permit
from registry.storage import alerts as rows
from registry.storage.alert_tables import alert_deliveries, alert_lines, alerts
from registry.storage.database import appending
from registry.writing.ledger import Act, enter, next_stamp
from registry.writing.writer import Writer, note

CLAIM_SECONDS = 120.0
PATIENCE = timedelta(days=3)
"""How long a delivery is tried."""

_MOST_AT_ONCE = 20


class AlertWrites(Writer):
    """Alerts and deliveries. Methods raise AlertNotFoundError."""

    def alerts(self, *, state: str | None = None, slug: str | None = None, limit: int = 100) -> list[Alert]:
        """Alerts, newest first; only those in a state, or with a prompt, if one is named. Raises PromptInvalidError."""
        if state is not None and state not in ALERT_STATES:
            raise PromptInvalidError(f"'state' is one of {', '.join(ALERT_STATES)}", param="state")
        where: Any = alerts.c.alert_id.is_not(None)
        if state is not None:
            where &= alerts.c.state == state
        if slug is not None:
            where &= alerts.c.alert_id.in_(select(alert_lines.c.alert_id).where(alert_lines.c.slug == slug))
        with self._reading() as connection:
            return rows.read_alerts(connection, where, limit=limit)

    def alert(self, alert_id: str) -> Alert:
        """One alert."""
        with self._reading() as connection:
            return rows.known_alert(connection, alert_id)

    def alerts_since(self, begin: datetime) -> list[Alert]:
        """What the next look must know of: every open alert, and those whose change began after a time."""
        with self._reading() as connection:
            return rows.read_alerts(connection, (alerts.c.state == "open") | (alerts.c.since >= begin), limit=10_000)

    def raise_alert(
        self,
        lines: Sequence[AlertLine],
        *,
        about: About,
        name: str,
        cause: Mapping[str, Any],
        destinations: Sequence[str],
    ) -> Alert | None:
        """A new alert, to be told at the destinations; None where all of its series have one already. For the keeper's own use."""
        with self._writing() as connection:
            there = rows.standing(connection)
            new = tuple(sorted((line for line in lines if (line.slug, line.metric) not in there), key=_place))
            if not new:
                return None
            now, alert_id = self._clock(), self._new_id()
            alert = Alert(
                alert_id=alert_id,
                about=about,
                name=name,
                state="open",
                since=min(line.since for line in new),
                opened_at=now,
                lines=new,
                cause=cause,
                deliveries=tuple(self._delivery(alert_id, each, "opened", now) for each in destinations),
            )
            rows.add_alert(connection, alert)
            return alert

    def extend_alert(self, alert_id: str, lines: Sequence[AlertLine]) -> Alert:
        """More series that moved with an open alert's; nobody is told again. For the keeper's own use."""
        with self._writing() as connection:
            there = rows.standing(connection)
            alert = rows.known_alert(connection, alert_id)
            if alert.state == "open":
                rows.add_lines(connection, alert_id, [line for line in lines if (line.slug, line.metric) not in there])
            return rows.known_alert(connection, alert_id)

    def recover(self, alert_id: str, series: Sequence[tuple[str, str]]) -> Alert:
        """Series, by prompt and metric, that are back; with the last of them the alert is closed, and who was told of it is told. For the
        keeper's own use."""
        with self._writing() as connection:
            alert = rows.known_alert(connection, alert_id)
            if alert.state != "open":
                return alert
            now = self._clock()
            for slug, metric in series:
                rows.close_line(connection, alert_id, slug, metric, now)
            if all(line.closed_at or (line.slug, line.metric) in series for line in alert.lines):
                rows.put_alert(connection, alert_id, state="closed", closed_at=now)
                if not alert.muted(now):
                    for destination in dict.fromkeys(each.destination for each in alert.deliveries):
                        rows.add_delivery(connection, self._delivery(alert_id, destination, "recovered", now))
            return rows.known_alert(connection, alert_id)

    def unmute(self, destinations: Mapping[str, Sequence[str]]) -> list[str]:
        """Alerts whose mute has run out while they are open: each is told once more, at the destinations that are named for its id. For
        the keeper's own use."""
        now = self._clock()
        with self._writing() as connection:
            due = rows.read_alerts(connection, (alerts.c.state == "open") & (alerts.c.muted_until <= now))
            for alert in due:
                rows.put_alert(connection, alert.alert_id, muted_until=None, muted_by="")
                for destination in destinations.get(alert.alert_id, ()):
                    rows.add_delivery(connection, self._delivery(alert.alert_id, destination, "still open", now))
            return [alert.alert_id for alert in due]

    def acknowledge(self, alert_id: str, *, text: str = "", by: Principal, request_id: str = "") -> Alert:
        """Somebody has seen it, and the change is what counts as usual from now on. Raises AlertClosedError."""
        with self._writing() as connection:
            alert = _open(rows.known_alert(connection, alert_id), by)
            said = note(text, "note")
            revision_and_time = next_stamp(connection, self._clock())
            rows.put_alert(
                connection,
                alert_id,
                state="acknowledged",
                acknowledged_at=revision_and_time[1],
                acknowledged_by=by.name,
                note=said,
            )
            rows.settle_lines(connection, alert_id)
            enter(connection, _act("alert.acknowledge", alert, by, said, request_id), revision_and_time)
            return rows.known_alert(connection, alert_id)

    def mute(self, alert_id: str, *, until: datetime, text: str = "", by: Principal, request_id: str = "") -> Alert:
        """Nobody is told of it until a time; if it is still open then, it is told once more. Raises AlertClosedError."""
        with self._writing() as connection:
            alert = _open(rows.known_alert(connection, alert_id), by)
            _, at = stamp = next_stamp(connection, self._clock())
            if until <= at:
                raise PromptInvalidError(
                    "'until' lies in the past: an alert is muted until a time to come", param="until"
                )
            said = note(text, "note")
            rows.put_alert(connection, alert_id, muted_until=until, muted_by=by.name)
            waiting = (alert_deliveries.c.alert_id == alert_id) & (alert_deliveries.c.state == "waiting")
            rows.put_deliveries(connection, waiting, state="given up", ended_at=at, error=f"muted by {by.name}")
            act = _act("alert.mute", alert, by, said, request_id)
            enter(connection, act.about(evidence={**act.evidence, "until": until.isoformat()}), stamp)
            return rows.known_alert(connection, alert_id)

    def claim_deliveries(self, *, seconds: float = CLAIM_SECONDS, limit: int = _MOST_AT_ONCE) -> list[Delivery]:
        """Deliveries to be tried now. Nobody else gets them for `seconds`; each counts as an attempt."""
        now = self._clock()
        with (
            self._reading() as connection
        ):  # mostly there are none, and a look shouldn't hold the database's write lock
            if not rows.is_due(connection, now):
                return []
        with appending(self._engine) as connection:
            found = rows.due_deliveries(connection, now, limit)
            for each in found:
                again = now + timedelta(seconds=seconds)
                same = alert_deliveries.c.delivery_id == each.delivery_id
                rows.put_deliveries(connection, same, attempts=each.attempts + 1, next_at=again)
            return [replace(each, attempts=each.attempts + 1) for each in found]

    def end_delivery(self, delivery: Delivery, *, error: str = "", again_in: float | None = None) -> None:
        """What came of a try: it was taken; or, with an `error`, it is tried again in so many seconds, or never, as nothing is that has
        waited for `PATIENCE`."""
        now = self._clock()
        values: dict[str, Any] = {"error": error[:1000]}
        if error and again_in is not None and now - delivery.created_at < PATIENCE:
            values["next_at"] = now + timedelta(seconds=again_in)
        else:
            values |= {"state": "given up" if error else "sent", "ended_at": now}
        mine = (alert_deliveries.c.delivery_id == delivery.delivery_id) & (alert_deliveries.c.state == "waiting")
        with appending(self._engine) as connection:
            rows.put_deliveries(connection, mine, **values)

    def _delivery(self, alert_id: str, destination: str, telling: Telling, now: datetime) -> Delivery:
        return Delivery(
            delivery_id=self._new_id(),
            alert_id=alert_id,
            destination=destination,
            telling=telling,
            state="waiting",
            attempts=0,
            next_at=now,
            created_at=now,
        )


def _place(line: AlertLine) -> tuple[datetime, str, str]:
    """The order in which lines are read."""
    return line.since, line.slug, line.metric


def _open(alert: Alert, by: Principal) -> Alert:
    for slug in alert.prompts:
        permit(by, "monitor", slug=slug)
    if alert.state != "open":
        who = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
        raise AlertClosedError(f"the alert is {alert.state}{who} already: {alert.title}", param="alert")
    return alert


def _act(action: str, alert: Alert, by: Principal, said: str, request_id: str) -> Act:
    prompts = alert.prompts
    return Act(
        action=action,
        slug=prompts[0] if len(prompts) == 1 else "",
        by=by,
        reason=said,
        evidence={"alert": alert.alert_id, "title": alert.title},
        request_id=request_id,
    )
