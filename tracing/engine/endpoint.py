"""Where a running engine answers: the value that its process writes down once it is ready, and everybody else reads.

It knows the file's form and whether the process behind it still lives. It refuses to know chDB, HTTP, or how to start
or stop anything: importing it is cheap, so workers and commands may do so freely.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One engine process, as a ClickHouse client needs it.

    `url` is `http://127.0.0.1:PORT`; `user` and `password` are the only credentials it takes, made anew at each start;
    `database` is the one that unqualified names resolve in; `pid` the process; `version` the ClickHouse version.
    """

    url: str
    user: str
    password: str = field(repr=False)
    database: str
    pid: int
    version: str

    @classmethod
    def read(cls, path: Path | str) -> Self | None:
        """Return the endpoint at `path`, or None if there is no file, it is no endpoint, or its process is dead."""
        try:
            document = json.loads(Path(path).read_bytes())
            endpoint = cls(
                url=str(document["url"]),
                user=str(document["user"]),
                password=str(document["password"]),
                database=str(document["database"]),
                pid=int(document["pid"]),
                version=str(document["version"]),
            )
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None
        return endpoint if _lives(endpoint.pid) else None

    def write(self, path: Path | str) -> None:
        """Put the endpoint at `path`, for the owner only (0600); a reader sees the old file or the whole new one."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        draft.replace(target)

    def remove(self, path: Path | str) -> None:
        """Remove the file at `path` if it is still this process's own; a successor's file stays."""
        current = Endpoint.read(path)
        if current == self:
            Path(path).unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # A killed process whose parent has not reaped it yet still takes signals; its state tells.
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in {"Z", "X"}
