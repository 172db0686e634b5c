"""What each worker holds of the registry: where every channel points and which keys callers have, in memory, never out of date.

Knows how to notice that somebody wrote, and to read only what is new. Refuses to write, and to know HTTP. The rules:

1. A resolve, and a look-up of a key, first asks whether the database changed. So one that starts after a promotion or a
   revocation has returned, in any process, sees it.
2. Versions never change, so they and their compiled templates are kept once loaded, the least used dropped first.
3. When the database can't be read, the last snapshot is served and `stale` says so; every resolve tries again.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from registry import rows
from registry.database import open_engine, reading
from registry.errors import (
    RegistryUnavailableError,
    prompt_not_found,
    version_id_not_found,
    version_not_found,
)
from registry.keys import CallerKey
from registry.limits import Limits
from registry.reader import STABLE, nothing_on
from registry.reference import PINNED, Reference, is_version_id, parse_reference
from registry.rows import LATEST
from registry.split import Caller, Split, Variant, choose
from registry.tables import caller_keys, channels, prompts
from registry.template import CompiledContent, compile_content
from registry.values import Version
from registry.watch import SqliteWatch

_log = logging.getLogger(__name__)
_WHOLE = Split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
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
    """Resolves references without waiting for anything but a look at SQLite's change counter.

    Reads the database once when made, and raises RegistryUnavailableError if it can't. `capacity` is the number of
    compiled versions to keep, `clock` tells when a hold-back is over. Safe to use from many threads.
    """

    def __init__(
        self,
        source: Engine | str,
        *,
        limits: Limits | None = None,
        capacity: int = 1000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._own_engine = isinstance(source, str)
        self._engine = open_engine(source) if isinstance(source, str) else source
        self._limits = limits or Limits()
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.RLock()
        self._pointers: dict[str, dict[str, int]] = {}
        self._splits: dict[tuple[str, str], Split] = {}
        self._prompt_revisions: dict[str, int] = {}
        self._keys: dict[str, CallerKey] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._compiled: OrderedDict[tuple[str, int], tuple[Version, CompiledContent]] = OrderedDict()
        self._watch = SqliteWatch(str(self._engine.url.database))
        self._stale = False
        self._revision = 0
        changed = self._watch.look()
        self._reload(everything=True)
        self._watch.seen(changed)

    @property
    def revision(self) -> int:
        """The registry's revision that answers come from."""
        return self._revision

    @property
    def stale(self) -> bool:
        """True while the database can't be read and answers come from the last snapshot."""
        return self._stale

    def slugs(self) -> list[str]:
        """Every slug of the snapshot, sorted."""
        with self._lock:
            self._refresh()
            return sorted(self._pointers)

    @property
    def has_keys(self) -> bool:
        """True once a caller key was made. Revoked ones count: to revoke the last key must not open the door."""
        with self._lock:
            self._refresh()
            return bool(self._keys)

    def key(self, hash: str) -> CallerKey | None:
        """The caller key with this hash, revoked and expired ones, too; None if there never was one."""
        with self._lock:
            self._refresh()
            return self._keys.get(hash)

    def channels_on(self, slug: str, number: int) -> list[str]:
        """The channels of a prompt that serve a version now, sorted; of the snapshot that was resolved from last."""
        with self._lock:
            pointers = self._pointers.get(slug, {})
            now = self._clock()
            return sorted(
                name
                for name, version in pointers.items()
                if version == number
                or any(arm.version == number for arm in self._splits.get((slug, name), _WHOLE).at(now))
            )

    def prompt_revision(self, slug: str) -> int:
        """The last write that touched this prompt: its ETag. Raises PromptNotFoundError."""
        with self._lock:
            self._refresh()
            if slug not in self._prompt_revisions:
                raise prompt_not_found(slug, self._pointers)
            return self._prompt_revisions[slug]

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
        with self._lock:
            if not looked:
                self._refresh()
            pointers = self._pointers.get(slug)
            if pointers is None:
                raise prompt_not_found(slug, self._pointers)
            if isinstance(selector, str) and is_version_id(selector):
                channel, number = PINNED, self._number(slug, selector)
            elif isinstance(selector, int):
                channel, number = PINNED, selector
                if number > pointers[LATEST]:
                    raise version_not_found(slug, number, pointers[LATEST])
            else:
                channel = STABLE if selector is None else selector
                if channel not in pointers:
                    raise nothing_on(slug, channel, pointers)
                number = pointers[channel]
                if (split := self._splits.get((slug, channel))) is not None and caller is not None:
                    number, variant = choose(slug, number, split, caller.key(split.sticky), self._clock())
            version, compiled = self._load(slug, number)
            return Resolved(
                version=version, compiled=compiled, channel=channel, revision=self._revision, variant=variant
            )

    def close(self) -> None:
        """Let go of the database. The engine is disposed of only if it was made here, from a URL."""
        with self._lock:
            self._watch.close()
            if self._own_engine:
                self._engine.dispose()

    def _refresh(self) -> None:
        try:
            changed = self._watch.look()
            if changed is None and not self._stale:
                return
            if self._watch.replaced:
                self._engine.dispose()  # its pooled connections still read the file that was there before
            self._reload(everything=self._watch.replaced)
            # Only now: had the reload failed, the next resolve must try it again.
            self._watch.seen(changed)
        except RegistryUnavailableError as error:
            if not self._stale:
                _log.warning("serving the registry's last snapshot (revision %d): %s", self._revision, error.message)
            self._stale = True
            return
        if self._stale:
            _log.warning("the registry can be read again (revision %d)", self._revision)
            self._stale = False

    def _reload(self, *, everything: bool) -> None:
        with reading(self._engine) as connection:
            revision = rows.read_revision(connection)
            everything = everything or revision < self._revision  # an older backup was put in place
            above = 0 if everything else self._revision
            moved = connection.execute(
                select(channels.c.slug, channels.c.name, channels.c.version, channels.c.split, channels.c.sticky).where(
                    channels.c.revision > above
                )
            ).all()
            touched = connection.execute(
                select(prompts.c.slug, prompts.c.revision).where(prompts.c.revision > above)
            ).all()
            keys = rows.read_keys(connection, caller_keys.c.revision > above)
        if everything:
            self._pointers, self._prompt_revisions, self._keys, self._splits = {}, {}, {}, {}
            self._numbers.clear()
            self._compiled.clear()
        for slug, name, version, arms, sticky in moved:
            self._pointers.setdefault(slug, {})[name] = version
            if arms:
                self._splits[slug, name] = rows.split_of(arms, sticky)
            else:
                self._splits.pop((slug, name), None)
        self._prompt_revisions.update((slug, touched_at) for slug, touched_at in touched)
        self._keys.update((key.hash, key) for key in keys)
        self._revision = revision

    def _number(self, slug: str, version_id: str) -> int:
        key = (slug, version_id)
        if key not in self._numbers:
            if self._stale:
                raise RegistryUnavailableError(
                    f"version {version_id} of prompt '{slug}' was not used here yet, and the registry's database can't be "
                    "read now"
                )
            with reading(self._engine) as connection:
                number = rows.read_number(connection, slug, version_id)
            if number is None:
                raise version_id_not_found(slug, version_id, self._pointers[slug][LATEST])
            self._numbers[key] = number
        return self._numbers[key]

    def _load(self, slug: str, number: int) -> tuple[Version, CompiledContent]:
        key = (slug, number)
        held = self._compiled.get(key)
        if held is not None:
            self._compiled.move_to_end(key)
            return held
        if self._stale:  # nothing to ask, and opening a missing file would make an empty one
            raise RegistryUnavailableError(
                f"version {number} of prompt '{slug}' was not used here yet, and the registry's database can't be read now"
            )
        with reading(self._engine) as connection:
            version = rows.read_version(connection, slug, number)
        if version is None:
            raise version_not_found(slug, number, self._pointers[slug][LATEST])
        held = version, compile_content(version.content, self._limits)
        self._compiled[key] = held
        if len(self._compiled) > self._capacity:
            self._compiled.popitem(last=False)
        return held
