"""Other products' spellings on a server with caller keys: a key opens the same, whatever the spelling, wherever it stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.server import Server, run_server, simulator_settings

VARIABLES = {"name": "Ada"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("spellings-keys")
    with run_server(folder, simulator_settings(provider + "/v1"), workers=1, wait_for_engine=False) as server:
        for slug in ("open", "shut", "shut.v2"):
            server.save(slug, f"{slug} one {{{{ name }}}}.")
            server.promote(slug, 1)
            server.save(slug, f"{slug} two {{{{ name }}}}.")
        yield server


@pytest.fixture(scope="module")
def key(keyed: Server) -> str:
    """A key for one prompt on one channel, which it takes when a call names none."""
    return made(keyed, "one", prompts=["open"], channels=["latest"], default_channel="latest")


def made(server: Server, name: str, **terms: Any) -> str:
    answer = server.api.post("/api/keys", json={"name": name, **terms})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def headers(key: str) -> dict[str, str]:
    return {"x-portkey-api-key": key}


def test_portkeys_header_is_a_place_for_a_key(keyed: Server, key: str) -> None:
    for path in ("completions", "render"):
        url = f"/v1/prompts/open/{path}"
        answer = keyed.api.post(url, json={"variables": VARIABLES}, headers=headers(key))
        assert (answer.status_code, answer.headers["x-slugline-prompt"]) == (200, "open@2"), path
        without = keyed.api.post(url, json={"variables": VARIABLES})
        assert (without.status_code, without.json()["error"]["code"]) == (401, "auth_key_missing"), path


@pytest.mark.parametrize("path", ["completions", "render"])
@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("shut", "auth_prompt_not_allowed"),
        ("no-such", "auth_prompt_not_allowed"),
        ("open@stable", "auth_channel_not_allowed"),
        ("open@production", "auth_channel_not_allowed"),
        ("open@1", "auth_channel_not_allowed"),
    ],
)
def test_a_key_opens_no_more_by_a_path(keyed: Server, key: str, path: str, reference: str, code: str) -> None:
    body = {"variables": VARIABLES}
    answer = keyed.api.post(f"/v1/prompts/{reference}/{path}", json=body, headers=headers(key))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_a_key_opens_no_more_by_a_versions_id(keyed: Server, key: str) -> None:
    def version_id(number: int) -> str:
        return str(keyed.api.get("/api/prompts/open", params={"_version": str(number)}).json()["version_id"])

    call = {"prompt_id": "open", "inputs": VARIABLES}
    assert keyed.chat(**call, version_id=version_id(2), headers=headers(key)).status_code == 200
    refused = keyed.chat(**call, version_id=version_id(1), headers=headers(key))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "auth_channel_not_allowed")


def test_what_a_name_may_mean_opens_no_other_prompt(keyed: Server, key: str) -> None:
    call = {"prompt_variables": VARIABLES, "headers": headers(key)}
    assert keyed.chat(prompt_id="open.v2", **call).headers["x-slugline-prompt"] == "open@2"
    assert keyed.chat(prompt_id="shut.v2", **call).json()["error"]["code"] == "auth_prompt_not_allowed"
    only_versioned = made(keyed, "versioned", prompts=["open.v2", "shut.v2"])
    call["headers"] = headers(only_versioned)
    assert keyed.chat(prompt_id="shut.v2", **call).headers["x-slugline-prompt"] == "shut.v2@1"
    # There is no prompt 'open.v2', and version 2 of 'open' is not what this key is for.
    assert keyed.chat(prompt_id="open.v2", **call).json()["error"]["code"] == "prompt_not_found"


def test_an_endpoint_that_a_key_is_not_for(keyed: Server) -> None:
    other = made(keyed, "embeds", endpoints=["embeddings"])
    for path in ("completions", "render"):
        answer = keyed.api.post(f"/v1/prompts/open/{path}", json={"variables": VARIABLES}, headers=headers(other))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth_endpoint_not_allowed")


def test_a_key_in_the_path_is_told_of_and_not_kept(keyed: Server, key: str) -> None:
    answer = keyed.api.post(f"/v1/prompts/{key}/completions", json={}, headers=headers(key))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "auth_key_exposed")
