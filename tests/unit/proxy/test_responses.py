"""A version in the Responses API's terms, and what its answers say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.endpoints import COMPLETIONS
from proxy.errors import RequestRefused
from proxy.merge import Merged, Shape, merge
from proxy.naming import named_prompt
from proxy.responses import RESPONSES, ends_response, tally_response, tally_response_events
from registry.values import Content

SYSTEM = [{"role": "system", "content": "be kind"}]
RESPONSE = {
    "id": "resp_1",
    "model": "gpt-9-2026",
    "status": "completed",
    "output": [{"type": "message"}],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
    },
}


def merged(
    body: dict[str, Any], messages: list[dict[str, Any]] | None = None, shape: Shape = RESPONSES, **content: Any
) -> Merged:
    named = named_prompt(body, {}, text_prompt=shape is COMPLETIONS)
    assert named is not None
    return merge(shape, Content(**{"model": "m-1", **content}), messages or SYSTEM, named, body)


def test_parameters_tools_and_format_get_their_names_there() -> None:
    function = {"name": "f", "parameters": {"type": "object"}, "strict": True}
    schema = {"name": "city", "schema": {"type": "object"}, "strict": True}
    body = merged(
        {"prompt": {"id": "a"}},
        parameters={"temperature": 0.1, "max_tokens": 5, "reasoning_effort": "low"},
        tools=[{"type": "function", "function": function}, {"type": "web_search"}],
        response_format={"type": "json_schema", "json_schema": schema},
    ).body
    assert body == {
        "model": "m-1",
        "temperature": 0.1,
        "max_output_tokens": 5,
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", **function}, {"type": "web_search"}],
        "text": {"format": {"type": "json_schema", **schema}},
        "input": SYSTEM,
    }


def test_the_callers_input_comes_after_or_at_the_placeholder() -> None:
    item = {"type": "function_call_output", "call_id": "c", "output": "1"}
    assert merged({"prompt": {"id": "a"}, "input": "hi"}).body["input"] == [*SYSTEM, {"role": "user", "content": "hi"}]
    assert merged({"prompt": {"id": "a"}, "input": [item]}).body["input"] == [*SYSTEM, item]
    place = [{"role": "placeholder", "name": "messages"}, *SYSTEM]
    assert merged({"prompt": {"id": "a"}, "input": [item]}, place).body["input"] == [item, *SYSTEM]


def test_parts_are_input_parts() -> None:
    messages: list[dict[str, Any]] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
                {"type": "file", "file": {"file_id": "f"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "seen"}]},
    ]
    [user, assistant] = merged({"prompt": {"id": "a"}}, messages).body["input"]
    assert user["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:x", "detail": "low"},
        {"type": "input_file", "file_id": "f"},
    ]
    assert assistant["content"] == [{"type": "output_text", "text": "seen"}]


def test_a_lock_holds_under_the_endpoints_name() -> None:
    with pytest.raises(RequestRefused) as refused:
        merged({"prompt": {"id": "a"}, "max_output_tokens": 9}, parameters={"max_tokens": 5}, locked=("max_tokens",))
    assert refused.value.param == "max_output_tokens"


def test_an_input_that_is_none() -> None:
    with pytest.raises(RequestRefused, match="text or a list"):
        merged({"prompt": {"id": "a"}, "input": 7})


def test_an_answer_in_one_piece() -> None:
    tally = tally_response(json.dumps(RESPONSE).encode())
    assert (tally.model, tally.response_id, tally.finish_reason) == ("gpt-9-2026", "resp_1", "completed")
    assert (tally.input_tokens, tally.cached_input_tokens, tally.output_tokens, tally.reasoning_tokens) == (9, 3, 4, 1)
    cut = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert tally_response(json.dumps(cut).encode()).finish_reason == "max_output_tokens"


def events(*bodies: dict[str, Any]) -> list[bytes]:
    return [json.dumps(body).encode() for body in bodies]


def test_a_stream_tells_the_same() -> None:
    stream = events(
        {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-9-2026", "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.completed", "response": RESPONSE},
    )
    tally = tally_response_events(stream, complete=True)
    assert tally == tally_response(json.dumps(RESPONSE, separators=(",", ":")).encode())
    assert [ends_response(payload) for payload in stream] == [False, False, True]


def test_a_broken_stream_keeps_what_had_come() -> None:
    stream = events(
        {"type": "response.created", "response": {"id": "resp_1", "model": "m"}},
        {"type": "response.output_text.delta", "delta": "half "},
        {"type": "response.output_text.delta", "delta": "an answer"},
    )
    tally = tally_response_events(stream, complete=False)
    assert json.loads(tally.response)["output_text"] == "half an answer"
    assert (tally.usage_source, tally.output_tokens, tally.response_id) == ("partial", None, "resp_1")


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_not_finished_has_no_reason_for_it(status: str) -> None:
    stream = events({"type": "response.created", "response": {"id": "resp_1", "status": status}})
    assert tally_response_events(stream, complete=True).finish_reason == ""


def test_an_error_event_ends_it() -> None:
    [payload] = events({"type": "error", "code": "server_error", "message": "overloaded"})
    assert ends_response(payload)
    assert tally_response_events([payload], complete=True).error == "overloaded"


def test_an_answer_about_the_end_is_not_the_end() -> None:
    [payload] = events({"type": "response.output_text.delta", "delta": "then comes response.completed"})
    assert not ends_response(payload)


@given(st.binary(max_size=80))
def test_any_bytes_give_a_tally(body: bytes) -> None:
    tally_response(body)
    tally_response_events([body], complete=False)
    ends_response(body)


def test_on_completions_a_version_is_text_before_the_callers_prompt() -> None:
    body = {"model": "prompt/a", "prompt": "Q: why?", "max_tokens": 5}
    found = merged(body, shape=COMPLETIONS, parameters={"temperature": 0.1})
    assert found.body == {"model": "m-1", "temperature": 0.1, "max_tokens": 5, "prompt": "be kind\n\nQ: why?"}
    for message in (
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "tool_calls": [{"id": "1"}]},
    ):
        with pytest.raises(RequestRefused, match="text only"):
            merged(body, [message], shape=COMPLETIONS)


def test_on_completions_a_text_under_prompt_names_no_prompt() -> None:
    assert named_prompt({"model": "m", "prompt": "Once upon"}, {}, text_prompt=True) is None
    assert named_prompt({"model": "m", "prompt": ["a", "b"]}, {}, text_prompt=True) is None


def test_turns_with_tools_are_items_of_their_own() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"n":1}'}}
    turns = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "4"}]},
    ]
    found = merged({"prompt": {"id": "a"}, "input": "and?"}, turns).body["input"]
    assert found == [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"n":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": '{"n":1}'},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "4"}]},
        {"role": "user", "content": "and?"},
    ]
