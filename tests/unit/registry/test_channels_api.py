"""Channels, requests, rules, schedules and the audit over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from registry.http import api, channels_api
from registry.roles import ALLOWED, ROLES, Principal
from registry.serving.live import LiveRegistry
from registry.writing.store import Store
from slugline.errors import add_error_handlers
from tests.plugins.standing import Standing
from tests.unit.registry.conftest import Beginning, chat, database_with

BY_ROLE = {name: f"{name}:{name}" for name in ROLES}


STORE, LIVE = Standing(), Standing()


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """`x-who: ann:author,promoter` says who asks; without it, an owner who is known."""

    def who(request: Request) -> Principal:
        name, _, roles = request.headers.get("x-who", "root:" + ",".join(ROLES)).partition(":")
        scope = request.headers.get("x-prompts", "")
        prompts = (scope,) if scope else ()
        return Principal(name=name, identity=f"user:{name}", roles=frozenset(roles.split(",")), prompts=prompts)

    app = FastAPI()
    app.include_router(api.build_router(STORE, LIVE, who))
    app.include_router(channels_api.build_router(STORE, who))
    add_error_handlers(app)
    return app


def saved(store: Store) -> None:
    """Prompts `a` and `b` with three versions each, all of them ann's."""
    ann = Principal(name="ann", identity="user:ann", roles=frozenset({"author"}))
    for slug in ("a", "b"):
        for text in ("one", "two", "three"):
            store.save(slug, chat(text), message=text, by=ann)


database = database_with(Beginning(saved))


@pytest.fixture
def client(app, store, engine) -> Iterator[TestClient]:
    live = LiveRegistry(engine)
    STORE.put(store)
    LIVE.put(live)
    with TestClient(app) as client:
        yield client
    live.close()


