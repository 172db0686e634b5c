"""Rows to values, and the statements on them: monitors, alerts with their lines, and deliveries.

Knows how each lies in the tables. Refuses to know transactions and who may write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry.alerts import Alert, AlertLine, Delivery
from registry.errors import AlertNotFoundError
from registry.monitors import Monitor
from registry.storage.alert_tables import alert_deliveries, alert_lines, alerts, monitors

_TIMES = ("since", "earliest", "latest")


def read_monitors(connection: Connection) -> list[Monitor]:
    """What was declared, by prompt and metric; what is for all prompts first."""
    found = connection.execute(select(monitors).order_by(monitors.c.slug, monitors.c.metric)).mappings()
    return [Monitor(**{name: value for name, value in row.items() if name != "revision"}) for row in found]


def read_alerts(connection: Connection, where: Any = None, *, limit: int = 100) -> list[Alert]:
    """Alerts with their lines and deliveries, newest first."""
    query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.alert_id.desc()).limit(limit)
    if where is not None:
        query = query.where(where)
    rows = connection.execute(query).mappings().all()
    ids = [row["alert_id"] for row in rows]
    lines, told = _lines(connection, ids), _deliveries(connection, ids)
    return [
        Alert(**row, lines=tuple(lines.get(row["alert_id"], ())), deliveries=tuple(told.get(row["alert_id"], ())))
        for row in rows
    ]


def known_alert(connection: Connection, alert_id: str) -> Alert:
    """One alert. Raises AlertNotFoundError."""
    found = read_alerts(connection, alerts.c.alert_id == alert_id, limit=1)
    if not found:
        raise AlertNotFoundError(
            f"no alert has the id '{alert_id[:80]}'; `slugline alert list --state all` shows those there are",
            param="alert",
        )
    return found[0]


def standing(connection: Connection) -> dict[tuple[str, str], str]:
    """Series, by prompt and metric, whose change somebody still has to look at; and the alert that tells of it."""
    query = select(alert_lines.c.slug, alert_lines.c.metric, alert_lines.c.alert_id).where(alert_lines.c.standing)
    return {(row.slug, row.metric): row.alert_id for row in connection.execute(query)}


def add_alert(connection: Connection, alert: Alert) -> None:
    """A new alert with its lines and deliveries."""
    row = {name: getattr(alert, name) for name in alerts.columns.keys()}  # noqa: SIM118 - a collection of columns
    connection.execute(insert(alerts).values({**row, "cause": dict(alert.cause)}))
    add_lines(connection, alert.alert_id, alert.lines)
    for delivery in alert.deliveries:
        add_delivery(connection, delivery)


def add_lines(connection: Connection, alert_id: str, lines: Sequence[AlertLine]) -> None:
    """Lines that are found later, or again."""
    for line in lines:
        same = _line(alert_id, line.slug, line.metric)
        values = {"standing": True, "line": _as_json(line), "since": line.since, "closed_at": None}
        if connection.execute(update(alert_lines).where(same).values(values)).rowcount == 0:
            key = {"alert_id": alert_id, "slug": line.slug, "metric": line.metric}
            connection.execute(insert(alert_lines).values({**key, **values}))


def close_line(connection: Connection, alert_id: str, slug: str, metric: str, at: datetime) -> None:
    """That a series is back."""
    same = _line(alert_id, slug, metric)
    connection.execute(update(alert_lines).where(same).values(standing=False, closed_at=at))


def settle_lines(connection: Connection, alert_id: str) -> None:
    """That nobody has to look at an alert's changes any more."""
    connection.execute(update(alert_lines).where(alert_lines.c.alert_id == alert_id).values(standing=False))


def put_alert(connection: Connection, alert_id: str, **values: Any) -> None:
    """Change an alert's row."""
    connection.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(values))


def add_delivery(connection: Connection, delivery: Delivery) -> None:
    """One more to be made."""
    connection.execute(insert(alert_deliveries).values(asdict(delivery)))


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether any delivery is to be tried now."""
    due = (alert_deliveries.c.state == "waiting") & (alert_deliveries.c.next_at <= now)
    return connection.execute(select(alert_deliveries.c.delivery_id).where(due).limit(1)).first() is not None


def due_deliveries(connection: Connection, now: datetime, limit: int) -> list[Delivery]:
    """Those to be tried now, oldest first; their rows are held."""
    query = (
        select(alert_deliveries)
        .where(alert_deliveries.c.state == "waiting", alert_deliveries.c.next_at <= now)
        .order_by(alert_deliveries.c.created_at, alert_deliveries.c.delivery_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def put_deliveries(connection: Connection, where: Any, **values: Any) -> None:
    """Change deliveries' rows."""
    connection.execute(update(alert_deliveries).where(where).values(values))


def _line(alert_id: str, slug: str, metric: str) -> Any:
    return (alert_lines.c.alert_id == alert_id) & (alert_lines.c.slug == slug) & (alert_lines.c.metric == metric)


def _lines(connection: Connection, ids: Sequence[str]) -> dict[str, list[AlertLine]]:
    query = select(alert_lines).where(alert_lines.c.alert_id.in_(ids))
    found: dict[str, list[AlertLine]] = {}
    for row in connection.execute(query.order_by(alert_lines.c.since, alert_lines.c.slug, alert_lines.c.metric)):
        found.setdefault(row.alert_id, []).append(replace(_from_json(row.line), closed_at=row.closed_at))
    return found


def _deliveries(connection: Connection, ids: Sequence[str]) -> dict[str, list[Delivery]]:
    query = select(alert_deliveries).where(alert_deliveries.c.alert_id.in_(ids))
    found: dict[str, list[Delivery]] = {}
    for row in connection.execute(query.order_by(alert_deliveries.c.created_at, alert_deliveries.c.destination)):
        found.setdefault(row.alert_id, []).append(Delivery(**row._mapping))
    return found


def _as_json(line: AlertLine) -> dict[str, Any]:
    told = {name: value for name, value in asdict(line).items() if name != "closed_at"}
    return told | {name: told[name].isoformat() for name in _TIMES}


def _from_json(told: Mapping[str, Any]) -> AlertLine:
    return AlertLine(**{**told, **{name: datetime.fromisoformat(told[name]) for name in _TIMES}})
