"""Has anybody written to this SQLite file? Asked on every call, so it has to be cheap: about five microseconds.

Knows SQLite's change counter and the file's identity. Refuses to know what is in the tables.

`PRAGMA data_version` changes on a connection whenever another connection, of any process, has committed
(https://www.sqlite.org/pragma.html#pragma_data_version). It says nothing of a file that was put in the place of the
open one, as restoring a backup does, so the file's identity is compared, too.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from registry.errors import RegistryUnavailableError

Mark = tuple[int, int, int]
"""Device and inode of the file, and SQLite's change counter."""


class SqliteWatch:
    """Compares the file with how it was last seen; not for use by two threads at once.

    `replaced` is True when what `look` last found is another file than the one seen before.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._seen: Mark | None = None
        self.replaced = True

    def look(self) -> Mark | None:
        """What there is to be seen if it differs from what was seen, else None.

        Raises RegistryUnavailableError when the file is gone or can't be read.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 - a third of Path.stat's cost, paid on every call
            identity = status.st_dev, status.st_ino
            if self._connection is None or identity != self._opened:
                self._open(identity)
            mark = (*identity, self._version())
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise RegistryUnavailableError(f"the registry's database can't be read now: {error}") from error
        if mark == self._seen:
            return None
        self.replaced = self._seen is None or self._seen[:2] != identity
        return mark

    def seen(self, mark: Mark | None) -> None:
        """Take this as seen: call it once what changed has been read."""
        if mark is not None:
            self._seen = mark

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._seen = None  # the counter of another connection can't be compared

    def _open(self, identity: tuple[int, int]) -> None:
        self.close()
        uri = f"{Path(self._path).absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=0.25)
        self._opened = identity

    def _version(self) -> int:
        assert self._connection is not None  # noqa: S101 - `look` opened it
        row = self._connection.execute("PRAGMA data_version").fetchone()
        return int(row[0])
