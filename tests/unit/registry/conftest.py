"""A registry on a real SQLite file, and the shortest way to content."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.database import migrate, open_engine
from registry.store import Store
from registry.values import Content


def chat(*texts: str, **fields: object) -> Content:
    """Content of system, user, assistant … messages with these texts."""
    roles = ("system", "user", "assistant")
    messages = tuple({"role": roles[i % 3], "content": text} for i, text in enumerate(texts))
    return Content(messages=messages, **fields)  # type: ignore[arg-type]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the registry's file lies."""
    return tmp_path / "registry.db"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    """An engine on a migrated database."""
    engine = open_engine(f"sqlite:///{database}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """The write path."""
    return Store(engine)
