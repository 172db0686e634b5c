"""Langfuse's SDK and LiteLLM on a server that others can reach: their own place for a secret holds an admin key."""

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
    """A server that others can reach, with one prompt, and two keys."""

    server: Server
    application: str
    admin: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    application, admin = make_key(folder), make_key(folder, "--admin")
    settings = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(folder, settings, workers=1, wait_for_engine=False) as server:
        server.api.headers["authorization"] = f"Bearer {admin}"
        server.save("guarded", "You help {{ name }}.")
        server.promote("guarded", 1)
        yield Guarded(server=server, application=application, admin=admin)


def test_langfuses_secret_key_is_an_admin_key(guarded: Guarded) -> None:
    url = guarded.server.url
    for secret, error in ((guarded.application, AccessDeniedError), ("sk-lf-any", UnauthorizedError)):
        with (
            contextlib.closing(Reading(public_key=f"pk-{secret[-6:]}", secret_key=secret, host=url)) as sdk,
            pytest.raises(error),
        ):
            sdk.get_prompt("guarded", max_retries=0)
    with contextlib.closing(Reading(public_key="pk-admin", secret_key=guarded.admin, host=url)) as sdk:
        prompt = sdk.get_prompt("guarded", type="chat")
        assert prompt.compile(name="Ada") == [{"role": "system", "content": "You help Ada."}]


@pytest.mark.needs("clients")
def test_litellms_api_key_is_an_admin_key(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.integrations.generic_prompt_management import GenericPromptManager

    url = guarded.server.url
    found = GenericPromptManager(api_base=url, api_key=guarded.admin)._fetch_prompt_from_api("guarded", None)
    assert found["prompt_template"] == [{"role": "system", "content": "You help {name}."}]
    with pytest.raises(Exception, match="403"):
        GenericPromptManager(api_base=url, api_key=guarded.application)._fetch_prompt_from_api("guarded", None)
