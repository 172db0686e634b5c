"""Spans as apps send them, and the events that they become. Pure.

Knows OTLP's messages (https://opentelemetry.io/docs/specs/otlp/, opentelemetry/proto/trace/v1/trace.proto). Refuses to know HTTP.
A span that can't be kept is counted and told, as the protocol's partial success; it never keeps the others out.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracing.event import SpanEvent, SpanKind, SpanStatus, timestamp

MAX_VALUE_CHARS = 64 * 1024
MAX_ATTRIBUTES = 512
MAX_EVENTS = 512
MAX_SPAN_CHARS = 2 * 1024 * 1024
"""Bounds of one span on record: what goes beyond is cut or left out, and counted in `dropped`."""

_KINDS: tuple[SpanKind, ...] = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES: tuple[SpanStatus, ...] = ("unset", "ok", "error")
_MAX_NANOSECONDS = 2**63 - 1  # as far as ClickHouse's DateTime64(9) reaches, in the year 2262
_MAX_NESTING = 20


class SpanRefused(ValueError):
    """A span that no record can be made of, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What a request held: the spans to record, how many were refused, and why the first of those was."""

    events: tuple[SpanEvent, ...]
    rejected: int = 0
    reason: str = ""


def read_spans(request: ExportTraceServiceRequest, *, caller: str, at: datetime) -> Incoming:
    """The spans of a request, as events; `caller` is the name of the key that it came with."""
    received_at = timestamp(at)
    events: list[SpanEvent] = []
    rejected, reason = 0, ""
    for group in request.resource_spans:
        resource, _ = _attributes(group.resource.attributes, _Room(MAX_SPAN_CHARS))
        for scoped in group.scope_spans:
            for span in scoped.spans:
                try:
                    events.append(_event(span, resource, scoped.scope, caller, received_at))
                except SpanRefused as error:
                    rejected += 1
                    reason = reason or f"span {span.name[:100]!r}: {error}"
    return Incoming(events=tuple(events), rejected=rejected, reason=reason)


class _Room:
    """How much more of one span's text may be kept."""

    def __init__(self, chars: int) -> None:
        self.left = chars

    def cut(self, text: str) -> str:
        kept = text[: max(0, min(self.left, MAX_VALUE_CHARS))]
        self.left -= len(kept)
        return kept if len(kept) == len(text) else f"{kept}… (cut: {len(text):,} characters in all)"


def _event(
    span: Span, resource: dict[str, str], scope: InstrumentationScope, caller: str, received_at: str
) -> SpanEvent:
    room = _Room(MAX_SPAN_CHARS)
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    if not 0 < start <= _MAX_NANOSECONDS:
        raise SpanRefused(f"its start_time_unix_nano is {start}, which is no time")
    attributes, dropped = _attributes(span.attributes, room)
    events = [(_time(each.time_unix_nano), each.name[:200], _attributes(each.attributes, room)) for each in
              span.events[:MAX_EVENTS]]  # fmt: skip
    links = [
        (_id(each.trace_id, 16, "link's trace_id"), _id(each.span_id, 8, "link's span_id"), each)
        for each in span.links[:MAX_EVENTS]
    ]
    linked = [_attributes(each.attributes, room) for _, _, each in links]
    dropped += sum(lost for _, _, (_, lost) in events) + sum(lost for _, lost in linked)
    dropped += len(span.events) - len(events) + len(span.links) - len(links)
    dropped += span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count
    return SpanEvent(
        trace_id=_id(span.trace_id, 16, "trace_id"),
        span_id=_id(span.span_id, 8, "span_id"),
        parent_span_id=_id(span.parent_span_id, 8, "parent_span_id") if any(span.parent_span_id) else "",
        trace_state=span.trace_state[:512],
        name=span.name[:1000],
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "unspecified",
        ts=_time(start),
        duration_ns=max(0, min(end, _MAX_NANOSECONDS) - start),
        status=_status(span.status),
        status_message=room.cut(span.status.message),
        service=resource.get("service.name", "")[:200],
        scope_name=scope.name[:200],
        scope_version=scope.version[:200],
        resource_attributes=resource,
        attributes=attributes,
        event_ts=tuple(at for at, _, _ in events),
        event_names=tuple(name for _, name, _ in events),
        event_attributes=tuple(values for _, _, (values, _) in events),
        link_trace_ids=tuple(trace_id for trace_id, _, _ in links),
        link_span_ids=tuple(span_id for _, span_id, _ in links),
        link_trace_states=tuple(each.trace_state[:512] for _, _, each in links),
        link_attributes=tuple(values for values, _ in linked),
        dropped=min(dropped, 2**32 - 1),
        caller=caller,
        received_at=received_at,
    )


def _status(status: Status) -> SpanStatus:
    return _STATUSES[status.code] if 0 <= status.code < len(_STATUSES) else "unset"


def _id(raw: bytes, size: int, what: str) -> str:
    if len(raw) != size:
        raise SpanRefused(f"its {what} has {len(raw)} bytes instead of {size}")
    if not any(raw):
        raise SpanRefused(f"its {what} is all zeros")
    return raw.hex()


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(min(nanoseconds, _MAX_NANOSECONDS), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _attributes(given: Iterable[KeyValue], room: _Room) -> tuple[dict[str, str], int]:
    """Attributes as text, and how many were left out. Of a key that comes twice the last value counts."""
    kept: dict[str, str] = {}
    dropped = 0
    for each in given:
        if (len(kept) >= MAX_ATTRIBUTES and each.key not in kept) or room.left <= 0:
            dropped += 1
            continue
        kept[room.cut(each.key[:500])] = room.cut(_text(each.value))
    return kept, dropped


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return repr(value.double_value)
    if kind is None:
        return ""
    return json.dumps(_plain(value, _MAX_NESTING), ensure_ascii=False, separators=(",", ":"))


def _plain(value: AnyValue, depth: int) -> object:
    kind = value.WhichOneof("value")
    if kind is None or depth == 0:
        return None
    if kind == "array_value":
        return [_plain(each, depth - 1) for each in value.array_value.values]
    if kind == "kvlist_value":
        return dict(_pairs(value.kvlist_value.values, depth - 1))
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)


def _pairs(values: Iterable[KeyValue], depth: int) -> Iterator[tuple[str, object]]:
    for each in values:
        yield each.key, _plain(each.value, depth)
