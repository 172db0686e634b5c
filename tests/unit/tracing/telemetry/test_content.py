"""What was said, in the GenAI conventions' messages, from each dialect's bodies."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracing.telemetry.content import Content, read_content


def read(request: Any, response: Any = None) -> Content:
    return read_content(json.dumps(request), json.dumps(response) if response is not None else "")


def text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def test_chat_completions() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}
    broken = {"id": "c2", "type": "function", "function": {"name": "find", "arguments": "{"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    linked = {"type": "image_url", "image_url": {"url": "https://e.org/x.png"}}
    found = read(
        {
            "messages": [
                {"role": "user", "name": "ann", "content": [{"type": "text", "text": "see"}, image, linked]},
                {"role": "assistant", "content": None, "tool_calls": [call, broken]},
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            "tools": [{"type": "function", "function": {"name": "find"}}],
        },
        {
            "choices": [
                {
                    "message": {"role": "assistant", "content": "42", "reasoning_content": "hm"},
                    "finish_reason": "tool_calls",
                }
            ]
        },
    )
    assert found.messages == (
        {
            "role": "user",
            "name": "ann",
            "parts": [
                text("see"),
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
                {"type": "uri", "modality": "image", "uri": "https://e.org/x.png"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": 1}},
                {"type": "tool_call", "id": "c2", "name": "find", "arguments": "{"},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
    )
    reasoning = {"type": "reasoning", "content": "hm"}
    assert found.answers == ({"role": "assistant", "parts": [reasoning, text("42")], "finish_reason": "tool_call"},)
    assert len(found.tools) == 1


def test_responses() -> None:
    found = read(
        {
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "1"},
            ],
        },
        {
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "hello"}]},
                {"type": "function_call", "call_id": "d", "name": "g", "arguments": "{}"},
            ],
        },
    )
    assert found.instructions == (text("Be kind."),)
    assert [each["role"] for each in found.messages] == ["user", "assistant", "tool"]
    [answer] = found.answers
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text", "tool_call"]
    assert answer["finish_reason"] == "stop"
    assert read({"input": "hi"}).messages == ({"role": "user", "parts": [text("hi")]},)


def test_messages() -> None:
    found = read(
        {"system": [{"type": "text", "text": "Be kind."}], "messages": [{"role": "user", "content": "hi"}]},
        {
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
            "stop_reason": "tool_use",
        },
    )
    assert found.instructions == (text("Be kind."),)
    [answer] = found.answers
    call = {"type": "tool_call", "id": "t", "name": "f", "arguments": {"a": 1}}
    assert answer == {
        "role": "assistant",
        "parts": [{"type": "reasoning", "content": "hm"}, call],
        "finish_reason": "tool_call",
    }


def test_completions() -> None:
    found = read({"prompt": "once"}, {"choices": [{"text": " upon", "finish_reason": "length"}]})
    assert found.messages == ({"role": "user", "parts": [text("once")]},)
    assert found.answers == ({"role": "assistant", "parts": [text(" upon")], "finish_reason": "length"},)


_KEYS = [
    "messages",
    "input",
    "content",
    "role",
    "type",
    "tool_calls",
    "function",
    "choices",
    "message",
    "output",
    "summary",
    "image_url",
    "url",
    "name",
    "system",
    "instructions",
    "prompt",
    "text",
    "tools",
    "finish_reason",
]

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                _KEYS,
            ),
            inner | st.sampled_from(["text", "reasoning", "function_call", "message", "tool_use", "image_url", "tool"]),
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(_JSON, _JSON)
def test_whatever_a_body_is_nothing_raises(request: Any, response: Any) -> None:
    found = read_content(json.dumps(request), json.dumps(response))
    assert all(
        isinstance(part["type"], str) for message in (*found.messages, *found.answers) for part in message["parts"]
    )
    assert read_content("{", "cut… (cut") == Content()
