"""Keys on a real registry: what is written, what never is, and who sees it when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from sqlalchemy import text

from registry.errors import (
    STATUS,
    AuthKeyConflictError,
    AuthKeyEndedError,
    AuthKeyInvalidError,
    AuthKeyNotFoundError,
    RegistryError,
    RegistryUnavailableError,
)
from registry.http.keys_api import KeyUse, build_router
from registry.keys import KeyTerms, key_hash
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.storage.database import writing
from registry.writing.key_store import KeyStore
from tests.unit.registry.conftest import chat

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def keys(engine) -> KeyStore:
    return KeyStore(engine, clock=lambda: NOW)


@pytest.fixture
def live(engine) -> Iterator[LiveRegistry]:
    live = LiveRegistry(engine)
    yield live
    live.close()


def test_a_key_is_kept_as_its_hash_and_comes_back_whole(keys, database):
    terms = KeyTerms(
        name="web",
        roles=("admin",),
        prompts=("support-*",),
        models=("gpt-*",),
        channels=("stable",),
        endpoints=("responses",),
        default_channel="stable",
        owner="ann",
        expires_at=NOW + timedelta(days=90),
        requests_per_minute=60,
        budget_usd=Decimal("0.1"),
        budget_period="day",
    )
    issued = keys.create(terms, by=owner("bob"), request_id="r1")
    assert keys.key(issued.key.key_id) == issued.key
    assert keys.all_keys() == [issued.key]
    assert issued.key.terms == terms
    assert issued.key.hash == key_hash(issued.secret.text)
    assert issued.key.hint == issued.secret.text[-4:]
    assert (issued.key.terms.roles, issued.key.created_by, issued.key.created_at, issued.key.revision) == (
        ("admin",),
        "bob",
        NOW,
        1,
    )
    assert issued.secret.text not in database.dump()
    assert issued.key.hash in database.dump()
    assert issued.secret.text not in repr(issued)
    assert issued.key.hash not in repr(issued)


def test_every_write_is_an_event_of_no_prompt(keys, store):
    store.save("a", chat("x"), message="m", by=owner("ann"))
    before = store.history("a")
    key = keys.create(KeyTerms(name="web"), by=owner("bob"), request_id="r1").key
    keys.update(key.key_id, {"prompts": ("a",)}, by=owner("cat"))
    keys.update(key.key_id, {"prompts": ("a",)}, by=owner("cat"))  # says what is so already
    keys.revoke(key.key_id, reason=" leaked ", by=owner("dan"))
    keys.revoke(key.key_id, reason="again", by=owner("eve"))
    assert store.history("a") == before
    assert store.prompt("a").revision == before[0].revision
    events = store.history()
    assert [(e.revision, e.action, e.slug, e.actor, e.reason) for e in events] == [
        (4, "key.revoke", "", "dan", "leaked"),
        (3, "key.update", "", "cat", ""),
        (2, "key.create", "", "bob", ""),
        (1, "create", "a", "ann", "m"),
    ]
    assert events[2].evidence == {"key_id": key.key_id, "roles": ["application"], "name": "web"}
    assert events[1].evidence == {
        "key_id": key.key_id,
        "name": "web",
        "changes": {"prompts": {"from": [], "to": ["a"]}},
    }
    assert all(key.hash not in str(event.evidence) for event in events)


def test_a_revoked_key_stays_revoked(keys):
    key = keys.create(KeyTerms(name="web"), by=owner("bob")).key
    ended = keys.revoke(key.key_id, by=owner("dan"))
    assert (ended.revoked_at, ended.revoked_by) == (NOW, "dan")
    assert keys.revoke(key.key_id, by=owner("eve")) == ended
    with pytest.raises(AuthKeyEndedError, match="create another"):
        keys.update(key.key_id, {"name": "x"}, by=owner("bob"))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM caller_keys",
        "TRUNCATE caller_keys",
        "UPDATE caller_keys SET revoked_at = NULL",
        "UPDATE caller_keys SET hash = 'x'",
        "UPDATE caller_keys SET key_id = 'x'",
        "REPLACE INTO caller_keys SELECT key_id, name, hash, hint, role, prompts, channels, endpoints, models, default_channel, owner, expires_at, requests_per_minute, budget_usd, budget_period, created_at, created_by, NULL, NULL, revision FROM caller_keys",
    ],
)
def test_the_database_itself_refuses_to_reopen_a_door(keys, database, engine, statement):
    if database.path and statement.startswith("TRUNCATE"):
        return  # SQLite has no such statement
    if not database.path and statement.startswith("REPLACE"):
        statement = statement.replace("REPLACE", "INSERT") + " ON CONFLICT (key_id) DO UPDATE SET revoked_at = NULL"
    key = keys.revoke(keys.create(KeyTerms(name="web"), by=owner("bob")).key.key_id, by=owner("bob"))
    with (
        pytest.raises(RegistryUnavailableError, match="key (never|is never|exists already)"),
        writing(engine) as connection,
    ):
        connection.execute(text(statement))
    assert keys.all_keys() == [key]


def test_an_unknown_id_says_what_is_known_and_shows_no_key(keys):
    issued = keys.create(KeyTerms(name="web"), by=owner("bob"))
    for wrong in (issued.key.key_id[:-1] + "!", "web"):
        with pytest.raises(AuthKeyNotFoundError, match=f"did you mean '{issued.key.key_id}'"):
            keys.key(wrong)
    with pytest.raises(AuthKeyNotFoundError) as caught:
        keys.key("slk_" + "a" * 40)
    assert "aaaa" not in caught.value.message
    assert keys.key(issued.secret.text) == issued.key
    assert keys.revoke(issued.secret.text, by=owner("bob")).revoked_by == "bob"


def test_updates_can_be_made_conditional(keys):
    key = keys.create(KeyTerms(name="web"), by=owner("bob")).key
    newer = keys.update(key.key_id, {"owner": "ann"}, by=owner("bob"), if_match=key.revision)
    with pytest.raises(AuthKeyConflictError, match=f"at revision {newer.revision} now"):
        keys.update(key.key_id, {"owner": "cat"}, by=owner("bob"), if_match=key.revision)


def test_an_expired_key_can_be_renamed_and_given_more_time(engine):
    clock = [NOW]
    keys = KeyStore(engine, clock=lambda: clock[0])
    key = keys.create(KeyTerms(name="web", expires_at=NOW + timedelta(hours=1)), by=owner("bob")).key
    clock[0] = NOW + timedelta(hours=2)
    assert keys.update(key.key_id, {"name": "old"}, by=owner("bob")).terms.expires_at == key.terms.expires_at
    later = NOW + timedelta(hours=3)
    assert keys.update(key.key_id, {"expires_at": later}, by=owner("bob")).terms.expires_at == later
    with pytest.raises(AuthKeyInvalidError, match="past"):
        keys.update(key.key_id, {"expires_at": NOW}, by=owner("bob"))


def test_the_live_registry_sees_each_write_at_once(keys, live, store, engine):
    assert (live.has_keys, live.key("x")) == (False, None)
    issued = keys.create(KeyTerms(name="web"), by=owner("bob"))
    found = key_hash(issued.secret.text)
    assert (live.has_keys, live.key(found)) == (True, issued.key)
    newer = keys.update(issued.key.key_id, {"owner": "ann"}, by=owner("bob"))
    assert live.key(found) == newer
    store.save("a", chat("x"), message="m", by=owner("ann"))
    assert live.key(found) == newer
    ended = keys.revoke(issued.key.key_id, by=owner("bob"))
    assert live.key(found) == ended
    assert live.has_keys  # though the only one is revoked
    again = LiveRegistry(engine)
    assert (again.has_keys, again.key(found)) == (True, ended)
    again.close()


def test_channels_that_point_to_a_version(live, store):
    for content in ("one", "two"):
        store.save("a", chat(content), message="m", by=owner("ann"))
    store.promote("a", 1, reason="r", by=owner("bob"))
    store.promote("a", 1, channel="eu", reason="r", by=owner("bob"))
    live.resolve("a")
    assert (live.channels_on("a", 1), live.channels_on("a", 2), live.channels_on("b", 1)) == (
        ["eu", "stable"],
        ["latest"],
        [],
    )


@pytest.fixture
def client(engine) -> Iterator[TestClient]:
    app = FastAPI()
    counted = KeyUse(requests=3, spent_usd=Decimal("0.5"), unpriced_calls=1)
    app.include_router(build_router(KeyStore(engine), lambda request: owner("ann"), lambda key: counted))

    def refuse(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RegistryError)
        return JSONResponse({"code": error.code, "message": error.message}, STATUS[type(error)])

    app.add_exception_handler(RegistryError, refuse)
    with TestClient(app) as client:
        yield client


def test_the_whole_life_of_a_key_over_http(client):
    made = client.post(
        "/api/keys", json={"name": "web", "prompts": ["a"], "budget_usd": "50", "budget_period": "month"}
    )
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    body = made.json()
    key_id, secret = body["key_id"], body.pop("key")
    assert secret.startswith("slk_")
    assert (body["prompts"], body["budget_usd"], body["created_by"], "hash" in body) == (["a"], "50", "ann", False)
    found = client.get(f"/api/keys/{key_id}")
    assert found.json()["use"] == {"requests": 3, "spent_usd": "0.5", "unpriced_calls": 1, "last_used_at": None}
    changed = client.patch(
        f"/api/keys/{key_id}",
        json={"prompts": [], "budget_usd": None, "budget_period": None},
        headers={"if-match": found.headers["etag"]},
    )
    assert (changed.json()["prompts"], changed.json()["budget_usd"], changed.json()["name"]) == ([], None, "web")
    stale = client.patch(f"/api/keys/{key_id}", json={"name": "x"}, headers={"if-match": found.headers["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "auth_key_conflict")
    assert client.post(f"/api/keys/{key_id}/revoke").json()["revoked_by"] == "ann"
    assert [key["key_id"] for key in client.get("/api/keys").json()["keys"]] == [key_id]
    assert secret not in client.get("/api/keys").text
    assert client.patch(f"/api/keys/{key_id}", json={"name": "x"}).status_code == 409
    assert client.get("/api/keys/k_none").json()["code"] == "auth_key_not_found"
    assert client.post("/api/keys", json={"name": "web", "promts": ["a"]}).status_code == 422
    assert client.post("/api/keys", json={"name": ""}).json()["code"] == "auth_key_invalid"
