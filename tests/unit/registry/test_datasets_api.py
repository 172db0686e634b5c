"""Datasets over HTTP: what is given and taken, who may, and the statuses of refusals."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from registry.http import channels_api, datasets_api
from registry.roles import ROLES, Principal
from slugline.errors import add_error_handlers
from tests.plugins.standing import Standing
from tests.unit.registry.conftest import chat

ONE = {"variables": {"q": "one"}, "checks": [{"type": "contains", "value": "1"}]}
TWO = {"variables": {"q": "two"}, "must_pass": True}


STORE = Standing()


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """`x-who: author` names the role of who asks, `x-prompts` what they may see; without, an owner."""

    def who(request: Request) -> Principal:
        roles = request.headers.get("x-who", ",".join(ROLES))
        scope = request.headers.get("x-prompts", "")
        prompts = (scope,) if scope else ()
        return Principal(name=roles, identity=f"user:{roles}", roles=frozenset(roles.split(",")), prompts=prompts)

    app = FastAPI()
    app.include_router(datasets_api.build_router(STORE, who, lambda cases, checks: None))
    app.include_router(channels_api.build_router(STORE, who))
    add_error_handlers(app)
    return app


@pytest.fixture
def client(app, store) -> Iterator[TestClient]:
    STORE.put(store)
    with TestClient(app) as client:
        yield client


def call(client: TestClient, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    answer = client.request(method, path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == status, answer.text
    return answer.json() if status < 300 else answer.json()["error"]


def test_from_the_first_save_to_a_difference(client):
    made = call(client, "POST", "/api/datasets", {"name": "golden", "cases": [ONE, ONE], "message": "m"}, 201)
    assert (made["number"], made["created"], made["folded"], len(made["cases"])) == (1, True, 1, 1)
    assert made["cases"][0] == {"case_id": made["cases"][0]["case_id"], **ONE}
    same = call(client, "POST", "/api/datasets/golden/versions", {"cases": [ONE]}, 200)
    assert (same["created"], same["number"]) == (False, 1)
    call(client, "POST", "/api/datasets/golden/versions", {"cases": [ONE], "checks": [{"type": "is-json"}]}, 201)
    more = call(client, "POST", "/api/datasets/golden/cases", {"case": TWO, "message": "complaint"}, 201)
    assert (more["number"], more["message"], more["checks"]) == (3, "complaint", [{"type": "is-json"}])
    call(client, "POST", "/api/datasets/golden/cases", {"case": TWO}, 200)
    about = call(client, "GET", "/api/datasets/golden")
    assert (about["latest"], about["size"], [each["number"] for each in about["versions"]]) == (3, 2, [3, 2, 1])
    assert call(client, "GET", "/api/datasets/golden/versions/1")["cases"] == made["cases"]
    assert call(client, "GET", "/api/datasets/golden/versions/latest")["number"] == 3
    found = call(client, "GET", "/api/datasets/golden/diff?from=1")
    assert found["sentences"] == ["1 case added", "the checks of all cases changed: none → is-json"]
    gone = call(client, "DELETE", f"/api/datasets/golden/cases/{made['cases'][0]['case_id']}?message=old")
    assert (gone["number"], gone["message"], len(gone["cases"])) == (4, "old", 1)
    call(client, "POST", "/api/datasets/golden/archive", {"reason": "r"})
    assert call(client, "GET", "/api/datasets") == {"datasets": []}
    assert call(client, "GET", "/api/datasets?archived=true")["datasets"][0]["archived_by"]
    assert call(client, "POST", "/api/datasets/golden/restore")["archived_at"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/api/datasets/gone", None, 404, "dataset 'gone' not found"),
        ("GET", "/api/datasets/golden/versions/9", None, 404, "has no version 9"),
        ("GET", "/api/datasets/golden/versions/stable", None, 400, "datasets have no channels"),
        ("POST", "/api/datasets/gone/versions", {"cases": [ONE]}, 404, "not found"),
        ("POST", "/api/datasets/gone/cases", {"case": ONE}, 404, "not found"),
        ("POST", "/api/datasets", {"name": "golden", "cases": [ONE]}, 409, "exists already"),
        ("POST", "/api/datasets", {"name": "Go ld", "cases": [ONE]}, 400, "is no name of a dataset"),
        ("POST", "/api/datasets/golden/versions", {"cases": [{"variabels": {}}]}, 400, "cases[0].variabels"),
        ("POST", "/api/datasets/golden/versions", {"cases": []}, 400, "at least one case"),
        (
            "POST",
            "/api/datasets/golden/versions",
            {"cases": [{**ONE, "checks": [{"type": "javascript"}]}]},
            400,
            "python",
        ),
        ("DELETE", "/api/datasets/golden/cases/ffff", None, 404, "has no case 'ffff'"),
    ],
)
def test_what_makes_no_sense_is_refused(client, method, path, body, status, said):
    call(client, "POST", "/api/datasets", {"name": "golden", "cases": [ONE]}, 201)
    assert said in call(client, method, path, body, status)["message"]


def test_terms_of_a_write(client):
    made = call(client, "POST", "/api/datasets", {"name": "golden", "cases": [ONE]}, 201)
    call(client, "POST", "/api/datasets/golden/cases", {"case": TWO}, 412, if_match="99")
    once = [
        call(
            client,
            "POST",
            "/api/datasets/golden/cases",
            {"case": TWO},
            201,
            idempotency_key="k",
            if_match=str(made["revision"]),
        )
        for _ in range(2)
    ]
    assert once[0] == once[1]


def test_roles_and_scopes(client, store):
    new = {"name": "golden", "cases": [ONE]}
    assert call(client, "POST", "/api/datasets", new, 403, x_who="viewer")["code"] == "auth_role_not_allowed"
    call(client, "POST", "/api/datasets", new, 201, x_who="author")
    for path in ("", "/golden", "/golden/versions/1", "/golden/diff?from=1"):
        call(client, "GET", f"/api/datasets{path}", x_who="viewer")
        call(client, "GET", f"/api/datasets{path}", status=403, x_who="application")
    assert call(client, "GET", "/api/datasets", x_prompts="other-*") == {"datasets": []}
    refused = call(client, "GET", "/api/datasets/golden", status=403, x_prompts="other-*")
    assert refused["code"] == "auth_prompt_not_allowed"
    store.save("a", chat("hi"), message="m", by=Principal(name="x", identity="x", roles=frozenset({"admin"})))
    rule = call(client, "PUT", "/api/rules/a/stable", {"policy": {"dataset": "golden"}})
    assert (rule["policy"]["dataset"], rule["policy"]["margin"]) == ("golden", 0.05)
    assert call(client, "GET", "/api/rules")["rules"] == [rule]
    said = call(client, "POST", "/api/datasets/golden/cases", {"case": TWO}, 403, x_who="author")
    assert "part of a gate" in said["message"]
    call(client, "POST", "/api/datasets/golden/cases", {"case": TWO}, 201, x_who="reviewer")
    assert (
        "policy.margin"
        in call(client, "PUT", "/api/rules/a/eu", {"policy": {"dataset": "golden", "margin": 2}}, 400)["message"]
    )


def test_there_is_no_way_to_bring_a_verdict(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if "verdict" in path or "judge" in path]
