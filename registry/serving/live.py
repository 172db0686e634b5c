"""What each worker holds of the registry: where every channel points and which keys callers have, in memory, never out of date.

Knows what a reference means by what is held. Refuses to write, and to know HTTP. The rules:

1. A resolve, and a look-up of a key, first makes sure that what is held is the newest: by a look at SQLite's change counter, or by the
   lease that a worker has on PostgreSQL (`registry.serving.following`). So one that starts after a promotion or a revocation has
   returned, in any process, sees it.
2. What is held is one value, replaced as a whole, so nobody waits for a lock while somebody else reads the database.
3. Versions never change, so they and their compiled templates are kept once loaded, the least used dropped first.
4. When the database can't be read, the last state is served, from the disk after a restart, and `stale` says so; every resolve tries
   again, or on PostgreSQL a thread does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine

from registry.errors import (
    RegistryUnavailableError,
    prompt_not_found,
    version_not_found,
)
from registry.keys import CallerKey
from registry.reference import PINNED, Reference, is_version_id, parse_reference
from registry.serving.following import Follower, PostgresFollower, SqliteFollower
from registry.serving.shelf import Shelf
from registry.serving.snapshot import Snapshot
from registry.serving.snapshot_keeper import SnapshotKeeper
from registry.serving.state import State, VersionKey, read_rows, read_state
from registry.serving.watch import SqliteWatch
from registry.split import Caller, Split, Variant, choose
from registry.storage.database import open_engine, reading
from registry.storage.reader import STABLE, nothing_on
from registry.storage.rows import LATEST
from registry.templates.limits import Limits
from registry.templates.template import CompiledContent
from registry.values import Version

_log = logging.getLogger(__name__)
_WHOLE = Split()


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a reference means right now.

    `channel` is the channel that led here, or "pinned" when a number or an id was named. `variant` says as which part of a split
    channel this version was given: "main", "rollout" or "holdback"; "" where there is no split. `revision` is the registry's revision
    that the answer was read at.
    """

    version: Version
    compiled: CompiledContent
    channel: str
    revision: int
    variant: Variant = ""


