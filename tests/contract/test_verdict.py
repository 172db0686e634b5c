"""Slugline as a caller of providers that fail: the verdict of a third-party mock on it, with an app before it that asks again."""

import json
import time
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.plugins.llmock import Llmock
from tests.plugins.server import Server

BROKEN = (openai.APIError, anthropic.APIError, json.JSONDecodeError)
FAILURES: dict[str, list[dict[str, Any]]] = {
    "429 that asks for a second": [{"type": "fail", "status": 429, "retry_after": 1}],
    "429 that asks for a fraction, twice": [{"type": "fail", "status": 429, "retry_after": 0.5, "times": 2}],
    "429 that asks for more than Slugline waits": [{"type": "fail", "status": 429, "retry_after": 6}],
    **{f"{status} once": [{"type": "fail", "status": status}] for status in (408, 409, 500, 502, 503, 529)},
    "500 three times": [{"type": "fail", "status": 500, "times": 3}],
    "500, then 429": [{"type": "fail", "status": 500}, {"type": "fail", "status": 429, "retry_after": 1}],
    **{f"{status} for good": [{"type": "fail", "status": status}] for status in (400, 401, 403, 404, 422)},
    "no answer in time": [{"type": "delay", "seconds": 5}],
}
BROKEN_STREAMS: dict[str, list[dict[str, Any]]] = {
    **{
        f"{kind} after {chunks}": [{"type": "stream_fault", "kind": kind, "after_chunks": chunks, "stall_seconds": 20}]
        for kind in ("disconnect", "truncate", "stall", "malformed")
        for chunks in (0, 1, 3)
    },
    "a first token that comes late": [{"type": "slow_first_token", "seconds": 5}],
    "truncated, then 503": [
        {"type": "stream_fault", "kind": "truncate", "after_chunks": 2},
        {"type": "fail", "status": 503},
    ],
}


Sdk = OpenAI | Anthropic


def asked(sdk: Sdk, endpoint: str, text: str, stream: bool) -> str | None:
    """An answer, as an app gets it that asks again where an answer breaks off; None for a refusal."""
    for _ in range(3):
        try:
            return ANSWERS[endpoint](sdk, text, stream)
        except BROKEN as error:
            if 400 <= (getattr(error, "status_code", None) or 0) < 500:
                return None
            time.sleep(0.5)  # as the SDK waits between its own attempts
    raise AssertionError("three answers in a row broke off")


def chat(sdk: Any, text: str, stream: bool) -> str:
    answer = sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}], stream=stream)
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join([chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices])


def responses(sdk: Any, text: str, stream: bool) -> str:
    answer = sdk.responses.create(model="gpt-4o", input=text, stream=stream)
    if not stream:
        return str(answer.output_text)
    return "".join([event.delta for event in answer if event.type == "response.output_text.delta"])


def messages(sdk: Any, text: str, stream: bool) -> str:
    answer = sdk.messages.create(
        model="claude-of-tomorrow", max_tokens=99, messages=[{"role": "user", "content": text}], stream=stream
    )
    if not stream:
        return str(answer.content[0].text)
    return "".join([event.delta.text for event in answer if event.type == "content_block_delta"])


ANSWERS = {"chat": chat, "responses": responses, "messages": messages}


def opened(url: str, endpoint: str) -> Sdk:
    if endpoint == "messages":
        return Anthropic(base_url=url, api_key="x", timeout=30)
    return OpenAI(base_url=url + "/v1", api_key="x", timeout=30)


@pytest.mark.parametrize(("endpoint", "stream"), [("chat", False), ("responses", True), ("messages", False)])
@pytest.mark.parametrize("name", list(FAILURES))
def test_a_failure_before_the_answer(
    llmock: Llmock, llmock_server: Server, name: str, endpoint: str, stream: bool
) -> None:
    judge(llmock, llmock_server, FAILURES[name], endpoint, stream, refused="for good" in name)


@pytest.mark.parametrize("endpoint", list(ANSWERS))
@pytest.mark.parametrize("name", list(BROKEN_STREAMS))
def test_a_stream_that_breaks(llmock: Llmock, llmock_server: Server, name: str, endpoint: str) -> None:
    judge(llmock, llmock_server, BROKEN_STREAMS[name], endpoint, True, refused=False)


def judge(
    llmock: Llmock, server: Server, script: list[dict[str, Any]], endpoint: str, stream: bool, *, refused: bool
) -> None:
    text = "Where is my parcel? It left on Monday, and should have come on Wednesday."
    with opened(server.url, endpoint) as sdk:
        llmock.reset()
        expected = asked(sdk, endpoint, text, stream)
        llmock.reset()
        llmock.script(*script)
        assert asked(sdk, endpoint, text, stream) == (None if refused else expected)
        assert llmock.pending() == []
        verdict = llmock.verdict()
        assert (verdict["errors"], verdict["warnings"], verdict["findings"]) == (0, 0, [])


def test_the_same_app_without_slugline_takes_half_an_answer_for_a_whole_one(llmock: Llmock) -> None:
    """What the verdict says of an app that calls the mock itself: the SDK raises nothing when a stream just ends."""
    llmock.reset()
    llmock.script({"type": "stream_fault", "kind": "truncate", "after_chunks": 2})
    with opened(llmock.url, "chat") as sdk:
        asked(sdk, "chat", "Where is my parcel?", True)
    assert [finding["code"] for finding in llmock.verdict()["findings"]] == ["truncated_stream_accepted"]
