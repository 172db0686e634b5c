"""Sessions and people in the registry: what ends one, who is somebody, what the history says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from registry.errors import (
    AuthKeyEndedError,
    AuthPersonBlockedError,
    AuthPersonNotFoundError,
    AuthRoleNotAllowedError,
    AuthTooManyTriesError,
)
from registry.keys import KeyTerms
from registry.roles import Principal, owner
from registry.sessions import SessionLimits, Vouched, session_hash
from registry.writing.audit import verify
from registry.writing.key_store import KeyStore
from registry.writing.session_store import SessionStore
from registry.writing.sign_in_tries import MOST_TRIES, SignInTries
from registry.writing.store import Store
from tests.unit.registry.conftest import Database

ANN = Vouched(issuer="https://id", subject="1", name="Ann", email="ann@example.com", roles=("author",))
ROOT = owner("root")


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(engine: Engine, clock: Clock) -> SessionStore:
    limits = SessionLimits(idle=timedelta(hours=2), absolute=timedelta(hours=5))
    return SessionStore(engine, limits, clock=clock)


def test_a_session_ends_unused_and_in_any_case(sessions: SessionStore, clock: Clock) -> None:
    text = sessions.open_for_person(ANN).text
    clock.later(hours=1, minutes=59)
    assert sessions.find(text) is not None
    for _ in range(2):  # each use counts
        clock.later(hours=1, minutes=30)
        assert (sessions.find(text) is not None) is (clock.now.hour < 14)
    unused = sessions.open_for_person(ANN).text
    clock.later(hours=2)
    assert sessions.find(unused) is None
    assert sessions.find("") is None
    assert sessions.find(text + "x") is None


def test_a_session_is_never_more_than_its_key(engine: Engine, sessions: SessionStore, clock: Clock) -> None:
    keys = KeyStore(engine, clock=clock)
    issued = keys.create(KeyTerms(name="k", roles=("author",), expires_at=clock.now + timedelta(hours=1)), by=ROOT)
    text = sessions.open_with_key(issued.key).text
    keys.update(issued.key.key_id, {"roles": ("viewer",), "prompts": ("a-*",)}, by=ROOT)
    found = sessions.find(text)
    assert found is not None
    assert (found.principal.roles, found.principal.prompts) == (frozenset({"viewer"}), ("a-*",))
    clock.later(hours=1)
    assert sessions.find(text) is None
    with pytest.raises(AuthKeyEndedError):
        sessions.open_with_key(replace(issued.key))


def test_who_somebody_is_and_what_they_may_follows_the_provider(sessions: SessionStore) -> None:
    first = sessions.open_for_person(ANN)
    renamed = replace(ANN, name="Ann B.", roles=("admin",))
    second = sessions.open_for_person(renamed)
    assert first.principal.identity == second.principal.identity
    found = sessions.find(first.text)
    assert found is not None
    assert (found.principal.name, found.principal.roles) == ("Ann B.", frozenset({"admin"}))
    assert found.principal.aliases == ("ann@example.com", "Ann B.")
    other = sessions.open_for_person(replace(ANN, issuer="https://other"))
    assert other.principal.identity != first.principal.identity, "a subject is one issuer's"
    assert sessions.count(first.principal) == 2
    assert sessions.end_all(first.principal) == 2
    assert sessions.find(second.text) is None
    assert sessions.find(other.text) is not None


def test_blocking_takes_an_admin_and_holds(engine: Engine, sessions: SessionStore) -> None:
    text = sessions.open_for_person(ANN).text
    [person] = sessions.people()
    author = Principal(name="a", identity="key:a", roles=frozenset({"author"}))
    with pytest.raises(AuthRoleNotAllowedError):
        sessions.block(person.person_id, reason="", by=author)
    with pytest.raises(AuthPersonNotFoundError):
        sessions.block("p_x", reason="", by=ROOT)
    sessions.block(person.person_id, reason="left", by=ROOT)
    assert sessions.find(text) is None
    with pytest.raises(AuthPersonBlockedError):
        sessions.open_for_person(ANN)
    sessions.unblock(person.person_id, reason="back", by=ROOT)
    assert sessions.find(text) is None, "what was ended stays so"
    assert sessions.open_for_person(ANN).principal.name == "Ann"
    store = Store(engine)
    assert [(e.action, e.actor) for e in store.history()] == [
        ("session.open", "Ann"),
        ("person.unblock", "root"),
        ("person.block", "root"),
        ("session.open", "Ann"),
    ]
    assert verify(store).whole


def test_nothing_of_a_session_is_kept_but_its_hash(database: Database, sessions: SessionStore) -> None:
    opened = sessions.open_for_person(ANN)
    assert opened.text not in repr(opened)
    assert session_hash(opened.text) in database.dump()
    assert opened.text not in database.dump()


def test_tries_are_counted_by_address_and_forgotten(engine: Engine, clock: Clock) -> None:
    tries = SignInTries(engine, clock=clock)
    for _ in range(MOST_TRIES):
        tries.check("192.0.2.1")
        tries.failed("192.0.2.1")
    with pytest.raises(AuthTooManyTriesError, match="try again in 10 min"):
        SignInTries(engine, clock=clock).check("192.0.2.1")
    tries.check("192.0.2.2")
    clock.later(minutes=10)
    tries.check("192.0.2.1")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE people SET roles = '[\"admin\"]'", "may do something else than what the history says"),
        ("UPDATE people SET blocked_at = NULL", "may do something else than what the history says"),
        ("UPDATE people SET person_id = 'p_x'", "the person p_x is there without an event"),
        ("DELETE FROM people", "is gone"),
    ],
)
def test_who_changes_people_past_the_history_is_found(
    database: Database, engine: Engine, sessions: SessionStore, statement: str, said: str
) -> None:
    sessions.open_for_person(ANN)
    sessions.block(sessions.people()[0].person_id, reason="left", by=ROOT)
    assert verify(Store(engine)).whole
    database.run(statement)
    assert any(said in problem for problem in verify(Store(engine)).problems)
