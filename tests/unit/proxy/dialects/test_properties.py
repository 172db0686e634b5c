"""Whatever is asked or answered: a translation says the same, there and back, whole and as a stream."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import RequestRefused
from tests.unit.proxy.dialects.assembling import assembled
from tests.unit.proxy.dialects.cases import PNG
from tests.unit.proxy.dialects.readers import answer_differences, answer_of, request_differences
from tests.unit.proxy.dialects.test_cases import CALLERS_BODY, between
from tests.unit.proxy.dialects.writers import as_responses, streamed, wholly

Json = dict[str, Any]

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda told: told.strip() == told)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(names, values, max_size=3)
parts = st.one_of(
    words.map(lambda told: {"type": "text", "text": told}),
    st.sampled_from([f"data:image/png;base64,{PNG}", "https://example.org/a.png"]).map(
        lambda url: {"type": "image_url", "image_url": {"url": url}}
    ),
)
schemas = st.dictionaries(names, st.sampled_from([{"type": "string"}, {"type": "integer"}]), max_size=2).map(
    lambda properties: {"type": "object", "properties": properties, "additionalProperties": False}
)


@st.composite
def tool_turns(draw: st.DrawFn, first: int) -> list[Json]:
    """An assistant's calls and their results, the calls numbered from `first`."""
    calls = draw(st.lists(st.tuples(names, objects), min_size=1, max_size=3))
    asked = [
        {
            "id": f"toolu_{first + at}",
            "type": "function",
            "function": {"name": name, "arguments": orjson.dumps(arguments).decode()},
        }
        for at, (name, arguments) in enumerate(calls)
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in asked]
    return [{"role": "assistant", "content": draw(st.none() | words), "tool_calls": asked}, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    messages = [
        {"role": draw(st.sampled_from(["system", "developer"])), "content": told}
        for told in draw(st.lists(words, max_size=2))
    ]
    messages.append({"role": "user", "content": draw(words)})
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["user", "assistant", "tools"]))
        if kind == "tools":
            messages += draw(tool_turns(number * 10))
        elif kind == "assistant":
            messages.append({"role": "assistant", "content": draw(words)})
        else:
            messages.append({"role": "user", "content": draw(words | st.lists(parts, min_size=1, max_size=3))})
    return messages


@st.composite
def chat_requests(draw: st.DrawFn) -> Json:
    """A chat request of what all dialects can say."""
    body: Json = {"model": "claude-sonnet-4-0", "messages": draw(conversations())}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "temperature": st.floats(0, 1),
        "top_p": st.floats(0.05, 1),
        "max_tokens": st.integers(1, 30_000),
        "user": words,
        "stream": st.just(True),
        "response_format": schemas.map(
            lambda schema: {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
        ),
    }
    for key, strategy in optional.items():
        if draw(st.booleans()):
            body[key] = draw(strategy)
    tools = draw(st.lists(st.tuples(names, words, schemas), max_size=2, unique_by=lambda tool: tool[0]))
    if tools:
        body["tools"] = [
            {"type": "function", "function": {"name": name, "description": told, "parameters": schema}}
            for name, told, schema in tools
        ]
        choices: list[Any] = ["auto", "required", {"type": "function", "function": {"name": tools[0][0]}}]
        if draw(st.booleans()):
            body["tool_choice"] = draw(st.sampled_from(choices))
        if draw(st.booleans()):
            body["parallel_tool_calls"] = draw(st.booleans())
    return body


