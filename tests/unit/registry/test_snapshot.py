"""The state on disk: a worker starts from it while the database is away, and from nothing that is damaged or another's."""

import logging
import shutil
import stat
import time

import msgspec
import pytest

from registry.errors import PromptNotFoundError, RegistryUnavailableError
from registry.keys import KeyTerms
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.serving.snapshot import Saved, Snapshot, check_present
from registry.serving.state import State
from registry.split import Arm, Caller
from registry.storage.database import migrate, open_engine
from registry.templates.template import render
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

ANN = owner("ann")
SECONDS = 30


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "snapshot"


@pytest.fixture
def key(engine, store):
    """A registry with three versions, a split channel and a key."""
    for text in ("one", "two {{ x }}", "three"):
        store.save("a", chat(text), message="m", by=ANN)
    store.promote("a", 1, reason="r", by=ANN)
    store.promote("a", 1, channel="eu", reason="r", by=ANN)
    store.rollout("a", [Arm(version=2, share=50)], channel="eu", reason="r", by=ANN)
    return KeyStore(engine).create(KeyTerms(name="web", prompts=("a",)), by=ANN).key


def _until(holds) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _saved(engine, folder):
    return Snapshot.of(engine, folder).load()


@pytest.fixture
def kept(engine, store, key, folder):
    """The folder, once a worker has kept what was written there."""
    live = LiveRegistry(engine, snapshot=folder)
    live.join("worker 1")
    live.resolve("a@3")
    _until(lambda: (found := _saved(engine, folder)) is not None and found.state.revision == store.revision())
    live.close()
    return folder


def test_a_worker_starts_from_it_and_goes_on_when_the_database_is_back(database, engine, store, key, kept, caplog):
    with database.away(), caplog.at_level(logging.WARNING, logger="registry"):
        engine.dispose()
        live = LiveRegistry(database.url, snapshot=kept)
        assert (live.stale, live.revision) == (True, 7)
        resolved = live.resolve("a")
        assert (resolved.version.number, resolved.channel, live.stale) == (1, "stable", True)
        assert resolved.version == live.resolve(f"a@{resolved.version.version_id}").version
        assert render(live.resolve("a@2").compiled, {"x": "!"}).messages[0]["content"] == "two !"
        assert live.resolve("a@latest").version.number == 3
        given = {live.resolve("a@eu", caller=Caller(session=f"{n}")).version.number for n in range(50)}
        assert given == {1, 2}
        assert live.key(key.hash) == key
        assert live.slugs() == ["a"]
        with pytest.raises(PromptNotFoundError):
            live.resolve("b")
        assert "serving the registry's last snapshot (revision 7)" in caplog.text
    store.promote("a", 3, reason="r", by=ANN)
    assert (live.resolve("a").version.number, live.stale) == (3, False)
    live.close()


def test_what_is_saved_is_what_was_read(engine, store, kept):
    snapshot = Snapshot.of(engine, kept)
    saved = snapshot.load()
    assert saved is not None
    for (slug, number), version_id in saved.version_ids.items():
        assert snapshot.version(version_id) == store.version(slug, number)
    assert set(saved.version_ids) == {("a", 1), ("a", 2), ("a", 3)}


def test_nobody_else_can_read_it(kept):
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    for path in kept.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"stable":1', b'"stable":2')),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.unlink(),
    ],
    ids=["cut", "changed", "empty", "not text", "gone"],
)
def test_a_damaged_state_is_left_aside(database, engine, kept, damage, caplog):
    damage(kept / "state.json")
    with database.away(), caplog.at_level(logging.WARNING, logger="registry.serving.snapshot"):
        engine.dispose()
        with pytest.raises(RegistryUnavailableError):
            LiveRegistry(database.url, snapshot=kept)
    assert ("left aside" in caplog.text) == (kept / "state.json").exists()


def test_a_damaged_version_is_left_aside(database, engine, kept, caplog):
    for path in (kept / "versions").iterdir():
        row = msgspec.json.decode(path.read_bytes())
        if row["number"] == 1:
            path.write_bytes(msgspec.json.encode({**row, "content": row["content"].replace("one", "eins")}))
    with database.away(), caplog.at_level(logging.WARNING, logger="registry.serving.snapshot"):
        engine.dispose()
        live = LiveRegistry(database.url, snapshot=kept)
        with pytest.raises(RegistryUnavailableError, match="not used here yet"):
            live.resolve("a")
        assert live.resolve("a@3").version.number == 3
        live.close()
    assert "it is damaged" in caplog.text


