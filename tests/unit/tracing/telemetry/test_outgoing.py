"""What goes out of a call and a score, and under which names."""

import json
from dataclasses import replace
from typing import Any

import opentelemetry.semconv._incubating.attributes as incubating
import opentelemetry.semconv.attributes as stable
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from tests.plugins.collector import attributes
from tracing.event import CallEvent, ScoreEvent
from tracing.telemetry import names
from tracing.telemetry.config import Export, Sampling
from tracing.telemetry.encode import log_of, metrics_request, span_of
from tracing.telemetry.metrics import Metric, Point
from tracing.telemetry.totals import Histogram

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"

LATER = {"gen_ai.prompt.version", "gen_ai.evaluation.result"}
"""Names that stand in the conventions' own repository and not, or not as an attribute, in the package that is installed."""


def export(**more: Any) -> Export:
    return replace(
        Export(
            targets={},
            resource={"service.name": "slugline"},
            sampling=Sampling(),
            bodies=False,
            variables=False,
            also=frozenset(),
            metrics_seconds=60,
            max_bytes=0,
        ),
        **more,
    )


def call(**more: Any) -> CallEvent:
    fields: dict[str, Any] = {
        "call_id": "018f0000-0000-7000-8000-000000000001",
        "ts": "2026-11-23T01:02:03.000004Z",
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "trace_state": "v=1",
        "endpoint": "chat.completions",
        "outcome": "ok",
        "status": 200,
        "prompt": "support",
        "version": 7,
        "version_id": "v-7",
        "channel": "stable",
        "provider": "azure",
        "model_requested": "gpt-5",
        "model_served": "gpt-5-2026",
        "params": '{"temperature": 0, "max_completion_tokens": 9, "seed": 3, "stop": "x", "n": 2, "response_format": {"type": "json_schema"}}',
        "stream": True,
        "input_tokens": 100,
        "cached_input_tokens": 40,
        "output_tokens": 5,
        "reasoning_tokens": 2,
        "cost": "0.0015",
        "duration_ms": 1234.5678,
        "first_chunk_ms": 250.0,
        "finish_reason": "stop",
        "response_id": "resp-1",
        "session": "s-1",
        "user": "ann",
        "tags": {"team": "a"},
        "variables": '{"name": "Ann", "list": [1]}',
        "request": json.dumps(
            {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}
        ),
        "response": json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}),
        **more,
    }
    return CallEvent(**fields)


def told(span: Span) -> dict[str, Any]:
    return attributes(span.attributes)


def test_a_call_is_a_span() -> None:
    span = span_of(call(), export())
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN, PARENT)
    assert (span.name, span.kind, span.trace_state, span.flags) == ("chat gpt-5", Span.SPAN_KIND_CLIENT, "v=1", 0x301)
    assert span.start_time_unix_nano == 1795395723_000004000
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_234_567_800
    assert span.status == Status()
    assert told(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 3,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gpt-5-2026",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.conversation.id": "s-1",
        "gen_ai.prompt.name": "support",
        "gen_ai.prompt.version": "7",
        "user.id": "ann",
        "http.response.status_code": 200,
        "slugline.call.id": "018f0000-0000-7000-8000-000000000001",
        "slugline.channel": "stable",
        "slugline.version.id": "v-7",
        "slugline.outcome": "ok",
        "slugline.purpose": "production",
        "slugline.cost": 0.0015,
        "slugline.tag.team": "a",
    }


def test_a_failed_call_is_an_error_and_one_whose_client_left_is_none() -> None:
    span = span_of(call(outcome="timeout", error_code="provider_timeout", error_message="too late"), export())
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "too late")
    assert told(span)["error.type"] == "provider_timeout"
    left = span_of(call(outcome="client_left", status=499), export())
    assert left.status == Status()
    assert "error.type" not in told(left)


def test_a_call_that_is_hardly_known_is_a_span_all_the_same() -> None:
    bare = CallEvent(
        call_id="c",
        ts="2026-11-23T01:02:03.000004Z",
        trace_id=TRACE,
        span_id=SPAN,
        outcome="refused",
        status=401,
        duration_ms=0.1,
    )
    span = span_of(bare, export())
    assert span.flags == 0x101
    assert set(told(span)) == {
        "error.type",
        "http.response.status_code",
        "slugline.call.id",
        "slugline.outcome",
        "slugline.purpose",
    }


