"""A stream's tally equals that of the same answer unstreamed."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.tally import tally_body, tally_events

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def chunk(delta: dict[str, object], finish: str | None = None, index: int = 0, **more: object) -> bytes:
    return json.dumps(
        {
            "id": "c1",
            "object": "chat.completion.chunk",
            "model": "m-1",
            "system_fingerprint": "fp",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
            **more,
        }
    ).encode()


def test_an_answer_in_one_piece() -> None:
    body = {
        "id": "c1",
        "model": "m-1",
        "system_fingerprint": "fp",
        "usage": USAGE,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
    tally = tally_body(json.dumps(body).encode())
    assert (tally.model, tally.system_fingerprint, tally.response_id, tally.finish_reason) == (
        "m-1",
        "fp",
        "c1",
        "stop",
    )
    assert (tally.input_tokens, tally.cached_input_tokens, tally.output_tokens, tally.reasoning_tokens) == (12, 4, 5, 2)
    assert tally.usage_source == "provider"
    assert json.loads(tally.response) == body


@given(st.lists(st.text(max_size=8), max_size=12))
def test_a_stream_is_put_together_again(parts: list[str]) -> None:
    payloads = [chunk({"role": "assistant", "content": ""})]
    payloads += [chunk({"content": part}) for part in parts]
    payloads += [chunk({}, "stop"), json.dumps({"choices": [], "usage": USAGE}).encode(), b"[DONE]"]
    tally = tally_events(payloads, complete=True)
    answer = json.loads(tally.response)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "".join(parts)}
    assert (tally.finish_reason, tally.output_tokens, tally.usage_source) == ("stop", 5, "provider")


def test_tool_calls_grow_part_by_part_and_stay_apart() -> None:
    payloads = [
        chunk(
            {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}}]}
        ),
        chunk(
            {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "find", "arguments": ""}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
        chunk({}, "tool_calls"),
    ]
    calls = json.loads(tally_events(payloads, complete=True).response)["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]) for call in calls] == [
        ("a", {"name": "look", "arguments": '{"x":1}'}),
        ("b", {"name": "find", "arguments": "{}"}),
    ]


def test_choices_of_one_stream_stay_apart() -> None:
    payloads = [
        chunk({"content": "a"}),
        chunk({"content": "b"}, index=1),
        chunk({"content": "c"}),
        chunk({}, "length", 1),
    ]
    choices = json.loads(tally_events(payloads, complete=True).response)["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["ac", "b"]


def test_a_broken_stream_has_partial_usage_and_no_invented_tokens() -> None:
    tally = tally_events([chunk({"content": "a"})], complete=False)
    assert (tally.usage_source, tally.input_tokens, tally.output_tokens) == ("partial", None, None)


def test_an_error_event_is_seen() -> None:
    tally = tally_events([chunk({"content": "a"}), b'{"error":{"message":"overloaded"}}'], complete=True)
    assert tally.error == "overloaded"


def test_impossible_figures_are_unknown() -> None:
    for wrong in (-1, 2**40, "7", True, 1.5):
        assert tally_body(json.dumps({"usage": {"prompt_tokens": wrong}}).encode()).input_tokens is None


@given(st.binary(max_size=60))
def test_any_bytes_give_a_tally(body: bytes) -> None:
    assert isinstance(tally_body(body).response, str)
    assert isinstance(tally_events([body], complete=False).response, str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "delta", "usage", "index", "tool_calls", "error", "function", "message", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_gives_a_tally(value: object) -> None:
    payload = json.dumps(value).encode()
    tally_body(payload)
    tally_events([payload, payload], complete=True)


def test_lists_of_a_stream_grow_and_their_parts_are_joined_by_index() -> None:
    deltas: list[dict[str, Any]] = [
        {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "Hm"}]},
        {"thinking_blocks": [{"index": 0, "signature": "s"}, {"index": 1, "type": "thinking", "thinking": "So"}]},
        {"annotations": [{"type": "url_citation"}]},
        {"annotations": [{"type": "file_citation"}]},
    ]
    events = [json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() for delta in deltas]
    message = json.loads(tally_events(events, complete=True).response)["choices"][0]["message"]
    assert message["thinking_blocks"] == [
        {"index": 0, "type": "thinking", "thinking": "Hm", "signature": "s"},
        {"index": 1, "type": "thinking", "thinking": "So"},
    ]
    assert [note["type"] for note in message["annotations"]] == ["url_citation", "file_citation"]
