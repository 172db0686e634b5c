"""A recorded call's words in each endpoint's shape, what it cost in words, and what isn't on record."""

import json
from typing import Any

import pytest

from dashboards.call_reading import attempts_of, not_kept, price_of, read_call

CHAT = {"choices": [{"message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}]}


def call(endpoint: str = "chat.completions", **more: Any) -> dict[str, Any]:
    fields = {"record_mode": "full", "redactions": 0, "sample_rate": 1.0, "origin": "", "cost": 0.5, "price": ""}
    return {"endpoint": endpoint, "request": None, "response": None, "variables": None, **fields, **more}


@pytest.mark.parametrize(
    ("endpoint", "request_", "response", "asked"),
    [
        ("chat.completions", {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}, CHAT, [("system", "Be kind."), ("user", "Hi")]),
        ("responses", {"instructions": "Be kind.", "input": "Hi"}, {"output": [{"type": "message", "content": [{"type": "output_text", "text": "On its way."}]}]}, [("system", "Be kind."), ("user", "Hi")]),
        ("messages", {"system": "Be kind.", "messages": [{"role": "user", "content": "Hi"}]}, {"content": [{"type": "text", "text": "On its way."}]}, [("system", "Be kind."), ("user", "Hi")]),
        ("completions", {"prompt": "Hi"}, {"choices": [{"text": "On its way."}]}, [("user", "Hi")]),
    ],
)  # fmt: skip
def test_each_endpoint_is_read(endpoint: str, request_: Any, response: Any, asked: list[tuple[str, str]]) -> None:
    found = read_call(call(endpoint, request=request_, response=response))
    assert [(each.role, each.text) for each in found.asked] == asked
    assert [(each.role, each.text) for each in found.answer] == [("assistant", "On its way.")]
    assert json.loads(found.request) == request_


def test_tools_images_and_refusals_are_shown() -> None:
    said = {
        "role": "user",
        "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "u"}}],
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    asked = {"function": {"name": "look", "arguments": "{}"}}
    response = {"choices": [{"message": {"content": None, "tool_calls": [asked]}}]}
    found = read_call(call(request={"messages": [said], "tools": [tool]}, response=response))
    assert "image_url" in found.asked[0].extra
    assert '"tool": "look"' in found.answer[0].extra
    assert "look" in found.tools
    refused = read_call(call(request={}, response={"choices": [{"message": {"refusal": "No."}}]}))
    assert (refused.answer[0].role, refused.answer[0].text) == ("refusal", "No.")


def test_what_is_no_json_is_shown_as_it_is() -> None:
    found = read_call(
        call(request='{"messages": … (cut: 9 characters in all)', response="<html>", variables={"a": 1, "b": "x"})
    )
    assert found.request.startswith('{"messages": …')
    assert (found.asked, found.answer) == ((), ())
    assert found.variables == (("a", "1"), ("b", "x"))
    assert read_call(call("embeddings", request={"input": ["a"]}, response={"data": []})).answer == ()


def test_what_was_not_kept_is_said() -> None:
    assert not_kept(call()) == []
    [mode] = not_kept(call(record_mode="metadata"))
    assert "variables, request and answer were not kept" in mode
    assert not_kept(call(redactions=1)) == ["1 value was redacted before anything was written."]
    assert "kept at 10.00%" in not_kept(call(sample_rate=0.1))[0]
    assert "imported (langfuse)" in not_kept(call(origin="langfuse"))[0]
    assert "too long" in not_kept(call(request="x… (cut: 5,000,000 characters in all)"))[0]


def test_the_price_behind_a_cost() -> None:
    price = {"source": "genai-prices 1", "model": "gpt-4o", "input": 2.5, "output": 10.0, "request": 0.01}
    assert price_of(call(price=json.dumps(price))) == (
        "gpt-4o: input $2.5, output $10 per million tokens, $0.01 a request (genai-prices 1)"
    )
    assert price_of(call(cost=None)).startswith("unknown: there is no price")
    assert price_of(call()) == ""
    assert attempts_of(call(attempts=[{"provider": "a"}, 3])) == [{"provider": "a"}]
    assert attempts_of(call(attempts="cut")) == []
