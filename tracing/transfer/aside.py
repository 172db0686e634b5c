"""What an import keeps beside it: lines that it couldn't take, and what traces said of their observations. On disk, for the owner only."""

import json
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tracing.transfer.errors import TransferError


class Rejected:
    """A file of lines that couldn't be taken, each with its number and the reason; made when the first one comes.

    One that an earlier import of the same file left is replaced, or removed where everything fits now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None

    def add(self, line: int, reason: str, text: str) -> None:
        """Keeps a line. Raises TransferError."""
        try:
            if self._file is None:
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                self._file = os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace")
            kept = {"line": line, "reason": reason, "record": text}
            self._file.write(json.dumps(kept, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise TransferError(
                f"a line that can't be taken couldn't be set aside in {self.path} ({error.strerror}): name a place with --rejected"
            ) from error
        self.count += 1

    def close(self) -> None:
        """Ends the file."""
        if self._file is not None:
            self._file.close()
        elif self.path.is_file():
            self.path.unlink(missing_ok=True)


class TraceNotes:
    """What traces said of their observations, however many there are: in a database that goes with the import."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="slugline-import-")
        self._database = sqlite3.connect(Path(self._folder.name) / "notes.db", check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE notes (trace_id TEXT PRIMARY KEY, notes TEXT) WITHOUT ROWID")
        self._any = False

    def put(self, trace_id: str, notes: Mapping[str, Any]) -> None:
        """Keeps what a trace said."""
        if notes:
            self._any = True
            self._database.execute("REPLACE INTO notes VALUES (?, ?)", (trace_id, json.dumps(notes)))

    def get(self, trace_id: str) -> Mapping[str, Any]:
        """What it said; empty where it didn't come."""
        if not self._any:
            return {}
        found = self._database.execute("SELECT notes FROM notes WHERE trace_id = ?", (trace_id,)).fetchone()
        notes: dict[str, Any] = json.loads(found[0]) if found else {}
        return notes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()
