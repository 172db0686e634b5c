"""What is still to go out over OTLP: sealed segments of the spool under a second name, and how far each kind was sent.

1. A segment comes into `export/` as a hard link when it is sealed, before the loader may see it (`SpoolFolders.seal`): so neither a
   ClickHouse nor a collector that is away takes it from the other, and it takes room once.
2. The cursor moves after the collector has accepted; a kill in between sends a batch again. At least once, never less.
3. A segment that was sent is deleted. What is beyond `max_bytes`, or stands in the way of a disk that is nearly full, is given up, the
   oldest first, and counted: telemetry must not cost a record.
"""

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tracing.spool import SpoolFolders

MIN_FREE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Lines of one segment, and where the next ones begin. `last`: there are none after these."""

    path: Path
    lines: tuple[bytes, ...]
    end: int
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much waits to go out: from the segment named `oldest` to the one named `newest`, both empty where nothing waits."""

    segments: int
    bytes: int
    oldest: str = ""
    newest: str = ""


def switch(folders: SpoolFolders, *, on: bool) -> None:
    """Whether segments are kept for going out from now on; what waits already stays."""
    if on:
        (folders.export / "on").touch()
    else:
        (folders.export / "on").unlink(missing_ok=True)


class Backlog:
    """The segments of one table that wait. One process may work on it at a time."""

    def __init__(self, folder: Path, table: str) -> None:
        self._folder = folder
        self._table = table
        self._note = folder / f"cursor-{table}.json"

    def read(self, max_rows: int, max_bytes: int) -> Batch | None:
        """The next lines, at least one however long it is; None when nothing waits. Raises OSError."""
        for path in self._segments():
            with contextlib.suppress(FileNotFoundError):  # given up a moment ago
                return self._read(path, max_rows, max_bytes)
        return None

    def blanked(self, batch: Batch) -> frozenset[int]:
        """Which of a batch's lines were erased since it was read (`tracing.privacy.leftovers`), by their place in it."""
        try:
            with batch.path.open("rb") as file:
                file.seek(batch.end - sum(map(len, batch.lines)))
                return frozenset(
                    number for number, line in enumerate(batch.lines) if file.read(len(line)).isspace() and line.strip()
                )
        except FileNotFoundError:  # given up a moment ago
            return frozenset()

    def done(self, batch: Batch) -> None:
        """Notes that a batch was sent. Raises OSError."""
        if batch.last:
            batch.path.unlink(missing_ok=True)
            return
        draft = self._note.with_suffix(".tmp")
        draft.write_text(json.dumps({"segment": batch.path.name, "offset": batch.end}), "utf-8")
        draft.replace(self._note)

    def waiting(self) -> Waiting:
        """How much of this table waits."""
        found = [(path.name, size) for path in self._segments() if (size := _size(path)) is not None]
        if not found:
            return Waiting(segments=0, bytes=0)
        return Waiting(
            segments=len(found), bytes=sum(size for _, size in found), oldest=found[0][0], newest=found[-1][0]
        )

    def give_up(self, max_bytes: int) -> int:
        """Gives up the oldest segments that are too much; gives how many."""
        found = [(path, size) for path in self._segments() if (size := _size(path)) is not None]
        total = sum(size for _, size in found)
        short = MIN_FREE_BYTES - shutil.disk_usage(self._folder).free
        given_up = 0
        for path, size in found[:-1]:  # the newest is what is being sent, or soon will be
            if total <= max_bytes and short <= 0:
                break
            alone = path.stat().st_nlink == 1
            path.unlink(missing_ok=True)
            total -= size
            short -= size if alone else 0
            given_up += 1
        return given_up

    def _segments(self) -> list[Path]:
        """Oldest first: the names tell when they were begun."""
        return sorted(self._folder.glob(f"{self._table}.*.jsonl"))

    def _read(self, path: Path, max_rows: int, max_bytes: int) -> Batch:
        begin = self._offset(path)
        lines: list[bytes] = []
        size = 0
        with path.open("rb") as file:
            file.seek(begin)
            for line in file:
                if lines and (len(lines) >= max_rows or size + len(line) > max_bytes):
                    return Batch(path=path, lines=tuple(lines), end=begin + size, last=False)
                lines.append(line)
                size += len(line)
        return Batch(path=path, lines=tuple(lines), end=begin + size, last=True)

    def _offset(self, path: Path) -> int:
        try:
            note = json.loads(self._note.read_text("utf-8"))
            return int(note["offset"]) if note["segment"] == path.name else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
