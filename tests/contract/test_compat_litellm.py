"""LiteLLM as the gateway in front, with its prompts kept here: its own generic prompt manager is the client."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plugins.server import Server

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # read at import: the list of models is not fetched

litellm = pytest.importorskip("litellm")
GenericPromptManager = pytest.importorskip("litellm.integrations.generic_prompt_management").GenericPromptManager

# LiteLLM's own: pydantic remarks on its types.
pytestmark = [pytest.mark.needs("clients"), pytest.mark.filterwarnings("ignore:.*ReadOnly.*:UserWarning")]

USER = {"role": "user", "content": "Where is my parcel?"}


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    server.save("ll-chat", "You help {{ name }} of {{company}}.", parameters={"temperature": 0.5})
    server.promote("ll-chat", 1)
    server.save("ll-chat", "You help {{ name }} kindly.")
    server.save("ll-logic", "{% for name in names %}Hello {{ name }}. {% endfor %}", model="openai/simulator-large")
    server.promote("ll-logic", 1)
    return server


@pytest.fixture
def manager(filled: Server) -> Any:
    return GenericPromptManager(api_base=filled.url, api_key="unused")


def compiled(manager: Any, prompt_id: str, **variables: Any) -> tuple[str, list[Any], dict[str, Any]]:
    return manager.get_chat_completion_prompt(
        model="gpt-4o",
        messages=[USER],  # type: ignore[list-item]
        non_default_params={"top_p": 0.1},
        prompt_id=prompt_id,
        prompt_variables=variables,
        dynamic_callback_params={},
    )


def test_litellm_fills_in_the_blanks(manager: Any) -> None:
    model, messages, parameters = compiled(manager, "ll-chat", name="Ada", company="Acme")
    assert messages == [{"role": "system", "content": "You help Ada of Acme."}, USER]
    assert (model, parameters) == ("simulator-large", {"top_p": 0.1, "temperature": 0.5})


def test_the_reference_names_the_version(manager: Any) -> None:
    assert compiled(manager, "ll-chat@latest", name="Ada")[1][0]["content"] == "You help Ada kindly."
    assert compiled(manager, "ll-chat@1", name="Ada", company="Acme")[1][0]["content"] == "You help Ada of Acme."


async def test_the_async_client_too(manager: Any) -> None:
    found = await manager.async_compile_prompt_helper("ll-chat@2", {"name": "Ada"}, {})
    assert found["prompt_template"] == [{"role": "system", "content": "You help Ada kindly."}]


def test_logic_is_refused_or_rendered_here(filled: Server, manager: Any) -> None:
    with pytest.raises(ValueError, match="422"):
        compiled(manager, "ll-logic", names=["Ada"])
    here = GenericPromptManager(
        api_base=filled.url,
        additional_provider_specific_query_params={"variables": json.dumps({"names": ["Ada", "Bo"]})},
    )
    assert compiled(here, "ll-logic")[1][0]["content"] == "Hello Ada. Hello Bo. "


def test_what_is_not_there_is_an_error(manager: Any) -> None:
    with pytest.raises(ValueError, match="404"):
        compiled(manager, "ll-chatt")


@pytest.fixture
def managed(manager: Any) -> Iterator[None]:
    before = litellm.callbacks
    litellm.callbacks = [manager]
    yield
    litellm.callbacks = before


@pytest.mark.usefixtures("managed")
def test_a_completion_whose_prompt_comes_from_here(filled: Server) -> None:
    filled.save("ll-whole", "You help {{ name }}.", model="openai/simulator-large")
    filled.promote("ll-whole", 1)
    answer = litellm.completion(
        model="openai/gpt-4o",
        messages=[USER],
        prompt_id="ll-whole",
        prompt_variables={"name": "Ada"},
        api_base=filled.url + "/v1",
        api_key="unused",
        extra_headers={"x-slugline-tags": "marker=ll-whole"},
    )
    assert answer.choices[0].message.content
    [row] = filled.until("SELECT request FROM calls WHERE tags['marker'] = 'll-whole'", lambda rows: len(rows) == 1)
    request = json.loads(row["request"])
    assert request["messages"] == [{"role": "system", "content": "You help Ada."}, USER]
    assert request["model"] == "simulator-large"