class LiveRegistry:
    """Resolves references by what is held in memory.

    Reads the database once when made. If it can't, it starts from what lies in the folder `snapshot`; without that it raises
    RegistryUnavailableError. `capacity` is the number of compiled versions to keep, `clock` tells when a hold-back is over. Safe to use
    from many threads. One that has joined has threads of its own, so a process joins after it has forked, and closes it in the end.
    """

    def __init__(
        self,
        source: Engine | str,
        *,
        limits: Limits | None = None,
        capacity: int = 1000,
        snapshot: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._own_engine = isinstance(source, str)
        self._engine = open_engine(source) if isinstance(source, str) else source
        self._snapshot = None if snapshot is None else Snapshot.of(self._engine, snapshot)
        self._shelf = Shelf(self._engine, limits or Limits(), capacity, self._snapshot)
        self._clock = clock
        self._looking = threading.RLock()
        self._state = State()
        sqlite = self._engine.dialect.name == "sqlite"
        self._watch = SqliteWatch(str(self._engine.url.database)) if sqlite else None
        self._follower: Follower | None = None
        self._keeper: SnapshotKeeper | None = None
        self._stale = False
        self._start()

    @property
    def revision(self) -> int:
        """The registry's revision that answers come from."""
        return self._state.revision

    @property
    def stale(self) -> bool:
        """True while the database can't be read and answers come from the last state."""
        return self._stale

    def look(self) -> bool:
        """Make sure of what is held, as every resolve does; True if it is the newest."""
        self._fresh()
        return not self._stale

    def join(self, name: str) -> None:
        """Take a worker's place, under a name for people: from now on writers wait for it, or name it, and the snapshot is kept."""
        if self._watch is None:
            self._follower = PostgresFollower(self._engine, name, self._pull_by)
        else:
            try:
                self._follower = SqliteFollower(str(self._engine.url.database), name, self._seen)
            except OSError as error:
                _log.warning("promotions won't name this worker, it can't write beside the database: %s", error)
        if self._snapshot is not None:
            self._keeper = SnapshotKeeper(self._snapshot, self._engine, self._held, self._shelf.saved)

    def slugs(self) -> list[str]:
        """Every slug, sorted."""
        return sorted(self._fresh().pointers)

    @property
    def has_keys(self) -> bool:
        """True once a caller key was made. Revoked ones count: to revoke the last key must not open the door."""
        return bool(self._fresh().keys)

    def key(self, hash: str) -> CallerKey | None:
        """The caller key with this hash, revoked and expired ones, too; None if there never was one."""
        return self._fresh().keys.get(hash)

    def channels_on(self, slug: str, number: int) -> list[str]:
        """The channels of a prompt that serve a version now, sorted; by the state that was resolved from last."""
        state, now = self._state, self._clock()
        splits = state.splits.get(slug, {})
        return sorted(
            name
            for name, version in state.pointers.get(slug, {}).items()
            if version == number or any(arm.version == number for arm in splits.get(name, _WHOLE).at(now))
        )

    def prompt_revision(self, slug: str) -> int:
        """The last write that touched this prompt: its ETag. Raises PromptNotFoundError."""
        state = self._fresh()
        if slug not in state.prompt_revisions:
            raise prompt_not_found(slug, state.pointers)
        return state.prompt_revisions[slug]

    def resolve(self, reference: Reference | str, *, looked: bool = False, caller: Caller | None = None) -> Resolved:
        """The version a reference means now; without a selector, the one on `stable`.

        `caller` is whoever a share of a split channel is bound to; without one it is the channel's own version. `looked` says that
        a key was looked up for the same request just before: then the database isn't asked again whether it changed.
        Raises PromptReferenceInvalidError, PromptNotFoundError, PromptVersionNotFoundError,
        PromptChannelNotFoundError, PromptChannelEmptyError; and RegistryUnavailableError only if the database can't
        be read and this version was never loaded.
        """
        if isinstance(reference, str):
            reference = parse_reference(reference)
        slug, selector = reference.slug, reference.selector
        variant: Variant = ""
        state = self._state if looked else self._fresh()
        pointers = state.pointers.get(slug)
        if pointers is None:
            raise prompt_not_found(slug, state.pointers)
        if isinstance(selector, str) and is_version_id(selector):
            channel, number = PINNED, self._shelf.number(state, slug, selector, away=self._stale)
        elif isinstance(selector, int):
            channel, number = PINNED, selector
            if number > pointers[LATEST]:
                raise version_not_found(slug, number, pointers[LATEST])
        else:
            channel = STABLE if selector is None else selector
            if channel not in pointers:
                raise nothing_on(slug, channel, pointers)
            number = pointers[channel]
            if caller is not None and (split := state.splits.get(slug, {}).get(channel)) is not None:
                number, variant = choose(slug, number, split, caller.key(split.sticky), self._clock())
        (version, compiled), new = self._shelf.take(state, slug, number, away=self._stale)
        if new:
            self._changed()
        return Resolved(version=version, compiled=compiled, channel=channel, revision=state.revision, variant=variant)

    def close(self) -> None:
        """Give up the worker's place, and let go of the database. An engine is disposed of only if it was made here, from a URL."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        with self._looking:
            if self._watch is not None:
                self._watch.close()
        if self._own_engine:
            self._engine.dispose()

    def _start(self) -> None:
        try:
            changed = None if self._watch is None else self._watch.look()
            self._pull(everything=True)
            if self._watch is not None:
                self._watch.seen(changed)
        except RegistryUnavailableError as error:
            saved = None if self._snapshot is None else self._snapshot.load()
            if saved is None:
                raise
            self._state = saved.state
            self._shelf.saved(saved.state.lineage, saved.version_ids)
            self._say(error)

    def _fresh(self) -> State:
        """What is held, once it is the newest or known to be stale."""
        fresh = None if self._follower is None else self._follower.fresh()
        if fresh is None:
            with self._looking:
                self._look()
        elif fresh is self._stale:
            self._say(None if fresh else RegistryUnavailableError("it has not answered in time"))
        return self._state

    def _look(self) -> None:
        try:
            if self._watch is None:
                self._pull()
            else:
                changed = self._watch.look()
                if changed is None and not self._stale:
                    return
                self._pull(everything=self._watch.replaced)
                # Only now: had the reading failed, the next resolve must try it again.
                self._watch.seen(changed)
        except RegistryUnavailableError as error:
            self._say(error)
        else:
            self._say(None)

    def _say(self, error: RegistryUnavailableError | None) -> None:
        """Note, and log once, that answers are stale because of an error, or aren't any more."""
        if error is not None and not self._stale:
            _log.warning("serving the registry's last snapshot (revision %d): %s", self.revision, error.message)
        elif error is None and self._stale:
            _log.warning("the registry can be read again (revision %d)", self.revision)
            self._changed()
        self._stale = error is not None

    def _pull(self, *, everything: bool = False) -> int:
        """Read what is new, and hold it; gives the revision."""
        with reading(self._engine) as connection:
            return self._pull_by(connection, everything=everything)

    def _pull_by(self, connection: Connection, *, everything: bool = False) -> int:
        held = self._state
        state = read_state(connection, held, everything=everything)
        # What channels serve is fetched now: no resolve is to wait for the network, nor to find the database gone in between.
        self._shelf.stock(state, partial(read_rows, connection))
        if state is not held:
            self._state = state
            self._changed()
        return state.revision

    def _seen(self) -> int:
        return self._fresh().revision if not self._stale else 0

    def _changed(self) -> None:
        if self._keeper is not None:
            self._keeper.changed()

    def _held(self) -> tuple[State, set[VersionKey]]:
        state = self._fresh()
        return state, self._shelf.in_use(state)
