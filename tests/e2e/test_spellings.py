"""Calls that name their prompt as other products' users do, through the whole server: what is sent, answered and recorded."""

import json
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server

USER = {"role": "user", "content": "Where is my parcel?"}


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    server.save("spelled", "One {{ name }}.", parameters={"temperature": 0.5})
    server.promote("spelled", 1)
    server.save("spelled", "Two {{ name }}.", parameters={"temperature": 0.7})
    return server


def arrived(provider: str, marker: str) -> dict[str, Any]:
    entries = httpx.get(provider + "/simulator/journal").json()
    entries = entries["entries"] if isinstance(entries, dict) else entries
    [found] = [entry for entry in entries if ((entry.get("body") or {}).get("metadata") or {}).get("marker") == marker]
    return found


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "litellm": ({"prompt_id": "spelled", "prompt_variables": {"name": "Ada"}}, "One Ada.", "stable"),
    "litellm-empty-messages": (
        {"prompt_id": "spelled", "prompt_variables": {"name": "Ada"}, "messages": []},
        "One Ada.",
        "stable",
    ),
    "litellm-version": (
        {"prompt_id": "spelled", "prompt_variables": {"name": "Ada"}, "prompt_version": 2},
        "Two Ada.",
        "pinned",
    ),
    "litellm-versioned-id": ({"prompt_id": "spelled.v2", "prompt_variables": {"name": "Ada"}}, "Two Ada.", "pinned"),
    "litellm-label": (
        {"prompt_id": "spelled", "prompt_variables": {"name": "Ada"}, "prompt_label": "production"},
        "One Ada.",
        "stable",
    ),
    "helicone": ({"prompt_id": "spelled", "inputs": {"name": "Ada"}}, "One Ada.", "stable"),
    "helicone-environment": (
        {"prompt_id": "spelled", "inputs": {"name": "Ada"}, "environment": "production", "version_id": "2"},
        "One Ada.",
        "stable",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_prompt_by_another_products_fields(filled: Server, provider: str, case: str) -> None:
    body, text, channel = CASES[case]
    answer = filled.chat(**body, metadata={"marker": case})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-slugline-channel"] == channel
    sent = arrived(provider, case)["body"]
    assert sent == {
        "model": "simulator-large",
        "temperature": sent["temperature"],
        "messages": [{"role": "system", "content": text}],
        "metadata": {"marker": case},
    }
    row = filled.row(answer.headers["x-slugline-call-id"])
    assert (row["prompt"], row["channel"], json.loads(row["variables"])) == ("spelled", channel, {"name": "Ada"})
    assert json.loads(row["params"]) == {"temperature": sent["temperature"]}


def test_helicones_version_id_is_the_one_that_answers_carry(filled: Server) -> None:
    version_id = filled.api.get("/api/prompts/spelled", params={"_version": "2"}).json()["version_id"]
    answer = filled.chat(prompt_id="spelled", inputs={"name": "Ada"}, version_id=version_id)
    assert (answer.headers["x-slugline-prompt"], answer.headers["x-slugline-version-id"]) == ("spelled@2", version_id)


@pytest.mark.parametrize("endpoint", ["responses", "completions", "messages"])
def test_the_other_endpoints_take_them_too(filled: Server, endpoint: str) -> None:
    answer = filled.api.post(f"/v1/{endpoint}", json={"prompt_id": "spelled", "prompt_variables": {"name": "Ada"}})
    sent = filled.row(answer.headers["x-slugline-call-id"])["request"]  # whatever the simulator thinks of it
    assert "One Ada." in sent
    assert "prompt_" not in sent


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt_id": "no-such"}, 404, "prompt_not_found"),
        ({"prompt_id": "no-such.v2"}, 404, "prompt_not_found"),
        ({"prompt_id": "spelled", "environment": "staging"}, 404, "prompt_channel_not_found"),
        ({"prompt_variables": {"name": "Ada"}}, 400, "prompt_parameter_invalid"),
    ],
)
def test_what_names_no_prompt_is_never_passed_on(filled: Server, body: dict[str, Any], status: int, code: str) -> None:
    answer = filled.chat(model="simulator-large", messages=[USER], **body, headers={"x-slugline-record": "metadata"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    row = filled.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["provider"], json.loads(row["params"])) == ("refused", "", {})


def test_portkeys_key_is_never_forwarded(filled: Server, provider: str) -> None:
    secret = "pk-secret-e2e"
    body = {"variables": {"name": "Ada"}, "metadata": {"marker": "portkey-key"}}
    answer = filled.api.post(
        "/v1/prompts/spelled%40latest/completions", json=body, headers={"x-portkey-api-key": secret}
    )
    assert (answer.status_code, answer.headers["x-slugline-prompt"]) == (200, "spelled@2")
    assert secret not in json.dumps(arrived(provider, "portkey-key"))


def test_a_rendered_prompt_says_what_it_was_made_from(filled: Server) -> None:
    answer = filled.api.post("/v1/prompts/spelled/render", json={"variables": {"name": "Ada"}})
    assert answer.json() == {
        "success": True,
        "data": {
            "model": "simulator-large",
            "temperature": 0.5,
            "messages": [{"role": "system", "content": "One Ada."}],
        },
    }
    assert (answer.headers["x-slugline-prompt"], answer.headers["x-slugline-channel"]) == ("spelled@1", "stable")
    missing = filled.api.post("/v1/prompts/spelled/render", json={})
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "prompt_variable_missing")
    wrong = filled.api.post("/v1/prompts/spelled/render", content=b"{")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "request_invalid")
    assert filled.api.get("/v1/prompts/spelled/render").status_code == 404


def test_a_version_whose_model_is_not_wanted_falls_back_to_none_of_its_own(filled: Server) -> None:
    filled.save("spelled-falls", "Be kind.", fallbacks=["simulator-large"])
    body = {"prompt_id": "spelled-falls@latest", "model": "simulator-error-500", "messages": [USER]}
    assert filled.chat(**body).status_code == 200
    assert filled.chat(**body, ignore_prompt_manager_model=True).status_code == 500
