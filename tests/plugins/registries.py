"""A registry on SQLite with its tables: the migrations run once in each process of the tests, and every test gets a copy of what they made."""

import tempfile
from functools import cache
from pathlib import Path

from registry.storage.database import migrate, open_engine


def new_registry(path: Path) -> str:
    """Puts an empty registry at `path`, as a server that starts for the first time would; gives its URL."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()  # the last connection brings the write-ahead log into the file
        assert not path.with_name("registry.db-wal").exists()
        return path.read_bytes()
