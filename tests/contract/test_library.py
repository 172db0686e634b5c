"""Providers that LiteLLM asks: Bedrock and others, through the official SDKs, against a third-party mock of their own wire formats."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import openai as sdk
import pytest
from anthropic import Anthropic
from openai import OpenAI

from slugline.providers import check_providers
from slugline.settings import Settings, SettingsError
from tests.e2e.test_telemetry import listening
from tests.plugins.aimock import Aimock
from tests.plugins.left_out import CLIENTS
from tests.plugins.server import Server, run_server

pytestmark = pytest.mark.needs("node", "clients")

CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
ANSWER = "Your parcel arrives tomorrow, between nine and eleven."
SETTINGS = """
retries = 0
[providers.bedrock]
kind = "bedrock"
options = {{ aws_region_name = "eu-west-1", aws_bedrock_runtime_endpoint = "{url}" }}
[providers.ollama]
kind = "litellm"
base_url = "{url}"
[providers.heard]
kind = "litellm"
base_url = "{heard}/v1"
api_key = "env:OF_NOBODY"
[providers.gone]
kind = "bedrock"
options = {{ aws_region_name = "eu-west-1", aws_bedrock_runtime_endpoint = "http://127.0.0.1:9" }}
"""


@pytest.fixture(scope="module")
def heard() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A provider that keeps the headers it was asked with."""
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def server(
    aimock: Aimock, heard: tuple[str, list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    environment = {
        "PYTHONPATH": os.pathsep.join([str(CLIENTS), os.environ.get("PYTHONPATH", "")]),
        "AWS_ACCESS_KEY_ID": "of-nobody",
        "AWS_SECRET_ACCESS_KEY": "of-nobody",
        "AWS_EC2_METADATA_DISABLED": "true",
        "OF_NOBODY": "nobodys",
    }
    folder = tmp_path_factory.mktemp("library")
    with run_server(folder, SETTINGS.format(url=aimock.url, heard=heard[0]), workers=1, **environment) as running:
        yield running


@pytest.fixture
def openai(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url + "/v1", api_key="x", max_retries=0, timeout=60) as client:
        yield client


def asks(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("model", [f"bedrock/{CLAUDE}", "ollama/ollama_chat/llama3"])
def test_whole_and_streamed(server: Server, openai: OpenAI, model: str) -> None:
    raw = openai.chat.completions.with_raw_response.create(model=model, messages=asks("?"))
    assert raw.parse().choices[0].message.content == ANSWER
    row = server.row(raw.headers["x-slugline-call-id"])
    assert (row["provider"], row["outcome"], row["finish_reason"]) == (model.split("/", maxsplit=1)[0], "ok", "stop")
    options: Any = {"include_usage": True}
    chunks = list(openai.chat.completions.create(model=model, messages=asks("?"), stream=True, stream_options=options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert (chunks[-1].choices, chunks[-1].usage is not None) == ([], True)


def test_tools(openai: OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    answer = openai.chat.completions.create(model=f"bedrock/{CLAUDE}", messages=asks("weather?"), tools=tools)
    call: Any = (answer.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris", "days": 3})


def test_responses_and_messages_by_translation(server: Server, openai: OpenAI) -> None:
    events = list(openai.responses.create(model=f"bedrock/{CLAUDE}", input="?", stream=True))
    assert events[-1].type == "response.completed"
    with Anthropic(base_url=server.url, api_key="x", max_retries=0) as anthropic:
        answer = anthropic.messages.create(model=f"bedrock/{CLAUDE}", max_tokens=30, messages=asks("?"))
    assert answer.content[0].text == ANSWER  # type: ignore[union-attr]


def test_the_trace_goes_on_to_the_provider(
    server: Server, openai: OpenAI, heard: tuple[str, list[dict[str, str]]]
) -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "vendor=1", "baggage": "user.id=ann"}
    given: Any = {**trace, "x-of-the-app": "stays here"}
    raw = openai.chat.completions.with_raw_response.create(
        model="heard/openai/m", messages=asks("?"), extra_headers=given
    )
    row = server.row(raw.headers["x-slugline-call-id"])
    [seen] = heard[1]
    assert seen["traceparent"] == f"00-{'a' * 32}-{row['span_id']}-01"
    assert (seen["tracestate"], seen["baggage"], "x-of-the-app" in seen) == ("vendor=1", "user.id=ann", False)


def test_nobody_there_is_an_error_in_words(server: Server, openai: OpenAI) -> None:
    with pytest.raises(sdk.InternalServerError, match="provider 'gone' can't be reached") as failed:
        openai.chat.completions.create(model=f"gone/{CLAUDE}", messages=asks("?"))
    row = server.row(failed.value.response.headers["x-slugline-call-id"])
    assert (row["outcome"], row["error_code"]) == ("provider_error", "provider_unreachable")
    with pytest.raises(sdk.NotFoundError, match=r"provider 'gone' has no /v1/files"):
        openai.files.list(extra_headers={"x-slugline-provider": "gone"})


def test_without_the_extra_the_server_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(CLIENTS)])
    settings = Settings.model_validate({"providers": {"aws": {"kind": "bedrock"}}})
    with pytest.raises(SettingsError, match=r"providers\.aws\.kind: it needs LiteLLM.*slugline\[litellm\]"):
        check_providers(settings, {})
