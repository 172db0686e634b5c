"""Spans as apps send them: both encodings, bounds, and what is refused."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tracing.telemetry import wire
from tracing.telemetry.incoming import MAX_ATTRIBUTES, MAX_SPAN_CHARS, MAX_VALUE_CHARS, Incoming, read_spans
from tracing.telemetry.wire import JSON, PROTOBUF, OtlpRefused, decompressed, encoding_of, read_request

AT = datetime(2026, 11, 23, tzinfo=UTC)
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def span(**more: Any) -> dict[str, Any]:
    """A span in OTLP's JSON."""
    begin = 1_700_000_000_123_456_789
    times = {"startTimeUnixNano": str(begin), "endTimeUnixNano": str(begin + 5_000_000)}
    return {"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT, "name": "search", "kind": 3, **times, **more}


def request(*spans: dict[str, Any]) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scope = {"name": "my.library", "version": "1.2"}
    return json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}
    ).encode()


def read(*spans: dict[str, Any]) -> Incoming:
    return read_spans(read_request(request(*spans), JSON), caller="app", at=AT)


def test_a_span_keeps_all_that_it_says() -> None:
    values = [
        {"key": "text", "value": {"stringValue": "ü"}},
        {"key": "whole", "value": {"intValue": "-9007199254740993"}},
        {"key": "double", "value": {"doubleValue": 0.1}},
        {"key": "yes", "value": {"boolValue": True}},
        {"key": "nothing", "value": {}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"bytesValue": "AQI="}}]}}},
    ]
    event = {"timeUnixNano": "1700000000200000001", "name": "found", "attributes": values[:1]}
    link = {"traceId": TRACE.upper(), "spanId": PARENT, "traceState": "a=1", "attributes": values[1:2]}
    found = read(
        span(
            traceState="v=2",
            attributes=values,
            events=[event],
            links=[link],
            status={"code": 2, "message": "timed out"},
            droppedAttributesCount=4,
        )
    )
    [kept] = found.events
    assert found.rejected == 0
    assert (kept.trace_id, kept.span_id, kept.parent_span_id, kept.trace_state) == (TRACE, SPAN, PARENT, "v=2")
    assert (kept.name, kept.kind, kept.status, kept.status_message) == ("search", "client", "error", "timed out")
    assert (kept.ts, kept.duration_ns) == ("2023-11-14T22:13:20.123456789Z", 5_000_000)
    assert (kept.service, kept.scope_name, kept.scope_version, kept.caller) == ("shop", "my.library", "1.2", "app")
    assert kept.attributes == {
        "text": "ü",
        "whole": "-9007199254740993",
        "double": "0.1",
        "yes": "true",
        "nothing": "",
        "list": '["a",2]',
        "map": '{"k":"0102"}',
    }
    assert (kept.event_ts, kept.event_names) == (("2023-11-14T22:13:20.200000001Z",), ("found",))
    assert kept.event_attributes == ({"text": "ü"},)
    assert (kept.link_trace_ids, kept.link_span_ids, kept.link_trace_states) == ((TRACE,), (PARENT,), ("a=1",))
    assert kept.link_attributes == ({"whole": "-9007199254740993"},)
    assert kept.dropped == 4


def test_protobuf_says_the_same_as_json() -> None:
    from_json = read_request(request(span(), span(spanId=PARENT, parentSpanId="")), JSON)
    assert read_request(from_json.SerializeToString(), PROTOBUF) == from_json
    assert from_json.resource_spans[0].scope_spans[0].spans[0].trace_id.hex() == TRACE


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"traceId": "00" * 16}, "trace_id is all zeros"),
        ({"traceId": "0a"}, "trace_id has 1 bytes instead of 16"),
        ({"spanId": ""}, "span_id has 0 bytes"),
        ({"startTimeUnixNano": "0"}, "no time"),
        ({"startTimeUnixNano": str(2**64 - 1)}, "no time"),
        ({"links": [{"traceId": TRACE, "spanId": "00" * 8}]}, "link's span_id is all zeros"),
    ],
)
def test_a_span_that_cant_be_kept_leaves_the_others_alone(wrong: dict[str, Any], reason: str) -> None:
    found = read(span(**wrong), span())
    assert (len(found.events), found.rejected) == (1, 1)
    assert reason in found.reason
    assert "'search'" in found.reason


