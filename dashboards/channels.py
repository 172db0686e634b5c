"""What a channel serves, as pages show it: versions with their shares, since when, by whom and why, and what it asks for.

Knows how to put together what the registry says of one channel. Refuses to know HTML and to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.rules import Rule, strictest
from registry.split import Arm
from registry.storage import rows
from registry.storage.database import reading
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST
from registry.values import HistoryEntry, Prompt
from registry.writing.moves import way_back
from registry.writing.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A version's part of a channel: from `start` on, `share` wide, both in per cent. `kind` is main, rollout or holdback."""

    version: int
    kind: str
    start: float
    share: float
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a channel serves now. `entry` is the write that put it there."""

    slug: str
    channel: str
    version: int
    arms: tuple[Arm, ...]
    sticky: str
    entry: HistoryEntry | None

    @property
    def bands(self) -> tuple[Band, ...]:
        """Main version first, then those beside it; together 100 %."""
        return bands(self.version, self.arms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel of a prompt with what can be done about it.

    `serving` is None where nothing is on it yet, `back` the version that a rollback goes to.
    """

    name: str
    serving: Serving | None
    rule: Rule
    back: int | None = None

    @property
    def movable(self) -> bool:
        """Whether anybody can move it: `latest` follows saves."""
        return self.name != LATEST


def bands(version: int, arms: Sequence[Arm]) -> tuple[Band, ...]:
    """A channel's versions as parts of a bar."""
    rest = max(0.0, 100.0 - sum(arm.share for arm in arms))
    found = [Band(version=version, kind="main", start=0.0, share=rest)]
    for arm in arms:
        last = found[-1]
        found.append(
            Band(version=arm.version, kind=arm.kind, start=last.start + last.share, share=arm.share, until=arm.until)
        )
    return tuple(found)


def serving(prompt: Prompt, channel: str, entry: HistoryEntry | None, now: datetime) -> Serving:
    """What one of a prompt's channels serves; `entry` is its last move."""
    split = prompt.splits.get(channel)
    return Serving(
        slug=prompt.slug,
        channel=channel,
        version=prompt.channels[channel],
        arms=split.at(now) if split else (),
        sticky=split.sticky if split else "session",
        entry=entry,
    )


def last_moves(store: Store, slug: str | None = None) -> dict[tuple[str, str | None], HistoryEntry]:
    """The write that put each channel where it stands, by prompt and channel; of one prompt or of all."""
    # The clock of whoever wrote may be ahead of this one's.
    ahead = datetime(9999, 1, 1, tzinfo=UTC)
    return {(entry.slug, entry.channel): entry for entry in store.live_at(ahead, slug)}


def channels_of(store: Store, prompt: Prompt, now: datetime, also: str = "") -> list[Channel]:
    """A prompt's channels, `stable` first and `latest` last; `also` is one to show though nothing is on it yet."""
    moves = last_moves(store, prompt.slug)
    rules = store.rules()
    own = sorted({*prompt.channels, *([also] if also else [])} - {STABLE, LATEST})
    found = []
    with reading(store.engine) as connection:
        for name in (STABLE, *own, LATEST):
            there = name in prompt.channels
            path = way_back(rows.read_moves(connection, prompt.slug, name)) if there and name != LATEST else []
            found.append(
                Channel(
                    name=name,
                    serving=serving(prompt, name, moves.get((prompt.slug, name)), now) if there else None,
                    rule=strictest(rules, prompt.slug, name),
                    back=path[-2] if len(path) > 1 else None,
                )
            )
    return found
