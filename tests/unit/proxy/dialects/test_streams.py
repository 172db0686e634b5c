"""Streams that end badly, and what callers are owed at the end of good ones."""

import itertools
from typing import Any

import orjson
import pytest

from tests.unit.proxy.dialects.assembling import events_of
from tests.unit.proxy.dialects.cases import CHAT, CLAUDE, GEMINI, Answer
from tests.unit.proxy.dialects.test_cases import CALLERS_BODY, between, streamed

PAIRS = [
    *itertools.product(("chat", "responses", "messages"), ("gemini",)),
    ("chat", "messages"),
    ("responses", "messages"),
    ("responses", "chat"),
    ("messages", "chat"),
]
RICH: dict[str, Answer] = {"messages": CLAUDE[1], "gemini": GEMINI[1], "chat": CHAT[1]}
ERRORS: dict[str, Any] = {
    "messages": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    "gemini": {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}},
    "chat": {"error": {"message": "Overloaded", "type": "server_error", "code": "overloaded"}},
}
both = pytest.mark.parametrize(("caller", "provider"), PAIRS)


@both
def test_an_error_in_mid_stream_ends_it(caller: str, provider: str) -> None:
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    first = [piece for event in RICH[provider].events[:3] for piece in stream.feed(orjson.dumps(event))]
    assert first
    told = events_of(stream.feed(orjson.dumps(ERRORS[provider])), named=caller != "chat")
    if caller == "chat":
        assert [event["error"]["message"] for event in told] == ["Overloaded"]
    elif caller == "messages":
        (event,) = told
        assert event["type"] == "error" and event["error"]["message"] == "Overloaded"
        assert event["error"]["type"] in {"overloaded_error", "api_error"}
    else:
        assert [event["type"] for event in told] == ["error", "response.failed"]
        assert (
            told[0]["message"] == told[0]["error"]["message"] == told[1]["response"]["error"]["message"] == "Overloaded"
        )
        assert told[1]["response"]["status"] == "failed"
    rest = [piece for event in RICH[provider].events[3:] for piece in stream.feed(orjson.dumps(event))]
    assert rest == [] and stream.finish() == [], "nothing follows an error, no [DONE] either"


@both
def test_an_error_before_all_else(caller: str, provider: str) -> None:
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    told = events_of(stream.feed(orjson.dumps(ERRORS[provider])), named=caller != "chat")
    assert "Overloaded" in str(told[-1])
    assert stream.finish() == []


@both
def test_a_stream_that_was_cut_off_is_never_called_complete(caller: str, provider: str) -> None:
    events = RICH[provider].events
    whole = streamed(between(caller, provider), CALLERS_BODY[caller], events)
    last = whole[-1]
    for length in range(len(events)):
        stream = between(caller, provider).stream(CALLERS_BODY[caller])
        told = [piece for event in events[:length] for piece in stream.feed(orjson.dumps(event))]
        assert last not in told
        ended = any("finish_reason" in str(event) or "finishReason" in str(event) for event in events[:length])
        stopped = any((event.get("delta") or {}).get("stop_reason") for event in events[:length])
        if stream.finish():
            assert stopped or ended, f"after {length} of {len(events)} events the answer was not complete"


@both
def test_feeding_tells_no_less_than_was_said(caller: str, provider: str) -> None:
    """The first words are out before the provider has said the next ones."""
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    for event in RICH[provider].events:
        told = b"".join(stream.feed(orjson.dumps(event)))
        if b"One moment." in orjson.dumps(event):
            assert b"One moment." in told
            return
    pytest.fail("the case says nothing")


@both
def test_a_complete_stream_is_finished_once(caller: str, provider: str) -> None:
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    for event in RICH[provider].events:
        stream.feed(orjson.dumps(event))
    stream.finish()
    assert stream.finish() == [] and stream.feed(b"[DONE]") == []


def test_done_of_a_chat_provider_finishes_at_once() -> None:
    stream = between("messages", "chat").stream(CALLERS_BODY["messages"])
    for event in CHAT[0].events:
        stream.feed(orjson.dumps(event))
    assert [event["type"] for event in events_of(stream.feed(b"[DONE]"), named=True)] == [
        "message_delta",
        "message_stop",
    ]
    assert stream.finish() == []


def test_message_stop_finishes_at_once() -> None:
    stream = between("chat", "messages").stream(CALLERS_BODY["chat"])
    told = [stream.feed(orjson.dumps(event)) for event in CLAUDE[0].events]
    assert told[-1][-1] == b"data: [DONE]\n\n"
    assert orjson.loads(told[-1][-2][6:])["choices"] == []
    assert stream.finish() == []


