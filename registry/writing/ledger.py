"""How a write is entered: one event, chained to the one before, and with it the channel that it moves.

Knows the events table as the only way to a new revision, and that no channel moves without an event. Refuses to know
whether the write is right: the stores have decided that before. Works inside the caller's write transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from registry.errors import IdempotencyKeyReusedError, PromptInvalidError
from registry.roles import Principal
from registry.split import Split
from registry.storage import rows
from registry.storage.chain import HASHED, START, event_hash
from registry.storage.database import announce
from registry.storage.tables import channels, events, prompts
from registry.values import HistoryEntry, Move

_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does what to which prompt, and why.

    `idempotency_key` makes it happen once, however often it is asked for; `asked` is what was asked for, so that a key isn't used for
    two different things.
    """

    action: str
    slug: str
    by: Principal
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    idempotency_key: str = ""
    asked: Any = None

    def about(self, **changes: Any) -> Act:
        """The same act, with more said of it."""
        return replace(self, **changes)

    @property
    def fingerprint(self) -> str:
        """Equal for equal writes; empty without a key."""
        if not self.idempotency_key:
            return ""
        text = json.dumps([self.slug, self.reason, self.asked], sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def repeated(connection: Connection, act: Act) -> HistoryEntry | None:
    """The event of the same write, if it was made already under this Idempotency-Key by the same one.

    Raises IdempotencyKeyReusedError where the key was used for another write.
    """
    if not act.idempotency_key:
        return None
    if len(act.idempotency_key) > _LONGEST_KEY:
        raise PromptInvalidError(f"an Idempotency-Key has at most {_LONGEST_KEY} characters", param="Idempotency-Key")
    same = (events.c.idempotency_key == act.idempotency_key) & (events.c.identity == act.by.identity)
    found = rows.read_events(connection, same)
    if not found:
        return None
    if found[0].fingerprint != act.fingerprint:
        raise IdempotencyKeyReusedError(
            f"the Idempotency-Key {act.idempotency_key!r} was used for another write (revision {found[0].revision}): "
            "use a new one for every new write",
            param="Idempotency-Key",
        )
    return found[0]


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
    split: Split | None = None,
) -> None:
    """Write the event, and put `channel` on `to_version` with `split` beside it if one is named and moves."""
    revision, at = stamp
    event: dict[str, Any] = {
        "revision": revision,
        "at": at,
        "actor": act.by.name,
        "identity": act.by.identity,
        "action": act.action,
        "slug": act.slug,
        "channel": channel,
        "from_version": from_version,
        "to_version": to_version,
        "reason": act.reason,
        "evidence": json.loads(json.dumps(dict(act.evidence))),  # as it will be read
        "request_id": act.request_id,
        "idempotency_key": act.idempotency_key,
        "fingerprint": act.fingerprint,
    }
    before = select(events.c.hash).where(events.c.revision == revision - 1)
    hashed = event_hash(connection.execute(before).scalar() or START, {name: event[name] for name in HASHED})
    announce(connection, revision)
    connection.execute(insert(events).values({**event, "hash": hashed}))
    connection.execute(update(prompts).where(prompts.c.slug == act.slug).values(revision=revision))
    if channel is not None and to_version is not None:
        split = split or Split()
        moved = {
            "version": to_version,
            "split": [arm.as_json() for arm in split.arms],
            "sticky": split.sticky,
            "revision": revision,
            "moved_at": at,
            "moved_by": act.by.name,
        }
        here = (channels.c.slug == act.slug) & (channels.c.name == channel)
        if connection.execute(update(channels).where(here).values(moved)).rowcount == 0:
            connection.execute(insert(channels).values({"slug": act.slug, "name": channel, **moved}))


def move(
    connection: Connection, act: Act, channel: str, target: int, now: datetime, split: Split | None = None
) -> Move:
    """Put a channel on a version, with others beside it; writes nothing if it stands there already."""
    split = split or Split()
    present = rows.read_channels(connection, act.slug).get(channel)
    before = None if present is None else present.version
    changed = present is None or (before, present.split.at(now)) != (target, split.arms)
    if present is not None and not changed:
        revision, at = present.revision, present.moved_at
    else:
        revision, at = stamp = next_stamp(connection, now)
        enter(connection, act, stamp, channel=channel, from_version=before, to_version=target, split=split)
    return Move(
        slug=act.slug,
        channel=channel,
        from_version=before,
        to_version=target,
        revision=revision,
        at=at,
        changed=changed,
        split=split,
    )
