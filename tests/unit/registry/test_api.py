from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from registry.errors import STATUS, RegistryError
from registry.http import channels_api
from registry.http.api import build_router, typed
from registry.roles import Principal, owner
from registry.serving.live import LiveRegistry
from tests.plugins.standing import Standing
from tests.unit.registry.conftest import chat

CONTENT = {
    "messages": [{"role": "system", "content": "You help {{ customer }}."}, {"role": "user", "content": "{{ n + 1 }}"}],
    "model": "gpt-5",
    "variables": {"properties": {"n": {"type": "integer"}}},
}


STORE, LIVE = Standing(), Standing()


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = FastAPI()

    def who(request: Request) -> Principal:
        return owner(request.headers.get("x-user", "nobody"))

    app.include_router(build_router(STORE, LIVE, who))
    app.include_router(channels_api.build_router(STORE, who))

    def refuse(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RegistryError)
        return JSONResponse({"code": error.code, "message": error.message, "param": error.param}, STATUS[type(error)])

    app.add_exception_handler(RegistryError, refuse)
    return app


@pytest.fixture
def client(app, store, engine) -> Iterator[TestClient]:
    live = LiveRegistry(engine)
    STORE.put(store)
    LIVE.put(live)
    with TestClient(app, headers={"x-user": "ann"}) as client:
        yield client
    live.close()


@pytest.fixture
def saved(client) -> TestClient:
    assert client.post("/api/prompts", json={"slug": "a", "content": CONTENT, "message": "first"}).status_code == 201
    changed = {**CONTENT, "model": "gpt-6"}
    assert client.post("/api/prompts/a/versions", json={"content": changed, "message": "newer"}).status_code == 201
    assert (
        client.post("/api/prompts/a/channels/stable/promote", json={"version": 1, "reason": "good"}).status_code == 200
    )
    return client


def test_a_prompt_is_made_once(client):
    made = client.post(
        "/api/prompts", json={"slug": "a", "content": CONTENT, "message": "first"}, headers={"x-request-id": "r7"}
    )
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    body = made.json()
    assert (body["slug"], body["version"], body["author"], body["created"], body["message"]) == (
        "a",
        1,
        "ann",
        True,
        "first",
    )
    again = client.post("/api/prompts", json={"slug": "a", "content": CONTENT})
    assert (again.status_code, again.json()["code"]) == (409, "prompt_exists")
    assert client.get("/api/prompts/a/history").json()["events"][0]["request_id"] == "r7"
    assert [prompt["slug"] for prompt in client.get("/api/prompts").json()["prompts"]] == ["a"]


def test_what_is_live_with_all_of_it(saved):
    found = saved.get("/api/prompts/a")
    body = found.json()
    assert (body["version"], body["channel"], body["revision"], body["config"], body["stale"]) == (
        1,
        "stable",
        3,
        {"model": "gpt-5"},
        False,
    )
    assert body["messages"] == CONTENT["messages"]
    assert sorted(body["variables"]["required"]) == ["customer", "n"]
    assert len(body["content_hash"]) == 64
    assert saved.get("/api/prompts/a", params={"_version": "latest"}).json()["config"] == {"model": "gpt-6"}
    assert saved.get("/api/prompts/a", params={"_version": "2"}).json()["channel"] == "pinned"


