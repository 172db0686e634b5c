"""Links to shared pages in the registry: what they open, for how long, and who ends them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from registry.errors import (
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    AuthShareNotFoundError,
    PromptInvalidError,
)
from registry.roles import Principal, owner
from registry.shares import LONGEST
from registry.writing.audit import verify
from registry.writing.share_store import ShareStore
from registry.writing.store import Store
from tests.unit.registry.conftest import Database

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ANN = Principal(name="ann", identity="key:ann", roles=frozenset({"author"}), prompts=("a", "set-*"))


def store_at(engine: Engine, now: datetime = NOW) -> ShareStore:
    return ShareStore(engine, clock=lambda: now)


def make(shares: ShareStore, *, slugs: tuple[str, ...] = ("a",), path: str = "/prompts/a/quality", days: float = 1, by: Principal = ANN) -> str:  # fmt: skip
    until = NOW + timedelta(days=days)
    return shares.create(path, slugs, bodies=False, note=" why ", expires_at=until, by=by)[1]


def test_a_link_opens_its_page_until_its_time_is_over(engine: Engine, database: Database) -> None:
    text = make(store_at(engine))
    found = store_at(engine).find(text)
    assert (found.path, found.note, found.created_by) == ("/prompts/a/quality", "why", "ann")
    assert (found.principal.roles, found.principal.prompts) == (frozenset({"viewer"}), ("a",))
    assert text not in database.dump()
    for nothing in (text[:-1], "", found.share_id):
        with pytest.raises(AuthShareNotFoundError):
            store_at(engine).find(nothing)
    assert store_at(engine, NOW + timedelta(hours=23)).find(text) == found
    with pytest.raises(AuthShareNotFoundError):
        store_at(engine, NOW + timedelta(days=1)).find(text)


def test_who_made_it_and_admins_end_it(engine: Engine) -> None:
    shares = store_at(engine)
    texts = [make(shares), make(shares)]
    ids = [shares.find(text).share_id for text in texts]
    with pytest.raises(AuthRoleNotAllowedError):
        shares.revoke(ids[0], by=Principal(name="bob", identity="key:bob", roles=frozenset({"promoter"})))
    shares.revoke(ids[0], by=ANN)
    shares.revoke(ids[1], by=owner("root"))
    assert shares.revoke(ids[1], by=owner("another")).revoked_by == "root", "ended once"
    for text in texts:
        with pytest.raises(AuthShareNotFoundError):
            shares.find(text)
    store = Store(engine)
    assert [entry.action for entry in store.history()] == [
        "share.revoke",
        "share.revoke",
        "share.create",
        "share.create",
    ]
    assert verify(store).whole


def test_nobody_shares_what_they_may_not(engine: Engine) -> None:
    shares = store_at(engine)
    with pytest.raises(AuthRoleNotAllowedError):
        make(shares, by=Principal(name="v", identity="key:v", roles=frozenset({"viewer"})))
    for slugs in (("b",), ("a", "b")):
        with pytest.raises(AuthPromptNotAllowedError):
            make(shares, slugs=slugs)
    for wrong in ({"slugs": ()}, {"path": "//evil"}, {"path": "https://evil"}, {"days": 0}, {"days": LONGEST.days + 1}):
        with pytest.raises(PromptInvalidError):
            make(shares, **wrong)
    assert shares.all_shares() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE shares SET path = '/keys'", "isn't what was shared"),
        ("UPDATE shares SET slugs = '[\"b\"]'", "isn't what was shared"),
        ("UPDATE shares SET bodies = true", "isn't what was shared"),
        ("UPDATE shares SET share_id = 's_x'", "the shared page s_x is there without an event"),
        ("DELETE FROM shares", "is gone"),
    ],
)
def test_who_changes_a_link_past_the_history_is_found(
    database: Database, engine: Engine, statement: str, said: str
) -> None:
    make(store_at(engine))
    assert verify(Store(engine)).whole
    database.run(statement)
    assert any(said in problem for problem in verify(Store(engine)).problems)
