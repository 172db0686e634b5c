"""Room: how much the spool may still grow, so that calls that can't be recorded are the worst that a full disk does.

What is waiting is never deleted to make room: the policy is that the newest calls go without a record, and are counted. `refusal` is
asked for each line and reads two numbers; `look` reads the disk and belongs on another thread. Several workers share the room: each
sees what the others wrote at its next look, so the bound may be passed by what they write within two seconds.

After hours of an outage there are many thousand files: whoever loads counts them for all (`publish_size`), so that no worker has to.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracing.loading.segments import SpoolFolders, bytes_in

SIZE_SECONDS = 5.0


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in `ready/`, and in the other folders of segments."""

    ready: int
    rest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`max_bytes`: what all segments together may take; `min_free_bytes`: what stays free on their disk, whoever fills it."""

    max_bytes: int = 10 * 2**30
    min_free_bytes: int = 256 * 2**20


@dataclass(slots=True)
class Room:
    """What one worker knows of the room in a spool."""

    folders: SpoolFolders
    bounds: Bounds
    _left: int = 0
    _why: str = ""
    ready_bytes: int = 0

    def look(self) -> None:
        """Measures anew. A disk that can't be asked counts as one with room: the write itself will tell."""
        size = _published(self.folders) or measure(self.folders)
        self.ready_bytes = size.ready
        below_bound = self.bounds.max_bytes - size.ready - size.rest
        try:
            disk = os.statvfs(self.folders.open)
            above_floor = disk.f_bavail * disk.f_frsize - self.bounds.min_free_bytes
        except OSError:
            above_floor = below_bound
        if below_bound <= above_floor:
            self._left = below_bound
            self._why = f"the spool holds its {self.bounds.max_bytes:,} bytes (spool_max_bytes)"
        else:
            self._left = above_floor
            self._why = f"the disk has no more than {self.bounds.min_free_bytes:,} bytes free (spool_min_free_bytes)"

    def refusal(self, size: int) -> str:
        """Why `size` more bytes may not be written; empty when they may."""
        return self._why if size > self._left else ""

    def taken(self, size: int) -> None:
        """Notes that this worker wrote `size` bytes."""
        self._left -= size


def measure(folders: SpoolFolders) -> Size:
    """Adds up all segments."""
    return Size(ready=bytes_in(folders.ready), rest=bytes_in(folders.open) + bytes_in(folders.refused))


def publish_size(folders: SpoolFolders) -> None:
    """Measures for all workers; they believe it for `SIZE_SECONDS`, and then look for themselves."""
    path = _size_path(folders)
    draft = path.with_name(".size.draft")
    with contextlib.suppress(OSError):
        draft.write_bytes(msgspec.json.encode(measure(folders)))
        draft.replace(path)


def withdraw_size(folders: SpoolFolders) -> None:
    """Nobody counts for all any more."""
    with contextlib.suppress(OSError):
        _size_path(folders).unlink(missing_ok=True)


def _published(folders: SpoolFolders) -> Size | None:
    try:
        path = _size_path(folders)
        if abs(time.time() - path.stat().st_mtime) > SIZE_SECONDS:
            return None
        return msgspec.json.decode(path.read_bytes(), type=Size)
    except (OSError, msgspec.DecodeError):
        return None


def _size_path(folders: SpoolFolders) -> Path:
    return folders.ready.parent / "size.json"
