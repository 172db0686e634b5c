"""The wide event: everything known about one call, in one frozen value whose fields are the columns of `calls`.

One call makes one event, whatever its outcome. Times are UTC; durations are milliseconds. `None` means unknown,
never zero. Bodies (`variables`, `request`, `response`, `params`, `attempts`) are JSON text.
This module knows no prompt, no provider and no I/O; `encode` gives the line that the spool keeps and that
ClickHouse reads as JSONEachRow, so nothing is converted twice.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

Outcome = Literal["ok", "refused", "provider_error", "timeout", "client_left"]
UsageSource = Literal["provider", "partial", "none"]
ScoreKind = Literal["bool", "number", "category", "text"]
ScoreSource = Literal["human", "code", "judge", "user"]
TargetKind = Literal["call", "trace", "external"]

MAX_BODY_CHARS = 4 * 1024 * 1024
"""A recorded body is cut at this length, so that one line always fits one segment and one insert block."""


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One call through the proxy; the field names are the column names of the `calls` table."""

    call_id: str
    ts: str
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    endpoint: str = ""
    purpose: str = "production"
    outcome: Outcome
    status: int
    error_code: str = ""
    error_message: str = ""
    prompt: str = ""
    version: int = 0
    version_id: str = ""
    channel: str = ""
    revision: int = 0
    variant: str = ""
    caller: str = ""
    user: str = ""
    session: str = ""
    tags: dict[str, str] = {}
    external_id: str = ""
    stratum: str = ""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    system_fingerprint: str = ""
    params: str = ""
    params_hash: str = ""
    overrides: tuple[str, ...] = ()
    stream: bool = False
    attempts: str = "[]"
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: UsageSource = "none"
    cost: str | None = None
    duration_ms: float
    first_chunk_ms: float | None = None
    overhead_ms: float = 0.0
    finish_reason: str = ""
    response_id: str = ""
    variables: str = ""
    request: str = ""
    response: str = ""
    system_prompt_hash: str = ""
    record_mode: str = "full"
    trace_state: str = ""
    sampled: bool = True
    redactions: int = 0
    sample_rate: float = 1.0
    cache_write_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    price: str = ""
    origin: str = ""


class ScoreEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One score as it was posted, or its deletion; the field names are the column names of `score_events`.

    `value` is of a bool (0 or 1) and a number, `label` of a category and a text. `deleted` takes the score with this id away.
    """

    score_id: str
    target_kind: TargetKind
    target: str
    ts: str
    received_at: str
    name: str
    value: float | None
    label: str = ""
    kind: ScoreKind
    source: ScoreSource = "code"
    scorer: str = ""
    scorer_version: str = ""
    parsed: bool = True
    comment: str = ""
    deleted: bool = False
    posted_by: str = ""


SpanKind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
SpanStatus = Literal["unset", "ok", "error"]


class SpanEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One span that an app sent over OTLP; the field names are the column names of `spans`.

    Times are to the nanosecond, ids lower-case hex. Attributes are text: numbers as digits, lists and maps as JSON.
    """

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    trace_state: str = ""
    name: str
    kind: SpanKind = "unspecified"
    ts: str
    duration_ns: int
    status: SpanStatus = "unset"
    status_message: str = ""
    service: str = ""
    scope_name: str = ""
    scope_version: str = ""
    resource_attributes: dict[str, str] = {}
    attributes: dict[str, str] = {}
    event_ts: tuple[str, ...] = ()
    event_names: tuple[str, ...] = ()
    event_attributes: tuple[dict[str, str], ...] = ()
    link_trace_ids: tuple[str, ...] = ()
    link_span_ids: tuple[str, ...] = ()
    link_trace_states: tuple[str, ...] = ()
    link_attributes: tuple[dict[str, str], ...] = ()
    dropped: int = 0
    caller: str = ""
    received_at: str


Event = CallEvent | ScoreEvent | SpanEvent

TABLE_OF: dict[type, str] = {CallEvent: "calls", ScoreEvent: "score_events", SpanEvent: "spans"}
"""The table that each kind of event is loaded into; a segment of the spool holds one kind only."""

_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event as one JSONEachRow line, newline included. Valid UTF-8 always."""
    return _encoder.encode(event) + b"\n"


def timestamp(at: datetime) -> str:
    """A UTC time as ClickHouse's best_effort parser reads it, to the microsecond."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def body_text(raw: bytes | str) -> str:
    """A body as valid UTF-8 text for the record, cut at `MAX_BODY_CHARS` with a mark that says so."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    if len(text) <= MAX_BODY_CHARS:
        return text
    return f"{text[:MAX_BODY_CHARS]}… (cut: {len(text):,} characters in all)"
