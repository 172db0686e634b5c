"""Prompts on OpenAI's endpoints, named by the official SDK: what a third-party mock gets of them, and the row that is left."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import NotFoundError, OpenAI
from openai.types.responses import ResponseCompletedEvent

from tests.contract.cases_openai_chat import TOOLS
from tests.plugins.aimock import Aimock
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

QUESTION: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.fixture
def through(aimock_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=aimock_server.url + "/v1", api_key="x", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def prompted(aimock_server: Server) -> Server:
    aimock_server.save(
        "order-desk",
        "You work for {{ company }}.",
        model="gpt-4o",
        parameters={"temperature": 0.5, "max_tokens": 40},
        tools=TOOLS[:1],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}}},
    )
    aimock_server.promote("order-desk", 1)
    return aimock_server


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_openais_prompt_object_on_responses_as_the_sdk_types_it(
    prompted: Server, through: OpenAI, aimock: Aimock, stream: bool
) -> None:
    company = f"Acme {'streamed' if stream else 'whole'}"
    arguments: Any = {
        "prompt": {"id": "order-desk", "version": "stable", "variables": {"company": company}},
        "input": "Where is my parcel?",
        "metadata": {"team": "orders"},
        "user": "u-7",
        "store": False,
        "previous_response_id": "resp_1",
    }
    if stream:
        raw = through.responses.with_raw_response.create(**arguments, stream=True)
        events = list(raw.parse())
        assert isinstance(events[-1], ResponseCompletedEvent)
        text = events[-1].response.output_text
    else:
        raw = through.responses.with_raw_response.create(**arguments)
        text = raw.parse().output_text
    assert text
    assert raw.headers["x-slugline-prompt"] == "order-desk@1"

    [arrived] = aimock.journal(f"You work for {company}.")
    assert arrived["model"] == "gpt-4o"
    assert [message["role"] for message in arrived["messages"]] == ["system", "user"]
    row = prompted.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["outcome"], row["prompt"], row["version"], row["channel"]) == (
        "responses",
        "ok",
        "order-desk",
        1,
        "stable",
    )
    assert (row["user"], row["finish_reason"], row["stream"]) == ("u-7", "completed", stream)
    request = json.loads(row["request"])
    assert request["input"] == [
        {"role": "system", "content": f"You work for {company}."},
        {"role": "user", "content": "Where is my parcel?"},
    ]
    assert (request["max_output_tokens"], request["temperature"]) == (40, 0.5)
    assert request["tools"][0]["name"] == "get_weather"
    assert request["text"]["format"]["name"] == "city"
    assert (request["store"], request["previous_response_id"]) == (False, "resp_1")
    assert json.loads(row["response"])["output"]


def test_embeddings_are_a_row_without_their_vectors(aimock_server: Server, through: OpenAI) -> None:
    raw = through.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input="parcel", encoding_format="float"
    )
    row = aimock_server.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["outcome"]) == ("embeddings", "ok")
    assert json.loads(row["response"])["data"] == {"vectors": 1, "length": 3}


def test_a_prompt_where_none_can_be_used_is_refused(prompted: Server) -> None:
    answer = prompted.api.post("/v1/embeddings", json={"model": "prompt/order-desk", "input": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "prompt_parameter_invalid")


def test_a_prompt_named_twice_is_refused(prompted: Server) -> None:
    answer = prompted.chat(model="prompt/order-desk@1", prompt={"id": "order-desk"}, messages=QUESTION)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")


def test_one_model_or_prompt_by_name(prompted: Server, through: OpenAI) -> None:
    assert through.models.retrieve("prompt/order-desk").owned_by == "slugline"
    listed = next(model for model in through.models.list() if model.id.startswith("gpt-"))
    found = through.models.retrieve(listed.id)
    assert (found.id, found.object) == (listed.id, "model")
    for name in ("prompt/nobody-knows", "gpt-nobody-knows"):
        with pytest.raises(NotFoundError, match="nobody-knows"):
            through.models.retrieve(name)
