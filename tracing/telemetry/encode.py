"""Calls, scores and metrics as OTLP's messages, in the official protobuf definitions. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tracing.event import CallEvent, ScoreEvent
from tracing.telemetry import names
from tracing.telemetry.aliases import aliases
from tracing.telemetry.attributes import Value, call_attributes, content_of, score_attributes
from tracing.telemetry.config import Export
from tracing.telemetry.metrics import Metric, Point
from tracing.telemetry.totals import Histogram

_SAMPLED, _KNOWS_PARENT, _REMOTE_PARENT = 0x01, 0x100, 0x200
_INFO = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_INT = 2**63 - 1


def span_of(call: CallEvent, export: Export) -> Span:
    """A call as a span. Its ids are those that its provider and its app know it by."""
    start = nanoseconds(call.ts)
    content = content_of(call, export)
    told = call_attributes(call, content, variables=export.variables)
    told |= aliases(call, told, export.also)
    model = call.model_requested or call.model_served
    failed = names.ERROR_TYPE in told
    return Span(
        trace_id=bytes.fromhex(call.trace_id),
        span_id=bytes.fromhex(call.span_id),
        parent_span_id=bytes.fromhex(call.parent_span_id),
        trace_state=call.trace_state,
        flags=_KNOWS_PARENT | (_REMOTE_PARENT if call.parent_span_id else 0) | (_SAMPLED if call.sampled else 0),
        name=f"{names.operation(call.endpoint)} {model}".strip(),
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + round(call.duration_ms * 1e6),
        attributes=pairs(told),
        status=Status(code=Status.STATUS_CODE_ERROR, message=call.error_message[:1000]) if failed else None,
    )


def log_of(score: ScoreEvent, about: Mapping[str, Any]) -> LogRecord:
    """A score as the event gen_ai.evaluation.result; `about` is what is known of its call, empty where nothing is.

    Events are log records with a name (https://opentelemetry.io/docs/specs/otel/logs/data-model/#events).
    """
    trace_id = about.get("trace_id") or (score.target if score.target_kind == "trace" else "")
    return LogRecord(
        time_unix_nano=nanoseconds(score.ts),
        observed_time_unix_nano=nanoseconds(score.received_at),
        severity_number=_INFO,  # type: ignore[arg-type]  # SEVERITY_NUMBER_INFO
        severity_text="INFO",
        event_name=names.EVALUATION_EVENT,
        attributes=pairs(score_attributes(score, about)),
        trace_id=_hex(trace_id, 32),
        span_id=_hex(about.get("span_id") or "", 16),
        flags=_SAMPLED,
    )


def spans_request(spans: Iterable[Span], export: Export, version: str) -> ExportTraceServiceRequest:
    """A request with spans."""
    scoped = ScopeSpans(scope=InstrumentationScope(name="slugline", version=version), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=_resource(export), scope_spans=[scoped])])


def logs_request(logs: Iterable[LogRecord], export: Export, version: str) -> ExportLogsServiceRequest:
    """A request with evaluation events."""
    scoped = ScopeLogs(scope=InstrumentationScope(name="slugline", version=version), log_records=logs)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=_resource(export), scope_logs=[scoped])])


def metrics_request(
    metrics: Iterable[Metric], export: Export, version: str, *, started: int, now: int
) -> ExportMetricsServiceRequest:
    """A request with metrics, cumulative since `started`; times are nanoseconds since 1970."""
    told = [_metric(each, started, now) for each in metrics if each.points]
    scoped = metrics_pb2.ScopeMetrics(scope=InstrumentationScope(name="slugline", version=version), metrics=told)
    group = metrics_pb2.ResourceMetrics(resource=_resource(export), scope_metrics=[scoped])
    return ExportMetricsServiceRequest(resource_metrics=[group])


def pairs(attributes: Mapping[str, Value]) -> list[KeyValue]:
    """Attributes as protobuf has them."""
    return [KeyValue(key=name, value=_value(value)) for name, value in attributes.items()]


def nanoseconds(time: str) -> int:
    """Nanoseconds since 1970 of a time as the record has it."""
    at = datetime.fromisoformat(time)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1) * 1000


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if abs(value) <= _MAX_INT else AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=each) for each in value]))


def _resource(export: Export) -> Resource:
    return Resource(attributes=pairs(dict(export.resource)))


def _hex(text: str, digits: int) -> bytes:
    try:
        return bytes.fromhex(text) if len(text) == digits else b""
    except ValueError:
        return b""


def _metric(metric: Metric, started: int, now: int) -> metrics_pb2.Metric:
    told = metrics_pb2.Metric(name=metric.name, unit=metric.unit, description=metric.help)
    if metric.kind == "histogram":
        told.histogram.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
        told.histogram.data_points.extend(_histogram(each, metric, started, now) for each in metric.points)
    elif metric.kind == "counter":
        told.sum.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
        told.sum.is_monotonic = True
        told.sum.data_points.extend(_numbers(metric.points, started, now))
    else:
        told.gauge.data_points.extend(_numbers(metric.points, 0, now))
    return told


def _histogram(point: Point, metric: Metric, started: int, now: int) -> metrics_pb2.HistogramDataPoint:
    assert isinstance(point.value, Histogram)  # noqa: S101 - a histogram's points are
    return metrics_pb2.HistogramDataPoint(
        attributes=pairs(dict(point.attributes)),
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=point.value.count,
        sum=point.value.sum * metric.scale,
        bucket_counts=point.value.buckets,
        explicit_bounds=[float(bound) for bound in metric.bounds],
    )


def _numbers(points: Sequence[Point], started: int, now: int) -> list[metrics_pb2.NumberDataPoint]:
    told = []
    for point in points:
        assert not isinstance(point.value, Histogram)  # noqa: S101
        number = {"as_int": point.value} if isinstance(point.value, int) else {"as_double": point.value}
        told.append(
            metrics_pb2.NumberDataPoint(
                attributes=pairs(dict(point.attributes)), start_time_unix_nano=started, time_unix_nano=now, **number
            )
        )
    return told
