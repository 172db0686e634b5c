import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import registry.storage.migrations
import registry.storage.session_tables  # its tables belong to the same metadata
from registry.errors import RegistryUnavailableError
from registry.roles import owner
from registry.storage import rows
from registry.storage.database import migrate, open_engine, reading, writing
from registry.storage.roster_postgresql import metadata as roster_metadata
from registry.storage.tables import metadata
from registry.writing.store import Store
from tests.plugins.postgresql import run_postgresql
from tests.unit.registry.conftest import chat


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_connections_are_set_up_to_lose_nothing(engine):
    with reading(engine) as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_the_steps_make_the_tables_that_the_code_expects(engine):
    expected = metadata if engine.dialect.name == "sqlite" else [metadata, roster_metadata]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), expected) == []  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The URL of a database in which there is nothing yet."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql").create()
    return f"sqlite:///{tmp_path / 'registry.db'}"


def test_migrating_all_at_once_and_again_is_harmless(empty):
    def run(_: int) -> None:
        engine = open_engine(empty)
        migrate(engine)
        engine.dispose()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    run(0)
    engine = open_engine(empty)
    with reading(engine) as connection:
        assert MigrationContext.configure(connection).get_current_heads() == tuple(_steps().get_heads())
    Store(engine).save("a", chat("x"), message="m", by=owner("ann"))
    engine.dispose()


def _steps() -> ScriptDirectory:
    return ScriptDirectory(str(Path(registry.storage.migrations.__file__).parent))


def test_a_registry_of_a_newer_release_is_left_alone(engine):
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RegistryUnavailableError, match="a newer Slugline .its tables are at step 9999"):
        migrate(engine)


def test_a_registrys_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "registry.db"
    migrate(open_engine(f"sqlite:///{path}"))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://user:secret@host/db", "postgresql://u:secret@h:x/"]
)
def test_a_url_that_can_not_hold_a_registry_is_refused_without_its_password(url):
    with pytest.raises(RegistryUnavailableError) as caught:
        open_engine(url)
    assert "sqlite:///" in caught.value.message
    assert "postgresql://" in caught.value.message
    assert "secret" not in caught.value.message


def test_a_server_that_is_not_there_is_unavailable_and_no_password_is_shown(tmp_path):
    engine = open_engine(f"postgres://user:secret@/db?host={tmp_path}")
    for transaction in (reading, writing):
        with pytest.raises(RegistryUnavailableError, match="can't be used now") as caught, transaction(engine):
            pass
        assert "secret" not in caught.value.message
    with pytest.raises(RegistryUnavailableError):
        migrate(engine)


def test_without_the_driver_the_message_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "registry.storage.postgresql", None)
    with pytest.raises(RegistryUnavailableError, match=r"pip install 'slugline\[postgresql\]'"):
        open_engine("postgresql://host/db")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_schema_of_its_own_is_the_urls_choice(database):
    database.run("CREATE SCHEMA prompts")
    engine = open_engine(database.url + "&options=-csearch_path%3Dprompts")
    migrate(engine)
    Store(engine).save("a", chat("x"), message="m", by=owner("ann"))
    engine.dispose()
    assert database.run("SELECT count(*) FROM prompts.versions") == [(1,)]
    assert database.run("SELECT count(*) FROM public.versions") == [(0,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_guards_hold_without_a_search_path(database, store):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    with pytest.raises(IntegrityError, match="a version never changes"):
        database.run("SET search_path = ''; UPDATE public.versions SET message = 'x'")


def test_what_a_writer_reads_is_what_the_last_one_wrote(engine):
    """Read first, then write: no two of them may read the same."""
    store = Store(engine)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.save("a", chat(f"{n}"), message="m", by=owner("ann")), range(40)))
    assert store.revision() == store.prompt("a").latest == 40


def test_a_reader_sees_one_moment(engine, store):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    other = open_engine(engine.url.render_as_string(hide_password=False))
    with reading(engine) as connection:
        assert rows.read_revision(connection) == 1
        Store(other).save("a", chat("two"), message="m", by=owner("ann"))
        assert rows.read_revision(connection) == 1
        assert [version.number for version in rows.read_versions(connection, "a")] == [1]
    other.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_reader_can_not_write(engine):
    with pytest.raises(RegistryUnavailableError, match="read-only transaction"), reading(engine) as connection:
        connection.execute(text("DELETE FROM channels"))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_died_in_the_pool_is_not_handed_out(database, store):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    assert store.save("a", chat("two"), message="m", by=owner("ann")).revision == 2