def test_what_was_said_goes_out_only_when_asked_for() -> None:
    assert not any("messages" in name or "variable" in name for name in told(span_of(call(), export())))
    found = told(span_of(call(), export(bodies=True, variables=True)))
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
    ]
    assert json.loads(found["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}
    ]
    assert (found["gen_ai.prompt.variable.name"], found["gen_ai.prompt.variable.list"]) == ("Ann", "[1]")


def test_langfuse_and_openinference_are_told_in_their_own_words() -> None:
    plain = told(span_of(call(), export()))
    both = told(span_of(call(), export(also=frozenset({"langfuse", "openinference"}))))
    assert both.items() >= plain.items()
    assert (both["langfuse.observation.prompt.name"], both["langfuse.observation.prompt.version"]) == ("support", 7)
    assert json.loads(both["langfuse.observation.usage_details"])["input"] == 100
    assert (both["llm.prompt_template.version"], both["openinference.span.kind"]) == ("support@7", "LLM")
    assert both["llm.token_count.total"] == 105
    assert not any("Be kind" in str(value) or "Ann" in str(value) for value in both.values())
    full = told(span_of(call(), export(also=frozenset({"langfuse", "openinference"}), bodies=True)))
    assert full["langfuse.observation.input"] == full["input.value"] == full["gen_ai.input.messages"]


def test_names_of_langfuse_are_those_of_its_own_library() -> None:
    from langfuse._client.attributes import LangfuseOtelSpanAttributes

    known = {value for name, value in vars(LangfuseOtelSpanAttributes).items() if not name.startswith("_")}
    both = told(
        span_of(
            call(error_code="e", outcome="timeout", error_message="m"),
            export(also=frozenset({"langfuse"}), bodies=True),
        )
    )
    assert {name for name in both if name.startswith("langfuse.")} <= known


def score(**more: Any) -> ScoreEvent:
    fields: dict[str, Any] = {
        "score_id": "s-1",
        "target_kind": "call",
        "target": "018f0000-0000-7000-8000-000000000001",
        "ts": "2026-11-23T01:02:03.000004Z",
        "received_at": "2026-11-23T01:02:04.000004Z",
        "name": "helpful",
        "value": 1.0,
        "kind": "bool",
        **more,
    }
    return ScoreEvent(**fields)


def test_a_score_is_an_evaluation_event_of_its_calls_span() -> None:
    about = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "response_id": "resp-1",
        "prompt": "support",
        "version": 7,
        "call_id": "c",
    }
    record = log_of(score(comment="well said", scorer="judge", scorer_version="3"), about)
    assert (record.event_name, record.trace_id.hex(), record.span_id.hex()) == ("gen_ai.evaluation.result", TRACE, SPAN)
    assert record.observed_time_unix_nano - record.time_unix_nano == 1_000_000_000
    assert attributes(record.attributes) == {
        "gen_ai.evaluation.name": "helpful",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "true",
        "gen_ai.evaluation.explanation": "well said",
        "gen_ai.response.id": "resp-1",
        "gen_ai.prompt.name": "support",
        "gen_ai.prompt.version": "7",
        "slugline.call.id": "c",
        "slugline.score.id": "s-1",
        "slugline.score.source": "code",
        "slugline.scorer": "judge",
        "slugline.scorer.version": "3",
    }


def test_a_score_whose_call_is_not_known_goes_out_without_ids() -> None:
    record = log_of(score(target_kind="external", target="ticket-1", kind="category", value=None, label="good"), {})
    assert (record.trace_id, record.span_id) == (b"", b"")
    found = attributes(record.attributes)
    assert (found["slugline.external_id"], found["gen_ai.evaluation.score.label"]) == ("ticket-1", "good")
    assert "gen_ai.evaluation.score.value" not in found
    assert log_of(score(target_kind="trace", target=TRACE), {}).trace_id.hex() == TRACE
    assert attributes(log_of(score(parsed=False, value=None), {}).attributes)["error.type"] == "unparsed"


def test_every_name_is_one_of_the_conventions() -> None:
    known = set(LATER)
    for package, module in [(incubating, "gen_ai_attributes"), (incubating, "http_attributes"), (incubating, "user_attributes"),
                            (incubating, "service_attributes"), (incubating, "otel_attributes"), (stable, "error_attributes")]:  # fmt: skip
        loaded = __import__(f"{package.__name__}.{module}", fromlist=["x"])
        known |= {value for name, value in vars(loaded).items() if name.isupper() and isinstance(value, str)}
    known |= {value for name, value in vars(gen_ai_metrics).items() if name.isupper() and isinstance(value, str)}
    ours = {value for name, value in vars(names).items() if name.isupper() and not name.startswith("_")}
    foreign = {name for name in ours if not name.startswith(names.OWN) and name != names.PROMPT_VARIABLE}
    assert foreign - known == {"otel.metric.overflow"}, "a name that no convention has"


@pytest.mark.parametrize("name", ["azure", "gemini", "google", "bedrock", "mistral", "vertex", "watsonx", "xai"])
def test_providers_have_the_conventions_names(name: str) -> None:
    from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiProviderNameValues

    assert names.provider(name) in {each.value for each in GenAiProviderNameValues}
    assert names.provider("my-own") == "my-own"


def test_metrics_are_cumulative_since_the_server_began() -> None:
    histogram = Metric(
        name="h", kind="histogram", unit="s", help="", bounds=(1, 2), scale=1e-6,
        points=[Point(attributes={"a": "b"}, value=Histogram(1_500_000, (1, 2, 0)))],
    )  # fmt: skip
    counter = Metric(name="c", kind="counter", unit="1", help="", points=[Point(attributes={}, value=3)])
    gauge = Metric(name="g", kind="gauge", unit="1", help="", points=[Point(attributes={}, value=0.5)])
    request = metrics_request([histogram, counter, gauge], export(), "1", started=5, now=9)
    first, second, third = request.resource_metrics[0].scope_metrics[0].metrics
    [point] = first.histogram.data_points
    assert (point.start_time_unix_nano, point.time_unix_nano, point.count, point.sum) == (5, 9, 3, 1.5)
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([1, 2, 0], [1.0, 2.0])
    assert (second.sum.is_monotonic, second.sum.data_points[0].as_int) == (True, 3)
    assert third.gauge.data_points[0].as_double == 0.5
