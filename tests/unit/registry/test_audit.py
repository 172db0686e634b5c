"""The history's hash chain: whoever changes anything behind the registry's back is found out."""

import json

import pytest

from registry.content import content_hash
from registry.keys import KeyTerms
from registry.roles import owner
from registry.split import Arm
from registry.writing.audit import verify
from registry.writing.key_store import KeyStore
from tests.unit.registry.conftest import chat

ANN, BOB = owner("ann"), owner("bob")


@pytest.fixture
def lived(store, engine):
    """A registry with some of everything."""
    for text in ("one", "two", "three"):
        store.save("a", chat(text), message=text, by=ANN)
    store.promote("a", 1, reason="first", by=BOB)
    store.promote("a", 2, reason="better", holdback=5, by=BOB)
    store.protect("a", approvals=1, holdback=2.5, by=ANN)
    store.review(store.ask("a", 3, reason="r", by=ANN).request_id, "approve", by=BOB)
    store.rollout("a", [Arm(version=3, share=10.5)], reason="r", by=BOB)
    store.rollback("a", reason="no", by=BOB)
    store.describe("a", owner="team ü", tags=["x"], by=ANN)
    keys = KeyStore(engine)
    key = keys.create(KeyTerms(name="k", prompts=("a",)), by=ANN).key
    keys.update(key.key_id, {"roles": ("author",), "prompts": ()}, by=ANN)
    keys.revoke(keys.create(KeyTerms(name="l"), by=ANN).key.key_id, by=ANN)
    store.archive("a", reason="r", by=BOB)
    return store


def test_what_was_written_properly_is_whole(lived):
    found = verify(lived)
    assert (found.whole, found.problems, found.events) == (True, (), lived.revision())
    newest = lived.history()[0]
    assert found.head == f"{newest.revision}:{newest.hash}"
    assert verify(lived, head=found.head).whole


def test_an_empty_registry_is_whole(store):
    assert verify(store).head == f"0:{'0' * 64}"


FORGED = json.dumps({"kind": "chat", "messages": [{"content": "evil", "role": "system"}]}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE events SET reason = 'other' WHERE revision = 4"], "the event of revision 4 (promote a) isn't"),
        (["UPDATE events SET actor = 'eve' WHERE revision = 1"], "the event of revision 1 (create a) isn't"),
        (["UPDATE events SET identity = 'key:x' WHERE revision = 5"], "the event of revision 5"),
        (["UPDATE events SET at = '2020-01-01 00:00:00' WHERE revision = 5"], "the event of revision 5"),
        (["UPDATE events SET evidence = '{}' WHERE revision = 5"], "the event of revision 5"),
        (["DELETE FROM events WHERE revision = 4"], "the history has no event of revision 4"),
        ([f"UPDATE versions SET content = '{FORGED}' WHERE number = 2"], "version a@2 doesn't say any more what"),
        (
            [f"UPDATE versions SET content = '{FORGED}', content_hash = '{content_hash(FORGED)}' WHERE number = 2"],
            "version a@2 doesn't say any more what was saved at revision 2",
        ),
        (["UPDATE versions SET message = 'x' WHERE number = 2"], "version a@2 has another message"),
        (
            [
                "DELETE FROM channels WHERE name = 'latest'",
                "DELETE FROM requests",
                "DELETE FROM versions WHERE number = 3",
            ],
            "version a@3 is gone",
        ),
        (["UPDATE channels SET version = 3 WHERE name = 'stable'"], "channel 'stable' of prompt 'a' points elsewhere"),
        (["UPDATE channels SET split = '[{\"version\":3,\"share\":99}]' WHERE name = 'stable'"], "points elsewhere"),
        (["DELETE FROM rules"], "the rule for channel 'stable' of prompt 'a' isn't what was set"),
        (
            [
                "INSERT INTO rules (slug, channel, approvals, evaluation, holdback, revision) VALUES ('*', 'eu', 0, TRUE, 0, 1)"
            ],
            "the rule for channel 'eu' of prompt '*'",
        ),
        (
            ["UPDATE caller_keys SET role = 'admin' WHERE name = 'k'"],
            "may do something else than what the history says",
        ),
        (["UPDATE caller_keys SET revoked_at = NULL WHERE name = 'l'"], "may do something else"),
    ],
)
def test_what_was_changed_behind_its_back_is_found(lived, database, statements, said):
    database.tamper(*statements)
    found = verify(lived)
    assert not found.whole
    assert any(said in problem for problem in found.problems), found.problems


def test_an_event_put_in_with_a_hash_of_its_own_breaks_the_next(lived, database):
    database.tamper(
        "UPDATE events SET reason = 'other', hash = (SELECT hash FROM events WHERE revision = 5) WHERE revision = 4",
    )
    assert any("revision 5" in problem for problem in verify(lived).problems)


def test_an_end_that_was_cut_off_shows_by_the_head_that_was_noted(lived, database):
    head = verify(lived).head
    database.tamper(f"DELETE FROM events WHERE revision = {lived.revision()}")
    assert verify(lived).whole  # nothing in the chain can tell
    assert "was cut off" in verify(lived, head=head).problems[0]
    assert "another hash" in verify(lived, head="1:abc").problems[0]