def test_an_end_before_the_beginning_is_no_negative_time() -> None:
    assert read(span(endTimeUnixNano="1")).events[0].duration_ns == 0


def test_a_span_is_kept_within_bounds() -> None:
    many = [{"key": f"k{number}", "value": {"intValue": "1"}} for number in range(MAX_ATTRIBUTES + 3)]
    long = [{"key": "long", "value": {"stringValue": "x" * (MAX_VALUE_CHARS + 1)}}]
    huge = [{"key": f"h{number}", "value": {"stringValue": "x" * MAX_VALUE_CHARS}} for number in range(100)]
    assert read(span(attributes=many)).events[0].dropped == 3
    assert "cut: 65,537 characters" in read(span(attributes=long)).events[0].attributes["long"]
    kept = read(span(attributes=huge)).events[0]
    assert sum(map(len, kept.attributes.values())) < MAX_SPAN_CHARS + 1000
    assert kept.dropped > 60


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (b"\x0a\xff", PROTOBUF, "no ExportTraceServiceRequest"),
        (b"{", JSON, "no ExportTraceServiceRequest"),
        (b"[]", JSON, "must be a JSON object"),
        (request(span(traceId="xyz")), JSON, "traceId must be 32 hex digits, not 'xyz'"),
        (b'{"resourceSpans": 5}', JSON, "no ExportTraceServiceRequest"),
        (b'{"resourceSpans": ' + b"[" * 100_000, JSON, "no ExportTraceServiceRequest"),
    ],
)
def test_a_body_that_cant_be_read_is_a_bad_request(body: bytes, encoding: wire.Encoding, said: str) -> None:
    with pytest.raises(OtlpRefused, match=said) as refused:
        read_request(body, encoding)
    assert refused.value.status == 400


def test_json_may_have_fields_of_later_versions_and_the_other_spelling() -> None:
    other = {"resource_spans": [{"scope_spans": [{"spans": [{**span(), "later": 1, "trace_id": TRACE}]}]}]}
    del other["resource_spans"][0]["scope_spans"][0]["spans"][0]["traceId"]  # type: ignore[attr-defined]
    [kept] = read_spans(read_request(json.dumps(other).encode(), JSON), caller="", at=AT).events
    assert kept.trace_id == TRACE


def test_gzip_is_undone_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decompressed(gzip.compress(b"abc") + gzip.compress(b"def"), "gzip") == b"abcdef"
    assert decompressed(b"abc", "") == b"abc"
    monkeypatch.setattr(wire, "MAX_DECODED_BYTES", 1000)
    assert len(decompressed(gzip.compress(b"x" * 1000), "GZIP")) == 1000
    for body, coding, status, said in [
        (gzip.compress(b"x" * 1001), "gzip", 413, "over the limit"),
        (gzip.compress(b"x" * 600) * 2, "gzip", 413, "over the limit"),
        (gzip.compress(b"abc")[:-4], "gzip", 400, "ends in the middle"),
        (b"abc", "gzip", 400, "not gzip"),
        (b"abc", "br", 415, "gzip or none"),
    ]:
        with pytest.raises(OtlpRefused, match=said) as refused:
            decompressed(body, coding)
        assert refused.value.status == status


def test_only_the_protocols_two_encodings_are_taken() -> None:
    assert encoding_of("application/json; charset=utf-8") == JSON
    assert encoding_of("application/x-protobuf") == PROTOBUF
    with pytest.raises(OtlpRefused, match="'text/plain'"):
        encoding_of("text/plain")


def test_answers_and_errors_are_the_protocols_own() -> None:
    assert wire.answer(PROTOBUF) == b""
    partial = ExportTraceServiceResponse.FromString(wire.answer(PROTOBUF, rejected=2, message="why")).partial_success
    assert (partial.rejected_spans, partial.error_message) == (2, "why")
    told = json.loads(wire.answer(JSON, rejected=2, message="why"))
    assert told == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "why"}}
    status = Status.FromString(wire.error_body(PROTOBUF, 503, "later"))
    assert (status.code, status.message) == (14, "later")
    assert json.loads(wire.error_body(JSON, 400, "no")) == {"code": 3, "message": "no"}
    assert json_format.Parse(wire.answer(JSON), ExportTraceServiceResponse()) == ExportTraceServiceResponse()
    assert ExportTraceServiceRequest.FromString(b"") == read_request(b"", PROTOBUF)
