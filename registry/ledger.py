"""How a write is entered: one event, and with it the channel that it moves.

Knows the events table as the only way to a new revision, and that no channel moves without an event. Refuses to know
whether the write is right: `registry.store` has decided that before. Works inside the caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry import rows
from registry.database import announce
from registry.tables import channels, events, prompts
from registry.values import HistoryEntry, Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does what to which prompt, and why."""

    action: str
    slug: str
    actor: str
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""


def next_stamp(connection: Connection, now: datetime) -> tuple[int, datetime]:
    """The next revision and its time, which never lies before the last one's, whatever the clock says."""
    newest = select(events.c.revision, events.c.at).order_by(events.c.revision.desc()).limit(1)
    last = connection.execute(newest).first()
    return (1, now) if last is None else (last.revision + 1, max(now, last.at))


def enter(
    connection: Connection,
    act: Act,
    stamp: tuple[int, datetime],
    *,
    channel: str | None = None,
    from_version: int | None = None,
    to_version: int | None = None,
) -> None:
    """Write the event, and put `channel` on `to_version` if one is named."""
    revision, at = stamp
    entry = HistoryEntry(
        revision=revision,
        at=at,
        actor=act.actor,
        action=act.action,
        slug=act.slug,
        channel=channel,
        from_version=from_version,
        to_version=to_version,
        reason=act.reason,
        evidence=act.evidence,
        request_id=act.request_id,
    )
    announce(connection, revision)
    connection.execute(insert(events).values({column.name: getattr(entry, column.name) for column in events.columns}))
    connection.execute(update(prompts).where(prompts.c.slug == act.slug).values(revision=revision))
    if channel is not None:
        moved = {"version": to_version, "revision": revision, "moved_at": at, "moved_by": act.actor}
        here = (channels.c.slug == act.slug) & (channels.c.name == channel)
        if connection.execute(update(channels).where(here).values(moved)).rowcount == 0:
            connection.execute(insert(channels).values({"slug": act.slug, "name": channel, **moved}))


def move(connection: Connection, act: Act, channel: str, target: int, now: datetime) -> Move:
    """Put a channel on a version; writes nothing if it stands there already."""
    present = rows.read_channels(connection, act.slug).get(channel)
    before = None if present is None else present.version
    if present is not None and before == target:
        revision, at = present.revision, present.moved_at
    else:
        revision, at = stamp = next_stamp(connection, now)
        enter(connection, act, stamp, channel=channel, from_version=before, to_version=target)
    return Move(
        slug=act.slug,
        channel=channel,
        from_version=before,
        to_version=target,
        revision=revision,
        at=at,
        changed=before != target,
    )