def test_a_frozen_server_is_given_up(monkeypatch):
    """Its connections stay open, and nobody answers: neither the driver nor the operating system would ever give up."""
    monkeypatch.setattr("registry.storage.database.BUSY_SECONDS", 0.5)
    with run_postgresql() as server:
        engine = open_engine(server.create())
        migrate(engine)
        store = Store(engine)
        store.save("a", chat("one"), message="m", by=owner("ann"))
        server.freeze()
        with pytest.raises(RegistryUnavailableError):
            store.save("a", chat("two"), message="m", by=owner("ann"))
        server.thaw()
        assert store.save("a", chat("three"), message="m", by=owner("ann")).version.number == 2
        engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_a_writer_that_waits_too_long_is_told_so(engine, database, monkeypatch):
    monkeypatch.setattr("registry.storage.database.BUSY_SECONDS", 0.2)
    impatient = open_engine(database.url)
    with (
        writing(engine),
        pytest.raises(RegistryUnavailableError, match=r"another writer held it for more than 0\.2 s"),
        writing(impatient),
    ):
        pass
    with writing(engine), reading(impatient):  # readers don't wait for writers
        pass
    impatient.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_writer_that_waits_too_long_is_told_so(engine, database, monkeypatch):
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = open_engine(database.url)
    with impatient.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA busy_timeout=20")  # type: ignore[union-attr]
    with pytest.raises(RegistryUnavailableError, match="another writer held it"), writing(impatient):
        pass
    with reading(impatient):  # readers don't wait for writers
        pass
    other.close()
    impatient.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_is_written_to_a_file_that_is_gone_and_none_is_made_in_its_place(store, engine, database, tmp_path):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    database.path.rename(tmp_path / "elsewhere.db")
    for use in (lambda: store.save("a", chat("two"), message="m", by=owner("ann")), store.prompts):
        with pytest.raises(RegistryUnavailableError, match="can't be used now"):
            use()
    assert not database.path.exists()
    (tmp_path / "elsewhere.db").rename(database.path)
    assert store.save("a", chat("three"), message="m", by=owner("ann")).version.number == 2


def test_a_file_whose_name_has_a_meaning_in_urls(tmp_path):
    (tmp_path / "a#b%20c?").mkdir()
    engine = open_engine(f"sqlite:///{quote(str(tmp_path / 'a#b%20c?' / 'registry.db'))}")
    migrate(engine)
    assert Store(engine).save("a", chat("x"), message="m", by=owner("ann")).version.number == 1
    engine.dispose()
    assert {path.name for path in tmp_path.iterdir()} == {"a#b%20c?"}


def test_a_broken_file_is_unavailable_not_a_crash(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database" * 1000)
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(RegistryUnavailableError, match="not a database"):
        migrate(engine)
    engine.dispose()


_ON_BOTH = [
    "UPDATE versions SET content = '{}'",
    "UPDATE versions SET message = 'x' WHERE number = 1",
    "DELETE FROM versions",
    "UPDATE events SET actor = 'x'",
    "DELETE FROM events WHERE revision = 1",
]
_ON_ONE = {
    "sqlite": [
        "UPDATE OR REPLACE versions SET number = 2 WHERE number = 1",
        "INSERT OR REPLACE INTO versions (version_id, slug, number, content, content_hash, message, author, source, created_at, revision) SELECT version_id, slug, number, '{}', content_hash, message, author, source, created_at, revision FROM versions WHERE number = 1",
        "INSERT OR REPLACE INTO versions (version_id, slug, number, content, content_hash, message, author, source, created_at, revision) SELECT 'new', slug, number, '{}', content_hash, message, author, source, created_at, revision FROM versions WHERE number = 1",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE revision = 1",
    ],
    "postgresql": [
        "TRUNCATE events",
        "TRUNCATE versions CASCADE",
        "TRUNCATE prompts CASCADE",
        "INSERT INTO versions SELECT * FROM versions WHERE number = 1 ON CONFLICT (version_id) DO UPDATE SET content = '{}'",
        "INSERT INTO events SELECT * FROM events WHERE revision = 1 ON CONFLICT (revision) DO UPDATE SET actor = 'x'",
    ],
}


@pytest.mark.parametrize(
    ("database", "statement"),
    [(name, statement) for name, own in _ON_ONE.items() for statement in (*_ON_BOTH, *own)],
    indirect=["database"],
)
def test_the_database_itself_refuses_to_change_what_happened(statement, store, database):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    store.save("a", chat("two"), message="m", by=owner("ann"))
    before = store.versions("a"), store.history("a")
    with pytest.raises(
        IntegrityError,
        match=r"a version (never changes|is never deleted)|the history (never changes|is never deleted)",
    ):
        database.run(statement)
    assert (store.versions("a"), store.history("a")) == before


def test_a_prompt_with_versions_can_not_be_deleted(store, engine):
    store.save("a", chat("one"), message="m", by=owner("ann"))
    with pytest.raises(RegistryUnavailableError, match="(?i)foreign key"), writing(engine) as connection:
        connection.execute(text("DELETE FROM prompts"))
