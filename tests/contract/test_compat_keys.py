"""Langfuse's SDK and LiteLLM on a server that others can reach: their own place for a secret holds a key."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from langfuse import Langfuse
from langfuse.api import AccessDeniedError, UnauthorizedError

from tests.e2e.test_serve import slugline
from tests.plugins.server import Server, run_server, simulator_settings


class Reading(Langfuse):
    """The SDK without its tracing; closing it ends its threads."""

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments, tracing_enabled=False)  # type: ignore[arg-type]

    def close(self) -> None:
        self.shutdown()


def make_key(folder: Path, *options: str) -> str:
    done = slugline("key", "create", "k", *options, "--json", "--data", str(folder / "data"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["key"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A server that others can reach, with one prompt, and two applications' keys: one for it, one for another prompt."""

    server: Server
    mine: str
    other: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    mine, other = make_key(folder, "--prompt", "guarded"), make_key(folder, "--prompt", "other")
    admin = make_key(folder, "--admin")
    settings = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(folder, settings, workers=1, wait_for_engine=False) as server:
        server.api.headers["authorization"] = f"Bearer {admin}"
        server.save("guarded", "You help {{ name }}.")
        server.promote("guarded", 1)
        yield Guarded(server=server, mine=mine, other=other)


def test_langfuses_secret_key_is_a_key_for_the_prompt(guarded: Guarded) -> None:
    url = guarded.server.url
    for secret, error in ((guarded.other, AccessDeniedError), ("sk-lf-any", UnauthorizedError)):
        with (
            contextlib.closing(Reading(public_key=f"pk-{secret[-6:]}", secret_key=secret, host=url)) as sdk,
            pytest.raises(error),
        ):
            sdk.get_prompt("guarded", max_retries=0)
    with contextlib.closing(Reading(public_key="pk-mine", secret_key=guarded.mine, host=url)) as sdk:
        prompt = sdk.get_prompt("guarded", type="chat")
        assert prompt.compile(name="Ada") == [{"role": "system", "content": "You help Ada."}]


@pytest.mark.needs("clients")
def test_litellms_api_key_is_a_key_for_the_prompt(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.integrations.generic_prompt_management import GenericPromptManager

    url = guarded.server.url
    found = GenericPromptManager(api_base=url, api_key=guarded.mine)._fetch_prompt_from_api("guarded", None)
    assert found["prompt_template"] == [{"role": "system", "content": "You help {name}."}]
    with pytest.raises(Exception, match="403"):
        GenericPromptManager(api_base=url, api_key=guarded.other)._fetch_prompt_from_api("guarded", None)