def test_an_unchanged_prompt_is_not_sent_again(saved):
    tag = saved.get("/api/prompts/a").headers["etag"]
    for header in (tag, f'"x", W/{tag}'):
        again = saved.get("/api/prompts/a", headers={"if-none-match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    saved.post("/api/prompts/a/channels/stable/promote", json={"reason": "newest"})
    assert saved.get("/api/prompts/a", headers={"if-none-match": tag}).json()["version"] == 2


def test_rendering_from_a_body_and_from_a_query(saved):
    posted = saved.post("/api/prompts/a/render", json={"variables": {"customer": "{{ n }}", "n": 2}})
    got = saved.get("/api/prompts/a/render", params={"customer": "{{ n }}", "n": "2"})
    assert posted.json() == got.json()
    assert [message["content"] for message in got.json()["messages"]] == ["You help {{ n }}.", "3"]
    assert (got.json()["version"], got.json()["variables"]) == (1, {"customer": "{{ n }}", "n": 2})
    only = saved.get(
        "/api/prompts/a/render", params={"customer": "x", "n": 1, "role": "user", "_version": "latest"}
    ).json()
    assert ([message["role"] for message in only["messages"]], only["version"]) == (["user"], 2)
    wrong = saved.get("/api/prompts/a/render", params={"customer": "x", "n": "two"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["param"]) == (400, "prompt_variable_invalid", "n")
    missing = saved.post("/api/prompts/a/render", json={})
    assert (missing.status_code, missing.json()["code"]) == (400, "prompt_variable_missing")


def test_saving_the_same_again_is_no_new_version(saved):
    body = {"content": {**CONTENT, "model": "gpt-6"}, "message": "again"}
    again = saved.post("/api/prompts/a/versions", json=body)
    assert (again.status_code, again.json()["version"], again.json()["created"]) == (200, 2, False)
    assert [version["version"] for version in saved.get("/api/prompts/a/versions").json()["versions"]] == [2, 1]
    typo = saved.post("/api/prompts/b/versions", json=body)
    assert (typo.status_code, typo.json()["code"]) == (404, "prompt_not_found")


@pytest.mark.parametrize("revision", ["3", '"3"', 'W/"3"', "*"])
def test_a_lost_update_is_refused(saved, revision):
    promote = "/api/prompts/a/channels/stable/promote"
    first = saved.post(promote, json={"version": 2, "reason": "r"}, headers={"if-match": revision})
    assert (first.status_code, first.json()["revision"], first.json()["from_version"]) == (200, 4, 1)
    second = saved.post(promote, json={"version": 1, "reason": "r"}, headers={"if-match": '"3"'})
    assert (second.status_code, second.json()["code"]) == (412, "prompt_conflict")
    assert "revision 4 now" in second.json()["message"]
    for path, body in (("rollback", {"reason": "r"}), ("promote", {"version": 1, "reason": "r"})):
        assert (
            saved.post(f"/api/prompts/a/channels/stable/{path}", json=body, headers={"if-match": "3"}).status_code
            == 412
        )
    assert (
        saved.post("/api/prompts/a/versions", json={"content": {"text": "x"}}, headers={"if-match": "3"}).status_code
        == 412
    )
    assert saved.post(promote, json={"reason": "r"}, headers={"if-match": '"abc"'}).status_code == 400


def test_rolling_back_and_the_history_of_it(saved):
    saved.post("/api/prompts/a/channels/stable/promote", json={"version": 2, "reason": "r", "evidence": {"run": 1}})
    back = saved.post("/api/prompts/a/channels/stable/rollback", json={"reason": "worse"}, headers={"x-user": "bob"})
    assert (back.json()["from_version"], back.json()["to_version"], back.json()["changed"]) == (2, 1, True)
    page = saved.get("/api/prompts/a/history", params={"limit": 2}).json()
    assert [(event["action"], event["actor"], event["reason"]) for event in page["events"]] == [
        ("rollback", "bob", "worse"),
        ("promote", "ann", "r"),
    ]
    assert page["events"][1]["evidence"] == {"run": 1}
    rest = saved.get("/api/prompts/a/history", params={"before": page["next_before"]}).json()
    assert ([event["action"] for event in rest["events"]], rest["next_before"]) == (["promote", "save", "create"], None)
    assert (
        saved.post("/api/prompts/a/channels/stable/rollback", json={"to": 2, "reason": "r"}).json()["to_version"] == 2
    )


def test_a_diff_of_channels_and_numbers(saved):
    found = saved.get("/api/prompts/a/diff").json()
    assert (found["old"], found["new"], found["sentences"], found["messages"]) == (
        "a@1",
        "a@2",
        ["the model changes from gpt-5 to gpt-6"],
        [],
    )
    assert saved.get("/api/prompts/a/diff", params={"from": 2, "to": 1}).json()["sentences"] == [
        "the model changes from gpt-6 to gpt-5"
    ]


def test_what_was_live_at_a_time(saved, store):
    store.promote("a", 2, reason="r", by=owner("ann"))
    moved = store.history("a", limit=1)[0].at
    for when, channels in (
        (moved, {"latest": 2, "stable": 2}),
        (moved - timedelta(microseconds=1), {"latest": 2, "stable": 1}),
    ):
        for text in (when.isoformat(), when.replace(tzinfo=None).isoformat()):
            assert saved.get("/api/prompts/a/at", params={"time": text}).json()["channels"] == channels


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/prompts/aa", None, 404, "prompt_not_found"),
        ("GET", "/api/prompts/A", None, 400, "prompt_reference_invalid"),
        ("GET", "/api/prompts/a?_version=9", None, 404, "prompt_version_not_found"),
        ("GET", "/api/prompts/a?_version=canary", None, 404, "prompt_channel_not_found"),
        ("GET", "/api/prompts/a/diff?from=0", None, 400, "prompt_reference_invalid"),
        ("GET", "/api/prompts/zzz/versions", None, 404, "prompt_not_found"),
        ("GET", "/api/prompts/zzz/history", None, 404, "prompt_not_found"),
        ("POST", "/api/prompts", {"slug": "A b", "content": CONTENT}, 400, "prompt_reference_invalid"),
        ("POST", "/api/prompts", {"slug": "n", "content": {"text": "{{"}}, 400, "prompt_invalid"),
        ("POST", "/api/prompts", {"slug": "n", "content": {}}, 400, "prompt_invalid"),
        ("POST", "/api/prompts/a/channels/latest/promote", {"reason": "r"}, 400, "prompt_reference_invalid"),
        ("POST", "/api/prompts/a/channels/stable/promote", {"reason": " "}, 400, "prompt_invalid"),
        ("POST", "/api/prompts/a/channels/canary/rollback", {"reason": "r"}, 404, "prompt_channel_not_found"),
    ],
)
def test_refusals_have_their_status_and_code(saved, method, path, body, status, code):
    found = saved.request(method, path, json=body)
    assert (found.status_code, found.json()["code"]) == (status, code)


def test_a_prompt_without_a_stable_version_says_what_to_do(client, store):
    store.save("b", chat("x"), message="m", by=owner("ann"))
    found = client.get("/api/prompts/b")
    assert (found.status_code, found.json()["code"]) == (404, "prompt_channel_empty")
    assert "slugline prompt promote b 1" in found.json()["message"]


def test_misspelt_fields_are_refused(saved):
    assert saved.post("/api/prompts/a/channels/stable/promote", json={"version": 2, "reson": "r"}).status_code == 422
    assert saved.post("/api/prompts/a/render", json={"vars": {}}).status_code == 422


def test_everything_is_in_the_openapi_document(client):
    document = client.get("/openapi.json").json()
    paths = {path: sorted(methods) for path, methods in document["paths"].items()}
    assert paths == {
        "/api/audit": ["get"],
        "/api/audit/verify": ["get"],
        "/api/live": ["get"],
        "/api/prompts": ["get", "post"],
        "/api/prompts/{slug}": ["get", "patch"],
        "/api/prompts/{slug}/archive": ["post"],
        "/api/prompts/{slug}/at": ["get"],
        "/api/prompts/{slug}/channels/{name}/promote": ["post"],
        "/api/prompts/{slug}/channels/{name}/rollback": ["post"],
        "/api/prompts/{slug}/channels/{name}/rollout": ["post"],
        "/api/prompts/{slug}/channels/{name}/schedule": ["post"],
        "/api/prompts/{slug}/about": ["get"],
        "/api/prompts/{slug}/channels/{name}/missing": ["get"],
        "/api/prompts/{slug}/versions/{version}": ["get"],
        "/api/prompts/{slug}/diff": ["get", "post"],
        "/api/prompts/{slug}/history": ["get"],
        "/api/prompts/{slug}/render": ["get", "post"],
        "/api/prompts/{slug}/requests": ["post"],
        "/api/prompts/{slug}/restore": ["post"],
        "/api/prompts/{slug}/versions": ["get", "post"],
        "/api/requests": ["get"],
        "/api/requests/{request_id}": ["get"],
        "/api/requests/{request_id}/reviews": ["post"],
        "/api/requests/{request_id}/withdraw": ["post"],
        "/api/rules": ["get"],
        "/api/rules/{slug}/{channel}": ["put"],
        "/api/schedules": ["get"],
        "/api/schedules/{schedule_id}/cancel": ["post"],
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            success = next(answer for status, answer in operation["responses"].items() if status in ("200", "201"))
            assert "$ref" in success["content"]["application/json"]["schema"]


def test_query_values_are_read_as_declared():
    schema = {
        "properties": {
            "n": {"type": "integer"},
            "s": {"type": "string"},
            "m": {"type": ["string", "null"]},
            "l": {"type": "array"},
            "any": {},
        }
    }
    given = {"n": "3", "s": "3", "m": "null", "l": '["x"]', "any": "3", "other": "1"}
    assert typed(given, schema) == {"n": 3, "s": "3", "m": "null", "l": ["x"], "any": "3", "other": "1"}
    assert typed({"n": "three"}, schema) == {"n": "three"}
