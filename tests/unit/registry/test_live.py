import logging
import sqlite3

import pytest

from registry.errors import (
    PromptChannelEmptyError,
    PromptChannelNotFoundError,
    PromptNotFoundError,
    PromptVersionNotFoundError,
    RegistryUnavailableError,
)
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.templates.template import render
from registry.writing.store import Store
from tests.unit.registry.conftest import chat


@pytest.fixture
def live(store, database):
    for text in ("one", "two {{ x }}", "three"):
        store.save("a", chat(text), message="m", by=owner("ann"))
    store.promote("a", 1, reason="r", by=owner("bob"))
    live = LiveRegistry(database.url)
    yield live
    live.close()


def _number(live: LiveRegistry, reference: str = "a") -> int:
    return live.resolve(reference).version.number


def test_resolves_channels_and_numbers(live):
    found = {text: live.resolve(text) for text in ("a", "a@stable", "a@latest", "a@2")}
    assert {text: (one.version.number, one.channel) for text, one in found.items()} == {
        "a": (1, "stable"),
        "a@stable": (1, "stable"),
        "a@latest": (3, "latest"),
        "a@2": (2, "pinned"),
    }
    assert {one.revision for one in found.values()} == {live.revision} == {4}
    assert render(found["a@2"].compiled, {"x": "!"}).messages[0]["content"] == "two !"


def test_the_next_resolve_sees_a_write(live, store):
    for number in (2, 3, 2):
        store.promote("a", number, reason="r", by=owner("bob"))
        assert _number(live) == number
        assert live.revision == store.revision()
    store.save("a", chat("four"), message="m", by=owner("ann"))
    assert (_number(live, "a@latest"), _number(live, "a@4")) == (4, 4)
    store.save("b", chat("new"), message="m", by=owner("ann"))
    assert _number(live, "b@latest") == 1
    assert live.slugs() == ["a", "b"]


def test_a_prompts_revision_moves_with_its_own_writes_only(live, store):
    assert live.prompt_revision("a") == 4
    store.save("b", chat("new"), message="m", by=owner("ann"))
    assert (live.prompt_revision("a"), live.prompt_revision("b")) == (4, 5)
    store.describe("a", owner="x", by=owner("ann"))
    assert live.prompt_revision("a") == store.prompt("a").revision == 6
    with pytest.raises(PromptNotFoundError):
        live.prompt_revision("zzz")


@pytest.mark.parametrize(
    ("reference", "error", "said"),
    [
        ("aa", PromptNotFoundError, "prompt 'aa' not found; did you mean 'a'"),
        ("a@9", PromptVersionNotFoundError, "versions 1-3"),
        ("a@canary", PromptChannelNotFoundError, "no channel 'canary' .it has latest, stable"),
        ("a@v2", PromptChannelNotFoundError, "did you mean version 2 .a@2."),
        ("a@stabel", PromptChannelNotFoundError, "did you mean 'stable'"),
        (
            "b",
            PromptChannelEmptyError,
            r"nothing on channel 'stable' yet: promote a version first \(slugline prompt promote b 1\) or call b@latest",
        ),
    ],
)
def test_what_can_not_be_resolved_says_what_can(live, store, reference, error, said):
    store.save("b", chat("x"), message="m", by=owner("ann"))
    with pytest.raises(error, match=said):
        live.resolve(reference)


def test_versions_are_compiled_once_and_the_least_used_dropped_first(store, engine):
    for number in range(1, 5):
        store.save("a", chat(f"{number}"), message="m", by=owner("ann"))
    live = LiveRegistry(engine, capacity=2)
    first = live.resolve("a@1").compiled
    live.resolve("a@2")
    assert live.resolve("a@1").compiled is first
    live.resolve("a@3")  # drops 2
    assert live.resolve("a@1").compiled is first
    live.resolve("a@4"), live.resolve("a@3")  # drops 1
    assert live.resolve("a@1").compiled is not first
    live.close()


def test_without_the_database_the_last_snapshot_is_served(live, store, engine, database, caplog):
    assert (_number(live), live.stale) == (1, False)
    with caplog.at_level(logging.WARNING, logger="registry.serving.live"):
        with database.away():
            for _ in range(3):
                assert (_number(live), live.stale) == (1, True)
            with pytest.raises(RegistryUnavailableError, match="not used here yet"):
                live.resolve("a@2")  # known to exist, never loaded
            with pytest.raises(PromptNotFoundError):
                live.resolve("zzz")
        engine.dispose()
        store.promote("a", 3, reason="r", by=owner("bob"))
        assert (_number(live), live.stale) == (3, False)
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "last snapshot (revision 4)" in said[0]
    assert "can be read again" in said[1]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_backup_put_in_place_is_noticed(live, store, engine, database, tmp_path):
    with sqlite3.connect(database.path) as source, sqlite3.connect(tmp_path / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    store.save("a", chat("four"), message="m", by=owner("ann"))
    store.promote("a", 4, reason="r", by=owner("bob"))
    assert _number(live) == 4
    engine.dispose()
    for leftover in tmp_path.glob("registry.db-*"):
        leftover.unlink()
    (tmp_path / "backup.db").replace(database.path)
    assert (_number(live), live.revision) == (1, 4)
    with pytest.raises(PromptVersionNotFoundError, match="versions 1-3"):
        live.resolve("a@4")
    store.save("a", chat("another four"), message="m", by=owner("ann"))
    assert live.resolve("a@4").version.content == chat("another four")


def test_a_registry_that_was_never_there_is_an_error_at_once(tmp_path):
    with pytest.raises(RegistryUnavailableError):
        LiveRegistry(f"sqlite:///{tmp_path / 'none.db'}")


def test_an_empty_registry_fills_while_it_is_watched(engine):
    live = LiveRegistry(engine)
    assert (live.slugs(), live.revision) == ([], 0)
    Store(engine).save("a", chat("x"), message="m", by=owner("ann"))
    assert (live.slugs(), live.revision) == (["a"], 1)
    live.close()
