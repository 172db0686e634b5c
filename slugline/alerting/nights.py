"""Alerts from what probes found: the same inputs are answered otherwise than on the night that is the reference.

An alert for each change and reference: while nights keep saying the same, nothing is told again, also once somebody has acknowledged it. A
night that is as the reference was closes it. Refuses to know how nights are compared, and when they run.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from registry.alerts import Alert, AlertLine
from registry.writing.store import Store
from slugline.alerting.settings import To

if TYPE_CHECKING:
    from evaluation.probes.values import Measure, ProbeChange

REMEMBERED = timedelta(days=400)
"""How long a change that was told is not told again."""


def tell_of_nights(store: Store, to: To, now: datetime) -> list[Alert]:
    """Raises alerts for what newest nights show for the first time, and closes those of what is gone. Raises RegistryError."""
    from evaluation.probes.reading import probe_changes

    changes = [change for _, change in probe_changes(store)]
    if not changes:
        return []
    alerts = store.alerts_since(now - REMEMBERED)
    told = {(line.slug, line.metric, line.earliest) for alert in alerts for line in alert.lines}
    raised = []
    for change in changes:
        lines = [line for line in lines_of(change) if (line.slug, line.metric, line.earliest) not in told]
        if lines:
            cause = {"kind": "drift", "text": change.sentence, "grade": change.grade}
            alert = store.raise_alert(
                lines, about="prompt", name=change.slug, cause=cause, destinations=to([change.slug])
            )
            raised += [alert] if alert is not None else []
    _close(store, alerts, changes)
    return raised


def lines_of(change: ProbeChange) -> list[AlertLine]:
    """The measures that changed for sure. `earliest` is the reference night, which tells one change from the next."""
    return [
        AlertLine(
            slug=change.slug,
            metric=_metric(measure, change),
            side="up" if measure.change > 0 else "down",
            scale=measure.unit,
            since=change.now.at,
            earliest=change.before.at,
            latest=change.now.at,
            before=measure.before,
            after=measure.now,
            difference=measure.change,
            low=measure.change if measure.interval is None else measure.interval.low,
            high=measure.change if measure.interval is None else measure.interval.high,
            n_before=change.cases,
            n_after=change.cases,
        )
        for measure in change.measures
        if measure.sure
    ]


def _close(store: Store, alerts: list[Alert], changes: list[ProbeChange]) -> None:
    quiet = {
        (change.slug, _metric(measure, change)): change.now.at
        for change in changes
        for measure in change.measures
        if not measure.sure
    }
    back: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for alert in alerts:
        for line in alert.lines if alert.state == "open" else ():
            at = quiet.get((line.slug, line.metric))
            if at is not None and at > line.latest and line.closed_at is None:
                back[alert.alert_id].append((line.slug, line.metric))
    for alert_id, series in back.items():
        store.recover(alert_id, series)


def _metric(measure: Measure, change: ProbeChange) -> str:
    return f"{measure.name} of the probe of {change.target} on {change.source}"
