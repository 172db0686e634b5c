"""The registry's last state on disk, so that a worker can start, and serve, while the database is away.

Knows a folder: `state.json` (channels, prompts, keys by their hashes, and which versions lie beside it), replaced as a whole, and
`versions/ID.json`, written once each, because a version never changes. Both carry a checksum; what doesn't agree with it counts as
absent. Refuses to know when to write. Several workers may share a folder: a lock file lets one write at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from registry.content import content_hash
from registry.errors import RegistryError, RegistryUnavailableError
from registry.serving.state import State, VersionKey
from registry.storage.rows import version_of
from registry.values import Version

_log = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A state with the ids of those of its versions that lie on disk."""

    state: State
    version_ids: Mapping[VersionKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """The file: a state, and what JSON has no mapping for."""

    state: State
    versions: list[tuple[str, int, str]]


class Snapshot:
    """A folder with the last state. Reading it raises nothing: what can't be read isn't there, and the log says so.

    `source` names the database: what another one left in the folder is not taken for this one's.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self._source = source
        self._versions = folder / "versions"

    @classmethod
    def of(cls, engine: Engine, folder: Path) -> Snapshot:
        """A database's snapshot in a folder."""
        url = engine.url
        host = f"{url.host or url.query.get('host', '')}:{url.port or ''}"
        return cls(folder, f"{url.get_backend_name()}://{host}/{url.database or ''}")

    def load(self) -> Saved | None:
        """What was saved last; None if there is nothing that can be used."""
        path = self.folder / "state.json"
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            about = msgspec.json.decode(head)
            if about["format"] != _FORMAT or about["sha256"] != _checksum(body):
                raise ValueError("it is damaged, or of another release")
            if about["source"] != self._source:
                raise ValueError(f"it is of another database, {about['source']}")
            found = msgspec.json.decode(body, type=_Body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("the registry's snapshot %s is left aside: %s", path, error)
            return None
        ids = {(slug, number): version_id for slug, number, version_id in found.versions}
        return Saved(state=replace(found.state, lineage=0), version_ids=ids)

    def version(self, version_id: str) -> Version | None:
        """A version that was saved, or None."""
        path = self._versions / f"{version_id}.json"
        try:
            row = msgspec.json.decode(path.read_bytes())
            if row["version_id"] != version_id or row["content_hash"] != content_hash(row["content"]):
                raise ValueError("it is damaged")
            return version_of({**row, "created_at": datetime.fromisoformat(row["created_at"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RegistryError) as error:
            _log.warning("the version in %s is left aside: %s", path, error)
            return None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """While this is held nobody else writes here. Raises OSError."""
        self._versions.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def save(self, saved: Saved, new: Mapping[VersionKey, Mapping[Any, Any]]) -> None:
        """Replace what is there; `new` are the rows of versions that aren't yet. To be called while `writing`. Raises OSError.

        Versions come first, then the state that names them; those that it no longer names go last.
        """
        for row in new.values():
            target = self._versions / f"{row['version_id']}.json"
            if not target.exists():
                _replace(target, msgspec.json.encode(dict(row)))
        versions = [(slug, number, version_id) for (slug, number), version_id in saved.version_ids.items()]
        body = msgspec.json.encode(_Body(state=saved.state, versions=versions))
        head = msgspec.json.encode({"format": _FORMAT, "source": self._source, "sha256": _checksum(body)})
        _replace(self.folder / "state.json", head + b"\n" + body)
        named = set(saved.version_ids.values())
        for path in self._versions.iterdir():
            if path.stem not in named:
                path.unlink(missing_ok=True)


def check_present(engine: Engine, folder: Path) -> None:
    """Raise RegistryUnavailableError if SQLite's file is gone and a snapshot says that there was one: an empty one must not take its
    place unasked."""
    if engine.dialect.name != "sqlite" or Path(str(engine.url.database)).exists():
        return
    saved = Snapshot.of(engine, folder).load()
    if saved is not None and saved.state.revision > 0:
        raise RegistryUnavailableError(
            f"the registry's file {engine.url.database} is gone: put a backup in its place, or remove {folder} to begin anew"
        )


def _replace(target: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, after a power cut, too."""
    made = target.with_name(f"{target.name}.new")
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    made.replace(target)


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