KEYS = {
    "chat": [
        "messages",
        "max_tokens",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "reasoning_effort",
        "n",
        "metadata",
    ],
    "responses": ["input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "max_output_tokens"],
    "messages": [
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "stop_sequences",
        "max_tokens",
    ],
}
odd_keys = st.sampled_from(
    ["type", "role", "content", "text", "function", "name", "json_schema", "image_url", "arguments"]
)
odd_words = st.sampled_from(
    ["user", "assistant", "tool", "function", "json_schema", "tool_use", "message", "high", "x"]
)
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | odd_words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_keys, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def said(draw: st.DrawFn) -> Json:
    """What an answer says; the words of thinking come first and calls last, as models tell them."""
    calls = draw(st.lists(st.tuples(names, objects), max_size=3))
    ends = ["tool_calls"] if calls else ["stop", "length", "content_filter"]
    return {
        "thought": draw(st.just("") | words),
        "text": draw(st.just("") | words),
        "calls": calls,
        "finish": draw(st.sampled_from(ends)),
    }


@pytest.mark.parametrize("provider", ["messages", "gemini"])
@given(body=chat_requests(), stops=st.none() | words | st.lists(words, min_size=1, max_size=3))
@settings(max_examples=150)
def test_a_chat_request_says_the_same_everywhere(provider: str, body: Json, stops: Any) -> None:
    body = {**body, "stop": stops} if stops else body
    assert request_differences("chat", body, provider, between("chat", provider).request(body)) == []


@given(body=chat_requests(), stop=st.none() | words, effort=st.sampled_from([None, "low", "medium", "high"]))
@settings(max_examples=150)
def test_a_chat_request_comes_back_from_anthropics_dialect(body: Json, stop: Any, effort: Any) -> None:
    if effort and not {"tool_choice", "temperature", "top_p"} & body.keys():
        body = {**body, "model": "claude-opus-4-6", "reasoning_effort": effort}
    body = {**body, "stop": stop} if stop else body
    there = between("chat", "messages").request(body)
    assert request_differences("chat", body, "chat", between("messages", "chat").request(there)) == []


@pytest.mark.parametrize("provider", ["chat", "messages", "gemini"])
@given(body=chat_requests())
@settings(max_examples=150)
def test_a_responses_request_says_the_same_everywhere(provider: str, body: Json) -> None:
    written = as_responses(body)
    assert request_differences("responses", written, provider, between("responses", provider).request(written)) == []
    if provider == "chat":
        assert request_differences("chat", body, "chat", between("responses", "chat").request(written)) == []


@pytest.mark.parametrize("provider", ["messages", "gemini", "chat"])
@pytest.mark.parametrize("caller", ["chat", "responses", "messages"])
@given(meaning=said(), at=st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=60)
def test_an_answer_says_the_same_whole_and_as_a_stream(
    caller: str, provider: str, meaning: Json, at: list[int]
) -> None:
    if caller == provider:
        return
    made, body = between(caller, provider), CALLERS_BODY[caller]
    given_answer = wholly(provider, meaning)
    whole = made.answer(given_answer, body)
    assert answer_differences(caller, whole, provider, given_answer) == []
    stream = made.stream(body)
    raw = [
        told for event in streamed(provider, meaning, at) for told in stream.feed(orjson.dumps(event))
    ] + stream.finish()
    assert answer_of(caller, assembled(caller, raw)) == answer_of(caller, whole)


@given(meaning=said())
@settings(max_examples=150)
def test_an_answer_of_anthropics_comes_back_from_chat(meaning: Json) -> None:
    claude = wholly("messages", meaning)
    chat = between("chat", "messages").answer(claude, CALLERS_BODY["chat"])
    back = between("messages", "chat").answer(chat, CALLERS_BODY["messages"])
    assert back["content"] == claude["content"]
    assert (back["id"], back["model"], back["stop_reason"]) == (claude["id"], claude["model"], claude["stop_reason"])
    counted = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    assert [back["usage"][key] for key in counted] == [claude["usage"][key] for key in counted]


@pytest.mark.parametrize("provider", ["messages", "gemini", "chat"])
@pytest.mark.parametrize("caller", ["chat", "responses", "messages"])
@given(data=st.data())
@settings(max_examples=100)
def test_a_request_of_nonsense_is_refused_in_words(caller: str, provider: str, data: st.DataObject) -> None:
    if caller == provider:
        return
    body = {**CALLERS_BODY[caller], **data.draw(st.dictionaries(st.sampled_from(KEYS[caller]), odd_values, max_size=4))}
    try:
        assert isinstance(between(caller, provider).request(body), dict)
    except RequestRefused as refused:
        assert refused.message and refused.status == 400
