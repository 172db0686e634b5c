"""What a worker holds of the registry, as one value that never changes: where channels point, and which keys there are.

Knows how to read what is new since a state, and to make the next one of both. Refuses to know when to read, and to keep anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select, tuple_

from registry.keys import CallerKey
from registry.split import Split
from registry.storage import rows
from registry.storage.tables import caller_keys, channels, events, prompts, versions

VersionKey = tuple[str, int]
"""A prompt's slug and a version's number."""

_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The registry at one revision; `at` is that revision's time.

    `lineage` counts how often this process found another registry in the place of the one before: what it kept of versions then
    says nothing any more.
    """

    lineage: int = 0
    revision: int = 0
    at: datetime | None = None
    pointers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    splits: Mapping[str, Mapping[str, Split]] = field(default_factory=dict)
    prompt_revisions: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, CallerKey] = field(default_factory=dict)

    def on_channels(self) -> set[VersionKey]:
        """The versions that some channel serves."""
        main = {(slug, number) for slug, pointers in self.pointers.items() for number in pointers.values()}
        splits = ((slug, split) for slug, split_channels in self.splits.items() for split in split_channels.values())
        return main | {(slug, arm.version) for slug, split in splits for arm in split.arms}


def read_state(connection: Connection, held: State, *, everything: bool = False) -> State:
    """The registry now: what is new since `held`, beside what was held. The same value if nothing is.

    What is newer than the revision is read again the next time, so the reads need not be of one moment; the revision comes first.
    Reads everything if told, and if the registry's history isn't the one that `held` is of: after a backup was put in place, say, or
    after a fail-over that lost the last writes.
    """
    newest = select(func.max(events.c.revision)).scalar_subquery()
    query = select(events.c.revision, events.c.at).where(events.c.revision.in_([held.revision, newest]))
    times = {row.revision: row.at for row in connection.execute(query)}
    revision = max(times, default=0)
    if everything or (held.revision and times.get(held.revision) != held.at):
        held = State(lineage=held.lineage + 1)
    elif revision == held.revision:
        return held
    above = held.revision
    moved = connection.execute(select(channels).where(channels.c.revision > above)).mappings().all()
    touched = connection.execute(select(prompts.c.slug, prompts.c.revision).where(prompts.c.revision > above))
    found = rows.read_keys(connection, caller_keys.c.revision > above)
    pointers, splits = dict(held.pointers), dict(held.splits)
    for row in moved:
        channel = rows.channel_of(row)
        pointers[channel.slug] = {**pointers.get(channel.slug, {}), channel.name: channel.version}
        if channel.split.arms or channel.slug in splits:
            splits[channel.slug] = {**splits.get(channel.slug, {}), channel.name: channel.split}
    return State(
        lineage=held.lineage,
        revision=revision,
        at=times.get(revision),
        pointers=pointers,
        splits=splits,
        prompt_revisions={**held.prompt_revisions, **{row.slug: row.revision for row in touched}},
        keys={**held.keys, **{key.hash: key for key in found}},
    )


def read_rows(connection: Connection, keys: Collection[VersionKey]) -> dict[VersionKey, RowMapping]:
    """The rows of some versions."""
    found: dict[VersionKey, RowMapping] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), _AT_ONCE):
        some = tuple_(versions.c.slug, versions.c.number).in_(wanted[start : start + _AT_ONCE])
        for row in connection.execute(select(versions).where(some)).mappings():
            found[row["slug"], row["number"]] = row
    return found


def continues(connection: Connection, held: State) -> bool:
    """True if the registry's history goes on from this state: its last event is there, made at the same time."""
    if held.revision == 0:
        return True
    return connection.execute(select(events.c.at).where(events.c.revision == held.revision)).scalar() == held.at