def test_another_databases_snapshot_is_left_aside(kept, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="registry.serving.snapshot"), pytest.raises(RegistryUnavailableError):
        LiveRegistry(f"sqlite:///{tmp_path / 'other.db'}", snapshot=kept)
    assert "it is of another database" in caplog.text


def test_a_registry_in_place_of_the_one_before_replaces_it(sqlite, tmp_path):
    """Its numbers go on from an older backup, so what the folder has of them is wrong."""
    engine = open_engine(sqlite.url)
    store = Store(engine)
    store.save("a", chat("one"), message="m", by=ANN)
    engine.dispose()
    shutil.copy(sqlite.path, tmp_path / "backup.db")
    store.save("a", chat("two"), message="m", by=ANN)
    live = LiveRegistry(sqlite.url, snapshot=tmp_path / "snapshot")
    live.join("worker 1")
    _until(lambda: (found := _saved(engine, tmp_path / "snapshot")) is not None and found.state.revision == 2)
    engine.dispose()
    for name in ("registry.db-wal", "registry.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(sqlite.path)
    other = store.save("a", chat("another two"), message="m", by=ANN).version
    _until(lambda: live.resolve("a@2").version == other)
    _until(lambda: (_saved(engine, tmp_path / "snapshot").version_ids.get(("a", 2))) == other.version_id)
    live.close()
    engine.dispose()


def test_two_workers_share_a_folder(database, engine, store, key, folder):
    lives = [LiveRegistry(engine, snapshot=folder) for _ in range(2)]
    for number, live in enumerate(lives):
        live.join(f"worker {number}")
    for text in ("four", "five", "six"):
        store.save("a", chat(text), message="m", by=ANN)
        store.promote("a", None, reason="r", by=ANN)
    for live in lives:
        assert live.resolve("a").version.number == 6
    _until(lambda: _saved(engine, folder).state.revision == store.revision())
    for live in lives:
        live.close()
    saved = _saved(engine, folder)
    assert {path.stem for path in (folder / "versions").iterdir()} == set(saved.version_ids.values())


def test_a_worker_that_served_nothing_yet_has_what_channels_serve(database, engine, store, key):
    live = LiveRegistry(engine)
    live.join("worker 1")
    store.promote("a", 2, reason="r", by=ANN)
    _until(lambda: live.look() and live.revision == store.revision())
    with database.away():
        engine.dispose()
        _until(lambda: not live.look())
        assert (live.resolve("a").version.number, live.resolve("a@latest").version.number) == (2, 3)
    live.close()


def test_what_one_worker_has_saved_another_finds(database, engine, store, key, folder):
    """A version that is on no channel any more, and that only the other worker was asked for."""
    store.save("a", chat("four"), message="m", by=ANN)
    lives = [LiveRegistry(engine, snapshot=folder) for _ in range(2)]
    lives[0].join("worker 1")
    lives[0].resolve("a@3")
    _until(lambda: ("a", 3) in (_saved(engine, folder) or Saved(state=State())).version_ids)
    with database.away():
        engine.dispose()
        _until(lambda: not lives[1].look())
        assert lives[1].resolve("a@3").version == lives[0].resolve("a@3").version
    for live in lives:
        live.close()


def test_a_file_that_is_gone_is_not_replaced_by_an_empty_one_unasked(sqlite, tmp_path):
    engine = open_engine(sqlite.url)
    Store(engine).save("a", chat("one"), message="m", by=ANN)
    live = LiveRegistry(engine, snapshot=tmp_path / "snapshot")
    live.join("worker 1")
    _until(lambda: _saved(engine, tmp_path / "snapshot") is not None)
    live.close()
    engine.dispose()
    check_present(engine, tmp_path / "snapshot")
    sqlite.path.unlink()
    with pytest.raises(RegistryUnavailableError, match="put a backup in its place, or remove"):
        check_present(engine, tmp_path / "snapshot")
    shutil.rmtree(tmp_path / "snapshot")
    check_present(engine, tmp_path / "snapshot")
    migrate(engine)
    engine.dispose()