@both
def test_an_event_that_is_not_json_is_told_as_an_error(caller: str, provider: str) -> None:
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    told = b"".join(stream.feed(b'{"broken'))
    assert b"not JSON" in told and b"provider_event_invalid" in told if caller != "messages" else b"not JSON" in told
    assert stream.finish() == []


@both
def test_events_that_say_nothing_are_passed_over(caller: str, provider: str) -> None:
    stream = between(caller, provider).stream(CALLERS_BODY[caller])
    assert stream.feed(b"") == []
    stream.feed(b"{}")
    assert stream.feed(b'{"type":"ping"}') == [] and stream.feed(b'{"type":"brand_new_event"}') == []


def test_order_of_anthropics_events() -> None:
    raw = streamed(between("messages", "chat"), CALLERS_BODY["messages"], CHAT[1].events)
    kinds = [(event["type"], (event.get("content_block") or {}).get("type")) for event in events_of(raw, named=True)]
    assert [kind for kind, _ in itertools.groupby(kinds)] == [
        ("message_start", None),
        ("content_block_start", "thinking"),
        ("content_block_delta", None),
        ("content_block_stop", None),
        ("content_block_start", "text"),
        ("content_block_delta", None),
        ("content_block_stop", None),
        ("content_block_start", "tool_use"),
        ("content_block_delta", None),
        ("content_block_stop", None),
        ("content_block_start", "tool_use"),
        ("content_block_delta", None),
        ("content_block_stop", None),
        ("message_delta", None),
        ("message_stop", None),
    ]


def test_order_of_the_responses_events() -> None:
    raw = streamed(between("responses", "messages"), CALLERS_BODY["responses"], CLAUDE[1].events)
    kinds = [event["type"].removeprefix("response.") for event in events_of(raw, named=True)]
    assert [kind for kind, _ in itertools.groupby(kinds)] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_item.added",
        "function_call_arguments.delta",
        "output_item.added",
        "function_call_arguments.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_json_mode_streams_as_text() -> None:
    body = {**CALLERS_BODY["chat"], "response_format": {"type": "json_object"}}
    tool = between("chat", "messages").request(body)["tools"][0]["name"]
    start = CLAUDE[0].events[0]
    block = {"type": "tool_use", "id": "t", "name": tool, "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"a"', ":1}")]
    events = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    chunks = events_of(streamed(between("chat", "messages"), body, events), named=False)
    choices = [choice for chunk in chunks[:-1] for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == '{"a":1}'
    assert choices[-1]["finish_reason"] == "stop" and "tool_calls" not in str(choices)


def test_log_probabilities_of_gemini() -> None:
    chosen = {"token": "Hi", "logProbability": -0.5}
    candidate = {
        "content": {"parts": [{"text": "Hi"}]},
        "finishReason": "STOP",
        "logprobsResult": {"chosenCandidates": [chosen], "topCandidates": [{"candidates": [chosen]}]},
    }
    wanted = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    made, said = between("chat", "gemini"), {"candidates": [candidate], "responseId": "r"}
    whole = made.answer(said, CALLERS_BODY["chat"])["choices"][0]["logprobs"]["content"]
    assert whole == [{**wanted, "top_logprobs": [wanted]}]
    chunks = events_of(streamed(made, CALLERS_BODY["chat"], [said]), named=False)
    assert chunks[1]["choices"][0]["logprobs"]["content"] == whole


def test_several_candidates_of_gemini() -> None:
    def event(index: int, told: str, finish: str | None) -> dict[str, Any]:
        candidate = {
            "index": index,
            "content": {"parts": [{"text": told}]},
            **({"finishReason": finish} if finish else {}),
        }
        return {"candidates": [candidate], "responseId": "r"}

    stream = between("chat", "gemini").stream(CALLERS_BODY["chat"])
    events = [event(0, "a", None), event(1, "b", "STOP")]
    for item in events:
        stream.feed(orjson.dumps(item))
    assert stream.finish() == [], "one of two was cut off"
    stream = between("chat", "gemini").stream(CALLERS_BODY["chat"])
    events.append(event(0, "c", "STOP"))
    told = [piece for item in events for piece in stream.feed(orjson.dumps(item))] + stream.finish()
    choices = [choice for chunk in events_of(told, named=False)[:-1] for choice in chunk["choices"]]
    said = {index: "".join(c["delta"].get("content", "") for c in choices if c["index"] == index) for index in (0, 1)}
    assert said == {0: "ac", 1: "b"}
    assert told[-1] == b"data: [DONE]\n\n"
