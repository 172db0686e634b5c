"""Langfuse's and LiteLLM's exports, record by record: fields as their public documentation names them."""

from collections.abc import Mapping
from typing import Any

import pytest

from tracing.event import CallEvent, Event, ScoreEvent
from tracing.transfer.aside import TraceNotes
from tracing.transfer.recognise import Origin, Reading, What, events, holds_traces
from tracing.transfer.values import call_uuid

OBSERVATION: dict[str, Any] = {
    "id": "obs-1",
    "trace_id": "ABC",
    "project_id": "p",
    "environment": "production",
    "type": "GENERATION",
    "parent_observation_id": "",
    "start_time": "2024-05-29 13:46:19.963000",
    "end_time": "2024-05-29 13:46:21.463000",
    "completion_start_time": "2024-05-29 13:46:20.000000",
    "name": "answer",
    "metadata": {},
    "level": "DEFAULT",
    "status_message": "",
    "input": '[{"role": "user", "content": "hi"}]',
    "output": "hello",
    "provided_model_name": "gpt-4o",
    "model_parameters": '{"temperature":0.7}',
    "usage_details": {"input": 10, "output": 5, "total": 18, "input_cached_tokens": 3},
    "cost_details": {"input": 0.001, "output": 0.002},
    "total_cost": 0.003,
    "prompt_name": "Support Agent",
    "prompt_version": 4,
    "user_id": "ann",
    "session_id": "s1",
    "tags": ["beta"],
}
SPEND: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "hash",
    "spend": 0.0042,
    "total_tokens": 15,
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "startTime": "2025-03-01T10:00:00.000Z",
    "endTime": "2025-03-01T10:00:02.500Z",
    "completionStartTime": "2025-03-01T10:00:00.500Z",
    "model": "gpt-4o-2024-08-06",
    "model_group": "gpt-4o",
    "custom_llm_provider": "openai",
    "user": "default_user_id",
    "end_user": "ann",
    "metadata": '{"user_api_key_alias": "backend"}',
    "cache_hit": "False",
    "request_tags": '["beta"]',
    "team_id": "t1",
    "messages": {},
    "response": '{"choices": []}',
    "proxy_server_request": '{"model": "gpt-4o", "messages": []}',
    "session_id": "s1",
    "status": "success",
}


def read(
    record: Mapping[str, Any], what: What = "calls", origin: Origin = "auto", notes: TraceNotes | None = None
) -> list[Event]:
    with notes or TraceNotes() as kept:
        reading = Reading(what=what, origin=origin, slug=lambda name: name.lower().replace(" ", "-"), notes=kept)
        return list(events(record, reading))


