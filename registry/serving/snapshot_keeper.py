"""The thread that keeps a snapshot as new as what a worker holds, beside the request path.

Knows when to write and which versions are still lacking. Refuses to know files (`registry.serving.snapshot`) and how state is read.
It writes at most once in PAUSE_SECONDS, and not at all when another worker has done so. Told or not, it looks every LOOK_SECONDS: on
SQLite a worker without calls would not notice a write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Engine

from registry.errors import RegistryUnavailableError
from registry.serving.snapshot import Saved, Snapshot
from registry.serving.state import State, VersionKey, continues, read_rows
from registry.storage.database import reading

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
LOOK_SECONDS = 2.0
_MOST_OTHERS = 5000  # versions that were pinned, or on a channel once


class SnapshotKeeper:
    """Runs until `close`. `held` gives the state and the versions in use beside those on channels; `kept` is told what is on disk."""

    def __init__(
        self,
        snapshot: Snapshot,
        engine: Engine,
        held: Callable[[], tuple[State, set[VersionKey]]],
        kept: Callable[[int, Mapping[VersionKey, str]], None],
    ) -> None:
        self._snapshot = snapshot
        self._engine = engine
        self._held = held
        self._kept = kept
        self._wanted = threading.Event()
        self._wanted.set()
        self._ending = threading.Event()
        self._failed = False
        self._done: tuple[State | None, set[VersionKey]] = (None, set())
        self._thread = threading.Thread(target=self._run, name="registry-snapshot", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Something is held that wasn't before."""
        self._wanted.set()

    def close(self) -> None:
        """End, once what is being written is written."""
        self._ending.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wanted.wait(LOOK_SECONDS)
            self._wanted.clear()
            state, used = self._held()
            if state is self._done[0] and used <= self._done[1]:
                continue
            try:
                self._save(state, used)
                self._failed = False
                self._done = state, used
            except BlockingIOError:  # another worker is at it
                self._wanted.set()
            except RegistryUnavailableError:
                pass  # we are told when it is back
            except OSError as error:
                if not self._failed:
                    _log.warning("the registry's snapshot can't be written, calls go on: %s", error)
                self._failed = True
                self._wanted.set()
            self._ending.wait(PAUSE_SECONDS)

    def _save(self, state: State, used: set[VersionKey]) -> None:
        with self._snapshot.writing():
            lineage = state.lineage
            there = self._snapshot.load()
            wanted = state.on_channels() | used
            with reading(self._engine) as connection:
                if there is None or not continues(connection, there.state):
                    there = Saved(state=State())
                if there.state.revision >= state.revision:
                    if wanted <= there.version_ids.keys():
                        self._kept(lineage, there.version_ids)
                        return
                    state = there.state
                    wanted |= state.on_channels()
                new = read_rows(connection, wanted - there.version_ids.keys())
            others = there.version_ids.keys() - wanted
            if len(others) > _MOST_OTHERS:
                others = set()
            ids = {key: there.version_ids[key] for key in (wanted & there.version_ids.keys()) | others}
            ids |= {key: row["version_id"] for key, row in new.items()}
            self._snapshot.save(Saved(state=replace(state, lineage=0), version_ids=ids), new)
            self._kept(lineage, ids)
