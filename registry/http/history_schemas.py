"""What the API gives of the past: the history, what was live at a time, and whether the history is whole.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from registry.http.body import JsonObject
from registry.http.move_schemas import SplitOut
from registry.storage.rows import split_of
from registry.values import HistoryEntry
from registry.writing.audit import Verified


class HistoryOut(BaseModel):
    """One write."""

    revision: int
    at: datetime
    actor: str
    identity: str
    action: str
    slug: str
    channel: str | None
    from_version: int | None
    to_version: int | None
    reason: str
    evidence: JsonObject
    request_id: str
    hash: str = Field(description="covers this event and the hash of the one before")

    @classmethod
    def of(cls, entry: HistoryEntry) -> HistoryOut:
        """From the value."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class HistoryList(BaseModel):
    """Writes, newest first; pass `next_before` as `before` to read on, null at the end."""

    events: list[HistoryOut]
    next_before: int | None

    @classmethod
    def of(cls, entries: Sequence[HistoryEntry], limit: int) -> HistoryList:
        """From a page of at most `limit`."""
        more = entries[-1].revision if len(entries) == limit else None
        return cls(events=[HistoryOut.of(entry) for entry in entries], next_before=more)


class LiveAt(BaseModel):
    """Which version each channel was on at a time, and the moves that put it there."""

    slug: str
    time: datetime
    channels: dict[str, int]
    moves: list[HistoryOut]

    @classmethod
    def of(cls, slug: str, time: datetime, entries: Sequence[HistoryEntry]) -> LiveAt:
        """From the last move of each channel."""
        channels = {entry.channel: entry.to_version for entry in entries}
        return cls(slug=slug, time=time, channels=channels, moves=[HistoryOut.of(entry) for entry in entries])


class LiveOut(BaseModel):
    """What a channel serves, and the move that put it there."""

    slug: str
    channel: str
    version: int
    split: SplitOut
    since: datetime
    by: str
    action: str
    from_version: int | None
    reason: str
    revision: int


class LiveList(BaseModel):
    """What was live at a time."""

    time: datetime
    live: list[LiveOut]

    @classmethod
    def of(cls, time: datetime, entries: Sequence[HistoryEntry]) -> LiveList:
        """From the last move of each channel."""
        return cls(time=time, live=[_live(entry, time) for entry in entries])


class AuditOut(BaseModel):
    """Whether the history is whole. `head` is worth noting elsewhere: it shows when the end was cut off."""

    whole: bool
    events: int
    head: str
    problems: list[str]

    @classmethod
    def of(cls, found: Verified) -> AuditOut:
        """From the value."""
        return cls(whole=found.whole, events=found.events, head=found.head, problems=[*found.problems])


def _live(entry: HistoryEntry, time: datetime) -> LiveOut:
    split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
    return LiveOut(
        slug=entry.slug,
        channel=entry.channel or "",
        version=entry.to_version or 0,
        split=SplitOut(
            arms=[arm for arm in SplitOut.of(split).arms if arm.until is None or time < arm.until], sticky=split.sticky
        ),
        since=entry.at,
        by=entry.actor,
        action=entry.action,
        from_version=entry.from_version,
        reason=entry.reason,
        revision=entry.revision,
    )
