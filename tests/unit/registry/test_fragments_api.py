from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from registry.http.api import build_router as build_prompts
from registry.http.fragments_api import build_router
from registry.roles import Principal, owner
from registry.serving.live import LiveRegistry
from slugline.errors import add_error_handlers


def who(request: Request) -> Principal:
    """Owner of everything, or whoever sees only what a header names."""
    scope = request.headers.get("x-scope")
    return replace(owner("ann"), prompts=(scope,)) if scope else owner("ann")


@pytest.fixture
def client(store, engine) -> Iterator[TestClient]:
    live = LiveRegistry(engine)
    app = FastAPI()
    app.include_router(build_prompts(store, live, who))
    app.include_router(build_router(engine, who))
    add_error_handlers(app)
    with TestClient(app) as client:
        yield client
    live.close()


def _create(client: TestClient, slug: str, **content: object) -> dict:
    made = client.post("/api/prompts", json={"slug": slug, "content": content, "message": "m"})
    assert made.status_code == 201, made.text
    return made.json()


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    _create(client, "tone", text="Be kind.")
    _create(client, "agent", text="Hi. {% include 'tone' %}")
    newer = {"content": {"text": "Be {{ how }}."}, "message": "m"}
    assert client.post("/api/prompts/tone/versions", json=newer).status_code == 201
    return client


def test_locks_are_taken_and_shown_in_full(filled):
    saved = _create(filled, "pinned", text="{% include 'tone' %}", includes={"tone": 1})
    lock = saved["content"]["includes"]["tone"]
    assert (lock["version"], lock["text"]) == (1, "Be kind.")
    tone = filled.get("/api/prompts/tone/versions").json()["versions"][1]
    assert (lock["hash"], lock["version_id"]) == (tone["content_hash"], tone["version_id"])
    assert filled.get("/api/prompts/pinned?_version=latest").json()["includes"] == {"tone": lock}
    again = filled.post("/api/prompts/pinned/versions", json={"content": saved["content"], "message": "m"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    refused = filled.post("/api/prompts/pinned/versions", json={"content": {"text": "{% include 'tune' %}"}})
    assert refused.status_code == 400
    assert "did you mean 'tone'" in refused.json()["error"]["message"]


def test_users_of_a_fragment(filled):
    found = filled.get("/api/prompts/tone/users").json()
    (user,) = found["current"]
    user.pop("version_id")
    assert user == {"slug": "agent", "version": 1, "fragment_versions": [1], "direct": True, "channels": ["latest"]}
    assert (found["fragment"], found["past"]) == ("tone", [])
    assert filled.get("/api/prompts/tune/users").status_code == 404


def test_the_impact_of_a_move(filled):
    found = filled.get("/api/prompts/tone/impact").json()
    assert (found["fragment"], found["to"]) == ("tone", 2)
    (effect,) = found["effects"]
    assert (effect["user"]["slug"], effect["changed"], effect["compiles"], effect["pinned"]) == (
        "agent",
        True,
        True,
        False,
    )
    assert effect["newly_required"] == ["how"]
    assert effect["diff"]["sentences"] == ["fragment 'tone' moves from version 1 to 2"]
    assert filled.get("/api/prompts/tone/impact?to=1").json()["effects"][0]["changed"] is False
    for to, status in (("9", 404), ("stable", 404), ("No!", 400)):
        assert filled.get(f"/api/prompts/tone/impact?to={to}").status_code == status


def test_nobody_sees_or_includes_what_is_beyond_their_scope(filled):
    _create(filled, "tone-user", text="{% include 'tone' %}")
    scope = {"x-scope": "tone*"}
    assert [user["slug"] for user in filled.get("/api/prompts/tone/users", headers=scope).json()["current"]] == [
        "tone-user"
    ]
    effects = filled.get("/api/prompts/tone/impact", headers=scope).json()["effects"]
    assert [effect["user"]["slug"] for effect in effects] == ["tone-user"]
    for path in ("/api/prompts/agent/users", "/api/prompts/agent/impact"):
        assert filled.get(path, headers=scope).status_code == 403
    body = {"content": {"text": "{% include 'agent' %}"}, "message": "m"}
    refused = filled.post("/api/prompts/tone-user/versions", json=body, headers=scope)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "auth_prompt_not_allowed")
