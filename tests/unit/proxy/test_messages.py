"""What a message of Anthropic's says of itself, whole and streamed."""

import json
from typing import Any

from proxy.messages import ends_message, tally_count, tally_message, tally_message_events

USAGE = {"input_tokens": 10, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5, "output_tokens": 7}


def payloads(*events: dict[str, Any]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


EVENTS = payloads(
    {
        "type": "message_start",
        "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage": {**USAGE, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "name": "t", "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)
CONTENT = [
    {"type": "thinking", "thinking": "Hm", "signature": "s"},
    {"type": "text", "text": "Hello"},
    {"type": "tool_use", "name": "t", "input": {"a": 1}},
]


def test_a_stream_tallies_as_the_message_that_it_would_have_been() -> None:
    whole = tally_message(
        json.dumps(
            {"id": "msg_1", "model": "claude-x", "content": CONTENT, "stop_reason": "tool_use", "usage": USAGE}
        ).encode()
    )
    streamed = tally_message_events(EVENTS, complete=True)
    assert json.loads(streamed.response)["content"] == CONTENT
    for name in (
        *("model", "response_id", "finish_reason", "input_tokens", "cached_input_tokens", "cache_write_tokens"),
        *("output_tokens", "usage_source", "error"),
    ):
        assert getattr(streamed, name) == getattr(whole, name), name
    assert (whole.input_tokens, whole.cached_input_tokens, whole.cache_write_tokens, whole.output_tokens) == (
        45,
        30,
        5,
        7,
    )


def test_a_stream_that_broke_off_knows_its_input_and_not_its_output() -> None:
    broken = tally_message_events(EVENTS[:9], complete=False)
    assert (broken.input_tokens, broken.output_tokens, broken.usage_source) == (45, None, "partial")
    assert json.loads(broken.response)["content"][2]["input"] == '{"a"'


def test_an_error_in_mid_stream() -> None:
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    found = tally_message_events([*EVENTS[:3], error], complete=True)
    assert found.error == "Overloaded"
    assert ends_message(error)
    assert ends_message(b'{"type": "message_stop"}')
    assert not ends_message(EVENTS[5])


def test_counting_tokens_uses_none() -> None:
    found = tally_count(b'{"input_tokens": 12}')
    assert (found.input_tokens, found.usage_source, found.understood) == (None, "none", True)
    assert not tally_count(b"<html>").understood
