"""The versions that a worker has at hand: compiled where they were used, as text where a channel points to them, on disk as a last resort.

Knows where a version can be had, the quickest place first. Refuses to know which version a reference means. Versions never change, so
nothing here is ever out of date; but a registry may be put in the place of another, so everything is kept by its state's lineage.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Engine, RowMapping

from registry.errors import RegistryUnavailableError, version_id_not_found, version_not_found
from registry.serving.snapshot import Snapshot
from registry.serving.state import State, VersionKey
from registry.storage import rows
from registry.storage.database import reading
from registry.storage.rows import LATEST
from registry.templates.limits import Limits
from registry.templates.template import CompiledContent, compile_content
from registry.values import Version

Held = tuple[Version, CompiledContent]


class Shelf:
    """Keeps `capacity` compiled versions; safe to use from many threads. `away` says that the database need not be asked."""

    def __init__(self, engine: Engine, limits: Limits, capacity: int, snapshot: Snapshot | None) -> None:
        self._engine = engine
        self._limits = limits
        self._capacity = capacity
        self._snapshot = snapshot
        self._turn = threading.Lock()
        self._compiled: OrderedDict[tuple[int, str, int], Held] = OrderedDict()
        self._numbers: dict[tuple[int, str, str], int] = {}
        self._texts: tuple[int, Mapping[VersionKey, Mapping[Any, Any]]] = (-1, {})
        self._on_disk: tuple[int, Mapping[VersionKey, str]] = (-1, {})

    def take(self, state: State, slug: str, number: int, *, away: bool) -> tuple[Held, bool]:
        """A version with its templates, and whether it is new here.

        Raises PromptVersionNotFoundError, and RegistryUnavailableError if it isn't at hand and the database can't be read.
        """
        key = (state.lineage, slug, number)
        with self._turn:
            held = self._compiled.get(key)
            if held is not None:
                self._compiled.move_to_end(key)
                return held, False
        version = self._version(state, slug, number, away)
        made = version, compile_content(version.content, self._limits)
        with self._turn:
            held = self._compiled.setdefault(key, made)
            if len(self._compiled) > self._capacity:
                self._compiled.popitem(last=False)
        return held, True

    def number(self, state: State, slug: str, version_id: str, *, away: bool) -> int:
        """The number of a prompt's version by its id. Raises as `take` does."""
        key = (state.lineage, slug, version_id)
        number = self._numbers.get(key)
        if number is None:
            number = self._look_up(state, slug, version_id, away)
            if number is None:
                raise version_id_not_found(slug, version_id, state.pointers[slug][LATEST])
            self._numbers[key] = number
        return number

    def stock(self, state: State, read: Callable[[Collection[VersionKey]], Mapping[VersionKey, RowMapping]]) -> None:
        """Keep the texts of the versions that channels serve, those that aren't here yet by `read`; others go."""
        lineage, texts = self._texts
        wanted = state.on_channels()
        kept = {key: row for key, row in texts.items() if key in wanted} if lineage == state.lineage else {}
        if lineage != state.lineage or wanted != texts.keys():
            self._texts = (state.lineage, {**kept, **read(wanted - kept.keys())})

    def saved(self, lineage: int, version_ids: Mapping[VersionKey, str]) -> None:
        """Note which versions lie in the snapshot."""
        self._on_disk = (lineage, version_ids)

    def in_use(self, state: State) -> set[VersionKey]:
        """The versions that were taken and are still here."""
        with self._turn:
            return {(slug, number) for lineage, slug, number in self._compiled if lineage == state.lineage}

    def _version(self, state: State, slug: str, number: int, away: bool) -> Version:
        lineage, texts = self._texts
        if lineage == state.lineage and (slug, number) in texts:
            return rows.version_of(texts[slug, number])
        error = None
        if not away:  # else there is nothing to ask, and opening a missing file would make an empty one
            try:
                with reading(self._engine) as connection:
                    version = rows.read_version(connection, slug, number)
                if version is None:
                    raise version_not_found(slug, number, state.pointers[slug][LATEST])
                return version
            except RegistryUnavailableError as caught:
                error = caught
        found = self._from_disk(state, (slug, number))
        if found is not None:
            return found
        raise _not_at_hand(f"version {number} of prompt '{slug}'") from error

    def _from_disk(self, state: State, key: VersionKey) -> Version | None:
        """A version as it lies in the snapshot, whichever worker has put it there."""
        if self._snapshot is None:
            return None
        lineage, on_disk = self._on_disk
        if lineage != state.lineage or key not in on_disk:
            saved = self._snapshot.load()
            if saved is None or (saved.state.revision, saved.state.at) != (state.revision, state.at):
                return None  # it may be of a registry that was in this one's place
            on_disk = saved.version_ids
            self._on_disk = (state.lineage, on_disk)
        return self._snapshot.version(on_disk[key]) if key in on_disk else None

    def _look_up(self, state: State, slug: str, version_id: str, away: bool) -> int | None:
        lineage, on_disk = self._on_disk
        if lineage == state.lineage:
            for (known, number), saved_id in list(on_disk.items()):
                if saved_id == version_id and known == slug:
                    return number
        if away:
            raise _not_at_hand(f"version {version_id} of prompt '{slug}'")
        with reading(self._engine) as connection:
            return rows.read_number(connection, slug, version_id)


def _not_at_hand(version: str) -> RegistryUnavailableError:
    return RegistryUnavailableError(f"{version} was not used here yet, and the registry's database can't be read now")
