"""The data folder: where what lies, and who owns it. One server at a time."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracing.engine.endpoint import Endpoint


class FolderInUse(Exception):
    """Another server works on this data folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder."""

    path: Path

    @property
    def registry(self) -> Path:
        return self.path / "registry.db"

    @property
    def snapshot(self) -> Path:
        return self.path / "registry-snapshot"

    @property
    def spool(self) -> Path:
        return self.path / "spool"

    @property
    def scoring(self) -> Path:
        return self.path / "scoring"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def clickhouse(self) -> Path:
        return self.path / "clickhouse"

    @property
    def endpoint(self) -> Path:
        return self.path / "engine.json"

    @property
    def meter(self) -> Path:
        return self.path / "meter"

    @property
    def counters(self) -> Path:
        return self.path / "counters"

    @property
    def keeper_status(self) -> Path:
        return self.path / "keeper.json"

    @property
    def imports(self) -> Path:
        """What imports have on their way, and the lock of the one that works."""
        return self.path / "imports"

    @property
    def rollups_asked(self) -> Path:
        """There when somebody wants the keeper to derive rollups anew."""
        return self.path / "rollups.asked"

    @property
    def rollups_mending(self) -> Path:
        """There while the keeper does so, or was killed over it."""
        return self.path / "rollups.mending"

    @property
    def served_at(self) -> str:
        """The URL of the server that was started on this folder last; empty before the first."""
        try:
            return (self.path / "url").read_text("utf-8").strip()
        except OSError:
            return ""

    def note_served_at(self, url: str) -> None:
        """Says where this folder's server listens: whoever finds the file finds the whole of it."""
        draft = self.path / "url.new"
        draft.write_text(url + "\n", "utf-8")
        draft.replace(self.path / "url")

    def make(self) -> None:
        """Makes the folder, for its owner only."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def engine(self) -> Endpoint | None:
        """The embedded engine that answers for this folder now, if there is one."""
        return Endpoint.read(self.endpoint)

    @contextlib.contextmanager
    def owned(self, what: str) -> Iterator[None]:
        """Holds the folder for this process and its children; raises FolderInUse with the owner's name."""
        self.make()
        fd = os.open(self.path / "slugline.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUse(self._refusal(os.pread(fd, 4096, 0))) from None
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps({"pid": os.getpid(), "what": what}).encode(), 0)
            yield
        finally:
            os.close(fd)

    def _refusal(self, owner: bytes) -> str:
        try:
            known = json.loads(owner)
            who = f"{known['what']} (process {known['pid']})"
        except (ValueError, KeyError, TypeError):
            who = "another process"
        return (
            f"the data folder {self.path} is in use by {who}: two servers on one folder would load records twice. "
            "Stop that one first, or give this one a folder of its own with --data DIR."
        )
