"""A real registry in a file, real git repositories in temporary folders, and short ways to both."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.roles import owner
from registry.storage.database import open_engine
from registry.values import Content
from slugline.local import LocalAccess
from slugline.settings import Settings
from tests.plugins.registries import new_registry

IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout with a folder `prompts`."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "prompts"

    def git(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **IDENTITY, **environment},
        )
        return done.stdout.strip()

    def write(self, path: str, text: str | bytes) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    def commit(self, message: str, **environment: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, **environment)
        return self.git("rev-parse", "HEAD")

    def clone(self, to: Path, *options: str) -> Repository:
        subprocess.run(
            ["git", "clone", "-q", *options, f"file://{self.root}", str(to)],
            check=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **IDENTITY},
        )
        return Repository(to)


def system(text: str) -> str:
    """A .prompty file of one system message."""
    return f"system:\n{text}\n"


def content(text: str) -> Content:
    """The same as content."""
    return Content(messages=({"role": "system", "content": text},))


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    made = Repository(tmp_path / "repository")
    made.folder.mkdir(parents=True)
    made.git("init", "-q", "-b", "main")
    return made


def access_to(data: Path, name: str = "ann") -> LocalAccess:
    """The registry in a folder, a new one where there is none, as somebody of every role works on it."""
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "registry.db").exists():
        new_registry(data / "registry.db")
    return LocalAccess(open_engine(f"sqlite:///{data / 'registry.db'}"), owner(name), Settings(data=data))


@pytest.fixture
def access(tmp_path: Path) -> Iterator[LocalAccess]:
    """A new registry."""
    with access_to(tmp_path / "data") as opened:
        yield opened
