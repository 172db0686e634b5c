"""What a foreign reference means: `production`, `name.v2`, a version's id, and which error is told when nothing is there."""

import pytest

from registry.compat.readings import labelled, resolve_first, versioned
from registry.errors import PromptChannelEmptyError, PromptNotFoundError, PromptVersionNotFoundError, RegistryError
from registry.reference import parse_reference
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.writing.store import Store
from tests.unit.registry.conftest import chat


@pytest.fixture
def filled(store: Store, live: LiveRegistry) -> LiveRegistry:
    for text in ("one", "two", "three"):
        store.save("a", chat(text), message="", by=owner("ann"))
    store.promote("a", 1, reason="r", by=owner("ann"))
    return live


def meant(live: LiveRegistry, text: str) -> tuple[str, str]:
    reference = parse_reference(text)
    resolved = resolve_first(live, (*labelled(reference), *versioned(reference)[1:]))
    return resolved.version.reference, resolved.channel


def test_production_is_stable_until_there_is_such_a_channel(filled: LiveRegistry, store: Store) -> None:
    assert meant(filled, "a@production") == ("a@1", "stable")
    store.promote("a", 2, channel="production", reason="r", by=owner("ann"))
    assert meant(filled, "a@production") == ("a@2", "production")
    assert meant(filled, "a") == ("a@1", "stable")


def test_a_number_at_the_end_of_a_slug(filled: LiveRegistry, store: Store) -> None:
    assert meant(filled, "a.v2") == meant(filled, "a_v2") == ("a@2", "pinned")
    store.save("a.v2", chat("of its own"), message="", by=owner("ann"))
    store.promote("a.v2", 1, reason="r", by=owner("ann"))
    assert meant(filled, "a.v2") == ("a.v2@1", "stable")


def test_a_versions_id_pins_it(filled: LiveRegistry, store: Store) -> None:
    version_id = store.version("a", 2).version_id
    for _ in range(2):
        assert meant(filled, f"a@{version_id}") == ("a@2", "pinned")
    store.save("b", chat("other"), message="", by=owner("ann"))
    with pytest.raises(PromptVersionNotFoundError, match="no version with the id .*; it has only version 1"):
        meant(filled, f"b@{version_id}")


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("b", PromptNotFoundError, "prompt 'b' not found"),
        ("b.v2", PromptNotFoundError, "prompt 'b.v2' not found"),
        ("b@production", PromptNotFoundError, "prompt 'b' not found"),
        ("a.v9", PromptVersionNotFoundError, "prompt 'a' has no version 9"),
        ("a@staging", RegistryError, "no channel 'staging'"),
    ],
)
def test_what_is_not_there(filled: LiveRegistry, text: str, kind: type[RegistryError], says: str) -> None:
    with pytest.raises(kind, match=says):
        meant(filled, text)


def test_a_prompt_without_a_promoted_version_says_so(live: LiveRegistry, store: Store) -> None:
    store.save("a", chat("one"), message="", by=owner("ann"))
    with pytest.raises(PromptChannelEmptyError, match="promote a version first"):
        meant(live, "a@production")
