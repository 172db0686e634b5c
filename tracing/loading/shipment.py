"""Shipments: the segments that go to ClickHouse together as one insert and one block, and the notes that survive a kill.

A note is on disk before its shipment is sent, and goes when its segments are gone. So whoever finds a note knows that these very segments
may be in the table, under which token, and in which life of the server they were sent: a later start of the loader sends the same bytes
with the same token, or looks first. It knows files and refuses to know ClickHouse.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tracing.loading.segments import SpoolFolders, replace_file, sync_folder, table_of

MAX_ROWS = 20_000
MAX_BYTES = 32 * 1024 * 1024
MAX_SEGMENTS = 1_000


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """Segments of one table in their order. `life`: the server that it was sent to, since its start; `at`: when (seconds since 1970).

    `rest`: under this token went only the lines that were missing. `tries` counts its tokens.
    """

    segments: tuple[str, ...]
    tries: int = 1
    life: str = ""
    at: float = 0.0
    rest: bool = False

    @property
    def table(self) -> str:
        return table_of(self.segments[0]) or ""

    @property
    def token(self) -> str:
        """The deduplication token: the segment's name; of several, one that the same segments always get."""
        first, *others = self.segments
        together = f"+{len(others)}.{hashlib.sha256('/'.join(others).encode()).hexdigest()[:16]}" if others else ""
        return first + together + (f"#{self.tries}" if self.tries > 1 else "")


def first_shipment(folders: SpoolFolders, names: Sequence[str]) -> tuple[Shipment, bytes, int]:
    """As many of these segments, in their order, as make one block; with their lines and how many those are.

    The first one is taken whatever its size. One that has gone or can't be read is left out. Raises OSError when none can be read.
    """
    taken: list[str] = []
    parts: list[bytes] = []
    rows = size = 0
    trouble: OSError | None = None
    for name in names[:MAX_SEGMENTS]:
        try:
            lines = read_lines(folders.ready / name)
        except OSError as error:
            trouble = error
            continue
        count = lines.count(b"\n")
        if taken and (rows + count > MAX_ROWS or size + len(lines) > MAX_BYTES):
            break
        taken.append(name)
        parts.append(lines)
        rows, size = rows + count, size + len(lines)
    if not taken:
        raise trouble or FileNotFoundError("no segment to send")
    return Shipment(segments=tuple(taken)), b"".join(parts), rows


def read_lines(path: Path) -> bytes:
    """A segment's lines, each with its newline, whatever is in them. Raises OSError."""
    lines = path.read_bytes()
    return lines if not lines or lines.endswith(b"\n") else lines + b"\n"


def write_note(folders: SpoolFolders, shipment: Shipment) -> None:
    """Puts the note in place, durable. Raises OSError: then nothing may be sent."""
    replace_file(_path(folders, shipment), msgspec.json.encode(shipment))


def read_notes(folders: SpoolFolders, *, clean: bool = True) -> list[Shipment]:
    """The shipments without a known outcome, the oldest first. Notes that are none, or whose segments are all gone, are removed
    (the loader may `clean` its own notes, and nobody else)."""
    found = []
    for path in sorted(folders.sending.iterdir()):
        with contextlib.suppress(OSError):
            try:
                shipment = msgspec.json.decode(path.read_bytes(), type=Shipment)
            except msgspec.DecodeError:
                shipment = None  # a draft: what it was for was never sent
            if (
                shipment is not None
                and shipment.segments
                and any((folders.ready / n).exists() for n in shipment.segments)
            ):
                found.append(shipment)
            elif clean:
                path.unlink()
    return found


def settle(folders: SpoolFolders, shipment: Shipment, loaded: Callable[[Path], None]) -> None:
    """Everything of it is in the table: its segments are given to `loaded`, go, durably, and then the note. Raises OSError."""
    for name in shipment.segments:
        if (folders.ready / name).exists():
            loaded(folders.ready / name)
        (folders.ready / name).unlink(missing_ok=True)
    sync_folder(folders.ready)
    drop_note(folders, shipment)


def drop_note(folders: SpoolFolders, shipment: Shipment) -> None:
    """Nothing of it is in the table: its segments are free for other shipments."""
    _path(folders, shipment).unlink(missing_ok=True)


def _path(folders: SpoolFolders, shipment: Shipment) -> Path:
    return folders.sending / f"{shipment.segments[0]}.note"