def camel(record: Mapping[str, Any]) -> dict[str, Any]:
    def hump(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(each.title() for each in rest)

    return {hump(name): value for name, value in record.items()}


@pytest.mark.parametrize("spelling", [dict, camel])
def test_a_langfuse_generation_is_a_call(spelling: Any) -> None:
    [call] = read(spelling(OBSERVATION))
    assert isinstance(call, CallEvent)
    assert (call.call_id, call.trace_id, call.span_id) == (call_uuid("obs-1", "langfuse"), "abc", "obs-1")
    assert (call.ts, call.duration_ms, call.first_chunk_ms) == ("2024-05-29T13:46:19.963000Z", 1500.0, 37.0)
    assert (call.prompt, call.version, call.model_served) == ("support-agent", 4, "gpt-4o")
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (13, 3, 5)
    assert (call.cost, call.user, call.session) == ("0.003000000", "ann", "s1")
    assert call.tags == {"beta": "", "environment": "production"}
    assert (call.request, call.response) == ('{"messages":[{"role":"user","content":"hi"}]}', "hello")
    assert (call.outcome, call.status, call.origin) == ("ok", 200, "langfuse")


def test_other_observations_are_no_calls_and_errors_are_kept() -> None:
    assert read({**OBSERVATION, "type": "SPAN"}) == []
    [failed] = read({**OBSERVATION, "level": "ERROR", "status_message": "boom", "end_time": None, "usage_details": {}})
    assert isinstance(failed, CallEvent)
    assert (failed.outcome, failed.error_message, failed.input_tokens, failed.duration_ms) == (
        "provider_error",
        "boom",
        None,
        0,
    )
    [unpriced] = read({**OBSERVATION, "total_cost": 0, "cost_details": {}})
    assert isinstance(unpriced, CallEvent)
    assert unpriced.cost is None
    with pytest.raises(ValueError, match="start_time is no time"):
        read({**OBSERVATION, "start_time": None})


def test_traces_tell_their_observations_what_those_leave_out() -> None:
    trace = {
        "id": "ABC",
        "timestamp": "2024-05-29 13:46:19",
        "name": "t",
        "user_id": "bob",
        "session_id": "s2",
        "tags": ["x"],
    }
    bare = {name: value for name, value in OBSERVATION.items() if name not in ("user_id", "session_id", "tags")}
    assert holds_traces(trace)
    assert not holds_traces(bare)
    with TraceNotes() as notes:
        reading = Reading(what="calls", origin="auto", slug=str.lower, notes=notes)
        assert list(events(trace, reading)) == []
        [call] = events(bare, reading)
        [own] = events(OBSERVATION, reading)
    assert isinstance(call, CallEvent)
    assert isinstance(own, CallEvent)
    assert (call.user, call.session, call.tags["x"]) == ("bob", "s2", "")
    assert own.user == "ann"


def test_a_whole_trace_as_it_is_downloaded() -> None:
    score = {
        "id": "sc",
        "traceId": "ABC",
        "observationId": "obs-1",
        "name": "helpful",
        "value": 1,
        "dataType": "BOOLEAN",
        "timestamp": "2024-05-30T00:00:00Z",
        "source": "ANNOTATION",
    }
    trace = {
        "id": "ABC",
        "timestamp": "2024-05-29T13:46:19Z",
        "userId": "bob",
        "observations": [camel(OBSERVATION)],
        "scores": [score],
    }
    [call] = read(trace)
    assert isinstance(call, CallEvent)
    [given] = read(trace, "scores")
    assert isinstance(given, ScoreEvent)
    assert (given.target_kind, given.target, given.kind, given.value, given.source) == (
        "call",
        call.call_id,
        "bool",
        1.0,
        "human",
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"data_type": "NUMERIC", "value": 0.5}, ("number", 0.5, "")),
        ({"data_type": "CATEGORICAL", "value": 0, "string_value": "angry"}, ("category", None, "angry")),
        ({"data_type": "BOOLEAN", "value": 0, "string_value": "False"}, ("bool", 0.0, "False")),
    ],
)
def test_langfuse_scores(more: dict[str, Any], expected: tuple[Any, ...]) -> None:
    row = {
        "id": "s",
        "timestamp": "2024-06-01 00:00:00.000",
        "trace_id": "ABC",
        "name": "tone",
        "source": "EVAL",
        **more,
    }
    [score] = read(row, "scores")
    assert isinstance(score, ScoreEvent)
    assert (score.kind, score.value, score.label or "") == expected or (score.kind, score.value) == expected[:2]
    assert (score.target_kind, score.target, score.source) == ("trace", "abc", "judge")
    assert read(row, "calls") == []
    with pytest.raises(ValueError, match="session or dataset run"):
        read({**row, "trace_id": None}, "scores", "langfuse")


def test_a_litellm_spend_log_is_a_call() -> None:
    [call] = read(SPEND)
    assert isinstance(call, CallEvent)
    assert (call.call_id, call.external_id) == (call_uuid("chatcmpl-1", "litellm"), "chatcmpl-1")
    assert (call.ts, call.duration_ms, call.first_chunk_ms, call.stream) == (
        "2025-03-01T10:00:00.000000Z",
        2500.0,
        500.0,
        True,
    )
    assert (call.endpoint, call.provider, call.model_requested, call.model_served) == (
        "/v1/chat/completions",
        "openai",
        "gpt-4o",
        "gpt-4o-2024-08-06",
    )
    assert (call.user, call.caller, call.session, call.tags) == ("ann", "backend", "s1", {"beta": "", "team_id": "t1"})
    assert (call.cost, call.input_tokens, call.output_tokens, call.origin) == ("0.004200000", 10, 5, "litellm")
    assert call.response == '{"choices":[]}'


def test_litellm_failures_and_unknown_prices() -> None:
    error = {"error_information": {"error_code": "429", "error_class": "RateLimitError", "error_message": "slow down"}}
    [failed] = read({**SPEND, "status": "failure", "metadata": error, "spend": 0.0})
    assert isinstance(failed, CallEvent)
    assert (failed.outcome, failed.status, failed.error_code, failed.cost) == (
        "provider_error",
        429,
        "RateLimitError",
        None,
    )
    [cached] = read({**SPEND, "cache_hit": "True", "spend": 0.0})
    assert isinstance(cached, CallEvent)
    assert cached.cost == "0.000000000"
    with pytest.raises(ValueError, match="holds no scores"):
        read(SPEND, "scores")


def test_an_origin_that_is_said_is_taken_at_its_word() -> None:
    with pytest.raises(ValueError, match="no column of calls"):
        read(OBSERVATION, origin="slugline")
    with pytest.raises(ValueError, match="request_id is missing"):
        read({"ts": "2025-01-01"}, origin="litellm")