def call(client: TestClient, method: str, path: str, body: Any = None, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.request(method, path, json=body, headers=names)
    assert answer.status_code < 300, answer.text
    return answer.json()


def refused(client: TestClient, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.request(method, path, json=body, headers=names)
    return answer.status_code, answer.json()["error"]["code"]


def test_from_request_to_promotion(client):
    rule = call(client, "PUT", "/api/rules/a/stable", {"approvals": 1, "reason": "four eyes"})
    asked = {"approvals": 1, "evaluation": False, "holdback": 0.0, "policy": None}
    assert rule == {"slug": "a", "channel": "stable", **asked}
    assert call(client, "GET", "/api/rules")["rules"] == [rule]
    promotion = ("POST", "/api/prompts/a/channels/stable/promote", {"version": 2, "reason": "r"})
    assert refused(client, *promotion) == (403, "prompt_protected")
    asked = call(client, "POST", "/api/prompts/a/requests", {"version": 2, "reason": "please"}, x_who="ann:author")
    where = f"/api/requests/{asked['request_id']}"
    assert len(asked["missing"]) == 1
    assert refused(client, "POST", f"{where}/reviews", {"kind": "approve"}, x_who="ann:reviewer") == (
        403,
        "prompt_own_work",
    )
    assert refused(client, "POST", f"{where}/reviews", {"kind": "approve"}, x_who="pat:promoter") == (
        403,
        "auth_role_not_allowed",
    )
    call(client, "POST", f"{where}/reviews", {"kind": "comment", "text": "hm"}, x_who="pat:promoter")
    approved = call(client, "POST", f"{where}/reviews", {"kind": "approve"}, x_who="rita:reviewer")
    assert [(review["kind"], review["actor"]) for review in approved["reviews"]] == [
        ("comment", "pat"),
        ("approve", "rita"),
    ]
    assert approved["missing"] == []
    assert call(client, *promotion, x_who="pat:promoter")["changed"]
    assert call(client, "GET", where)["state"] == "promoted"
    assert (
        call(client, "GET", "/api/requests?prompt=a&state=promoted")["requests"][0]["request_id"] == asked["request_id"]
    )
    assert call(client, "GET", "/api/requests?prompt=b")["requests"] == []
    assert refused(client, "POST", f"{where}/withdraw") == (409, "prompt_request_closed")
    assert refused(client, "GET", "/api/requests/nonsense") == (404, "prompt_request_not_found")
    assert refused(client, "POST", f"{where}/reviews", {"kind": "shrug"}) == (422, "request_invalid")


def test_rollouts_and_what_is_live(client):
    call(
        client,
        "POST",
        "/api/prompts/a/channels/stable/promote",
        {"version": 1, "reason": "first"},
        x_who="pat:promoter",
    )
    before = datetime.now(UTC)
    body = {"arms": [{"version": 2, "share": 25}], "sticky": "user", "reason": "try"}
    moved = call(client, "POST", "/api/prompts/a/channels/stable/rollout", body)
    assert moved["split"]["sticky"] == "user"
    assert [call(client, "GET", "/api/prompts/a")[name] for name in ("version", "variant")] == [1, "main"]
    found = {
        (shown["version"], shown["variant"])
        for number in range(60)
        for shown in [call(client, "GET", "/api/prompts/a", x_slugline_user=f"u{number}")]
    }
    assert found == {(1, "main"), (2, "rollout")}
    assert call(client, "GET", "/api/prompts")["prompts"][0]["splits"]["stable"]["arms"][0]["share"] == 25
    live = call(client, "GET", "/api/live?prompt=a")["live"]
    assert [(each["channel"], each["version"], len(each["split"]["arms"])) for each in live] == [
        ("latest", 3, 0),
        ("stable", 1, 1),
    ]
    (then,) = [
        each
        for each in call(client, "GET", f"/api/live?time={before:%Y-%m-%dT%H:%M:%S.%fZ}")["live"]
        if each["channel"] == "stable"
    ]
    assert (then["slug"], then["version"], then["split"]["arms"], then["by"], then["reason"]) == (
        "a",
        1,
        [],
        "pat",
        "first",
    )
    assert refused(
        client, "POST", "/api/prompts/a/channels/stable/rollout", {"arms": [{"version": 9, "share": 5}], "reason": "r"}
    ) == (
        404,
        "prompt_version_not_found",
    )


def test_schedules(client):
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    planned = call(client, "POST", "/api/prompts/a/channels/stable/schedule", {"version": 1, "at": at, "reason": "r"})
    assert call(client, "GET", "/api/schedules?state=waiting")["schedules"] == [planned]
    where = f"/api/schedules/{planned['schedule_id']}/cancel"
    assert call(client, "POST", where, {"reason": "no"})["state"] == "cancelled"
    assert refused(client, "POST", where) == (409, "prompt_request_closed")
    past = {"version": 1, "at": "2020-01-01T00:00:00Z", "reason": "r"}
    assert refused(client, "POST", "/api/prompts/a/channels/stable/schedule", past) == (400, "prompt_invalid")


def test_a_write_with_an_idempotency_key_is_made_once(client):
    body = {"content": {"messages": [{"role": "user", "content": "four"}]}, "message": "m"}
    first = call(client, "POST", "/api/prompts/a/versions", body, idempotency_key="k")
    assert call(client, "POST", "/api/prompts/a/versions", body, idempotency_key="k") == first
    other = {**body, "message": "other"}
    assert refused(client, "POST", "/api/prompts/a/versions", other, idempotency_key="k") == (
        422,
        "prompt_idempotency_key_reused",
    )
    made = {"slug": "new", **body}
    assert call(client, "POST", "/api/prompts", made, idempotency_key="n") == call(
        client, "POST", "/api/prompts", made, idempotency_key="n"
    )
    assert refused(client, "POST", "/api/prompts", made) == (409, "prompt_exists")


def test_describing_archiving_and_comparing_with_what_was_sent(client):
    assert call(client, "PATCH", "/api/prompts/a", {"owner": "team", "tags": ["x"]})["owner"] == "team"
    assert call(client, "POST", "/api/prompts/a/archive", {"reason": "old"})["archived_by"] == "root"
    assert [prompt["slug"] for prompt in call(client, "GET", "/api/prompts")["prompts"]] == ["b"]
    assert len(call(client, "GET", "/api/prompts?archived=true")["prompts"]) == 2
    assert refused(client, "POST", "/api/prompts/a/channels/stable/promote", {"reason": "r"}) == (
        409,
        "prompt_archived",
    )
    call(client, "POST", "/api/prompts/a/restore")
    content = {"messages": [{"role": "system", "content": "three and more"}]}
    found = call(client, "POST", "/api/prompts/a/diff?from=latest", {"content": content})
    assert (found["old"], found["new"]) == ("a@3", "what was sent")
    assert "and more" in str(found["messages"])


def test_the_audit_and_whether_it_is_whole(client):
    page = call(client, "GET", "/api/audit?limit=2")
    assert len(page["events"]) == 2
    assert page["next_before"] == page["events"][-1]["revision"]
    found = call(client, "GET", "/api/audit/verify")
    assert (found["whole"], found["events"], found["problems"]) == (True, 6, [])
    assert found["head"].startswith("6:")
    assert {event["slug"] for event in call(client, "GET", "/api/audit", x_prompts="b")["events"]} == {"b"}


SEEN = {
    "/api/prompts": "inspect",
    "/api/prompts/a/versions": "inspect",
    "/api/prompts/a/history": "inspect",
    "/api/prompts/a/at?time=2026-01-01": "inspect",
    "/api/prompts/a/diff?from=1&to=2": "inspect",
    "/api/prompts/a?_version=latest": "read",
    "/api/prompts/a/render?_version=latest": "read",
    "/api/rules": "inspect",
    "/api/schedules": "inspect",
    "/api/requests": "inspect",
    "/api/live": "inspect",
    "/api/audit": "inspect",
    "/api/audit/verify": "inspect",
}


def test_who_may_see_what(client):
    for path, action in SEEN.items():
        for role in ROLES:
            status = client.get(path, headers={"x-who": BY_ROLE[role]}).status_code
            assert status == (403 if role == "application" and action == "inspect" else 200), (path, role)


def test_no_prompt_out_of_scope_is_seen(client):
    for path in (path for path in SEEN if path.startswith("/api/prompts/a")):
        assert refused(client, "GET", path, x_prompts="b") == (403, "auth_prompt_not_allowed"), path


def test_lists_leave_out_what_is_out_of_scope(client):
    assert [prompt["slug"] for prompt in call(client, "GET", "/api/prompts", x_prompts="b")["prompts"]] == ["b"]
    assert {each["slug"] for each in call(client, "GET", "/api/live", x_prompts="b")["live"]} == {"b"}


CONTENT = {"messages": [{"role": "user", "content": "new"}]}
WRITES = {
    # What is asked for, and the action that it takes. {channel}, {request} and {schedule} are put in.
    ("POST", "/api/prompts"): ({"slug": "c", "content": CONTENT}, "save"),
    ("POST", "/api/prompts/a/versions"): ({"content": CONTENT}, "save"),
    ("PATCH", "/api/prompts/a"): ({"purpose": "p"}, "save"),
    ("POST", "/api/prompts/a/archive"): ({}, "archive"),
    ("POST", "/api/prompts/a/restore"): ({}, "archive"),
    ("POST", "/api/prompts/a/channels/{channel}/promote"): ({"version": 2, "reason": "r"}, "move"),
    ("POST", "/api/prompts/a/channels/{channel}/rollback"): ({"to": 1, "reason": "r"}, "move"),
    ("POST", "/api/prompts/a/channels/{channel}/rollout"): (
        {"arms": [{"version": 2, "share": 5}], "reason": "r"},
        "move",
    ),
    ("POST", "/api/prompts/a/channels/{channel}/schedule"): (
        {"version": 2, "at": "2999-01-01T00:00Z", "reason": "r"},
        "move",
    ),
    ("POST", "/api/schedules/{schedule}/cancel"): ({}, "move"),
    ("POST", "/api/prompts/a/requests"): ({"version": 3, "channel": "{channel}", "reason": "r"}, "request"),
    ("POST", "/api/requests/{request}/reviews"): ({"kind": "approve"}, "review"),
    ("POST", "/api/requests/{request}/withdraw"): ({}, "move"),
    ("PUT", "/api/rules/a/eu"): ({"approvals": 1}, "protect"),
}
INTO_A_CHANNEL = ("/promote", "/rollout")


class Arranged:
    """Channels to write to: `stable` is protected and version 2 isn't approved for it; `canary` is open."""

    def __init__(self, client: TestClient, channel: str) -> None:
        self._client, self._channel = client, channel
        for name in ("stable", "canary"):
            for number in (1, 3, 1):
                call(client, "POST", f"/api/prompts/a/channels/{name}/promote", {"version": number, "reason": "r"})
        call(client, "PUT", "/api/rules/a/stable", {"approvals": 2})
        ask = {"version": 2, "channel": channel, "reason": "r"}
        self._asked = call(client, "POST", "/api/prompts/a/requests", ask, x_who="ann:author")["request_id"]
        at = {"version": 2, "at": "2999-01-01T00:00Z", "reason": "r"}
        self._planned = call(client, "POST", f"/api/prompts/a/channels/{channel}/schedule", at)["schedule_id"]

    def write(self, write: tuple[str, str], role: str) -> tuple[int, str]:
        """The status, and the code of a refusal."""
        (method, path), (body, _) = write, WRITES[write]
        path = path.format(channel=self._channel, request=self._asked, schedule=self._planned)
        body = {name: self._channel if value == "{channel}" else value for name, value in body.items()}
        answer = self._client.request(method, path, json=body, headers={"x-who": BY_ROLE[role]})
        return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 300 else ""

    def stands(self) -> tuple[Any, ...]:
        """What every write would change."""
        return call(self._client, "GET", "/api/prompts/a")["version"], call(self._client, "GET", "/api/audit")["events"]


@pytest.mark.parametrize("channel", ["stable", "canary"])
@pytest.mark.parametrize("role", ROLES)
def test_writes_that_a_role_may_not_are_refused_and_change_nothing(client, role, channel):
    arranged = Arranged(client, channel)
    before = arranged.stands()
    for write in (write for write, (_, action) in WRITES.items() if role not in ALLOWED[action]):
        assert arranged.write(write, role) == (403, "auth_role_not_allowed"), write
        assert arranged.stands() == before, write


@pytest.mark.parametrize("channel", ["stable", "canary"])
@pytest.mark.parametrize(
    ("write", "role"),
    [(write, role) for write, (_, action) in WRITES.items() for role in ROLES if role in ALLOWED[action]],
)
def test_writes_that_a_role_may_are_made_where_the_channel_takes_them(client, write, role, channel):
    arranged = Arranged(client, channel)
    before = arranged.stands()
    if channel == "stable" and write[1].endswith(INTO_A_CHANNEL):
        assert arranged.write(write, role) == (403, "prompt_protected")
        assert arranged.stands() == before
    else:
        assert arranged.write(write, role)[0] in {200, 201}


def test_every_write_of_the_api_is_in_the_table(client):
    document = client.get("/openapi.json").json()
    writes = {
        (
            method.upper(),
            path.replace("{slug}", "a").replace("{name}", "{channel}").replace("{request_id}", "{request}"),
        )
        for path, methods in document["paths"].items()
        for method in methods
        if method != "get" and not path.endswith(("/render", "/diff"))
    }
    writes = {(method, path.replace("{schedule_id}", "{schedule}")) for method, path in writes}
    assert {(method, path.replace("/a/eu", "/a/{channel}")) for method, path in WRITES} == writes
