"""When a change happened, and what became of each event of the window.

Knows a look and its contributions. Refuses to know how either was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from evaluation.drift.events import time_of
from evaluation.drift.looking import Look
from evaluation.drift.values import Contribution, Judged


def moment_of(look: Look, main: Contribution | None) -> tuple[datetime, tuple[datetime, datetime]] | None:
    """When it happened: the time of the largest named cause, and what else would fit."""
    if main is None:
        return None
    if main.cause == "mix":
        return None if look.mix is None else (time_of(look.mix.at), (time_of(look.mix.low), time_of(look.mix.high)))
    for change in look.changes:
        same = change.events[0] is main.event if change.events else main.event is None
        if same and change.at is not None:
            low, high = change.wide or (change.at, change.at if change.until is None else change.until)
            return time_of(change.at), (time_of(low), time_of(high))
    return None


def judged(look: Look, contributions: Sequence[Contribution]) -> tuple[Judged, ...]:
    """The events of the window, each counted in the table or with the reason why not."""
    counted = [id(each.event) for each in contributions if each.event is not None]
    told = {id(event): change for change in look.changes for event in change.events}
    gone = {id(event): dropped.why for dropped in look.dropped for event in dropped.change.events}
    found = []
    for event in look.events:
        why = ""
        if id(event) in counted:
            found.append(Judged(event=event, counted=True))
            continue
        if id(event) in gone:
            why = gone[id(event)]
        elif id(event) in told:
            why = "told with the change that it is a part of"
        elif event.kind in ("promotion", "rollback", "rollout"):
            why = "both sides had the same versions, or too few calls of this one"
        else:
            why = "it changed little between the sides, or came with another change"
        found.append(Judged(event=event, counted=False, why=why))
    return tuple(found)
