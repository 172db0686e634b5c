"""One owner for one data folder, held with a lock of our own beside it.

chDB has such a lock too, but its exception does not say why it refuses, and it leaves a half-started engine behind.
This one knows who holds the folder. It refuses to know what is in it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderIsOwnedError(Exception):
    """Another process owns the data folder; the text names the folder and the owner."""


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own `folder` while the block runs, by a lock on the file `<folder>.lock`, which then holds this process's id.

    The kernel drops the lock when the process dies, however it dies. Raises FolderIsOwnedError at once if it is taken.
    """
    path = folder.with_name(f"{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise FolderIsOwnedError(
                f"the data folder {folder} is in use by the engine process with pid {owner}; "
                "stop that one first, or give this one another --path"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
