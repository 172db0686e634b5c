import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from registry.database import migrate, open_engine, reading, writing
from registry.errors import RegistryUnavailableError
from registry.roles import owner
from registry.tables import metadata
from tests.unit.registry.conftest import chat


def test_connections_are_set_up_to_lose_nothing(engine):
    with reading(engine) as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_the_steps_make_the_tables_that_the_code_expects(engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_and_all_at_once_is_harmless(database):
    url = f"sqlite:///{database}"

    def run(_: int) -> None:
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()

    run(0)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0004",)]
    connection.close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://user:secret@host/db"])
def test_a_url_that_can_not_hold_a_registry_is_refused_without_its_password(url):
    with pytest.raises(RegistryUnavailableError) as caught:
        open_engine(url)
    assert "sqlite:///" in caught.value.message
    assert "secret" not in caught.value.message


def test_a_writer_that_waits_too_long_is_told_so(engine, database, monkeypatch):
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = open_engine(f"sqlite:///{database}")
    with impatient.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA busy_timeout=20")  # type: ignore[union-attr]
    with pytest.raises(RegistryUnavailableError, match="another writer held it"), writing(impatient):
        pass
    with reading(impatient):  # readers don't wait for writers
        pass
    other.close()
    impatient.dispose()


def test_a_broken_file_is_unavailable_not_a_crash(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database" * 1000)
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(RegistryUnavailableError, match="not a database"):
        migrate(engine)
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE versions SET content = '{}'",
        "UPDATE versions SET message = 'x' WHERE number = 1",
        "UPDATE OR REPLACE versions SET number = 2 WHERE number = 1",
        "DELETE FROM versions",
        "INSERT OR REPLACE INTO versions (version_id, slug, number, content, content_hash, message, author, source, created_at, revision) SELECT version_id, slug, number, '{}', content_hash, message, author, source, created_at, revision FROM versions WHERE number = 1",
        "INSERT OR REPLACE INTO versions (version_id, slug, number, content, content_hash, message, author, source, created_at, revision) SELECT 'new', slug, number, '{}', content_hash, message, author, source, created_at, revision FROM versions WHERE number = 1",
        "UPDATE events SET actor = 'x'",
        "DELETE FROM events WHERE revision = 1",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE revision = 1",
    ],
)
def test_the_database_itself_refuses_to_change_what_happened(statement, store, database):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    store.save("a", chat("two"), message="m", by=owner("ann"))
    before = store.versions("a"), store.history("a")
    connection = sqlite3.connect(database)
    with pytest.raises(
        sqlite3.IntegrityError,
        match=r"a version (never changes|is never deleted)|the history (never changes|is never deleted)",
    ):
        connection.execute(statement)
    connection.close()
    assert (store.versions("a"), store.history("a")) == before


def test_a_prompt_with_versions_can_not_be_deleted(store, engine):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    with pytest.raises(RegistryUnavailableError, match="FOREIGN KEY"), writing(engine) as connection:
        connection.execute(text("DELETE FROM prompts"))
