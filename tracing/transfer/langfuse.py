"""Langfuse's exports as events. Pure.

Fields: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields (snake_case: observations, enriched
observations, traces, scores); the interface's table export and its public API have the same names in camelCase, which is what
their published types say and no export of ours has proved. Ids of observations and traces are any text there: a call's id is made
from an observation's, always the same, so that scores find it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tracing.event import CallEvent, ScoreEvent, body_text, timestamp
from tracing.transfer.values import (
    as_tags,
    as_text,
    call_uuid,
    milliseconds,
    parsed,
    read_amount,
    read_cost,
    read_count,
    read_time,
    shown,
)

ORIGIN = "langfuse"
CALLS = frozenset({"GENERATION", "EMBEDDING"})
"""Types of observations that are calls of models; the others are an app's own steps."""

Name = Callable[[str], str]
"""A prompt's name there to its slug here."""

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_SOURCES: Mapping[str, Literal["human", "code", "judge", "user"]] = {
    "EVAL": "judge",
    "ANNOTATION": "human",
    "API": "code",
}


def plain_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with names in snake_case."""
    return {_HUMP.sub(lambda hump: f"_{hump[1].lower()}", name): value for name, value in record.items()}


def is_observation(row: Mapping[str, Any]) -> bool:
    """Whether a record (in snake_case) is an observation."""
    return "start_time" in row and ("trace_id" in row or "type" in row)


def is_trace(row: Mapping[str, Any]) -> bool:
    """Whether a record (in snake_case) is a trace."""
    return "timestamp" in row and "id" in row and "start_time" not in row and not _is_value(row)


def is_score(row: Mapping[str, Any]) -> bool:
    """Whether a record (in snake_case) is a score."""
    return "name" in row and _is_value(row) and ("data_type" in row or "observation_id" in row or "config_id" in row)


def trace_notes(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a trace says of its observations, by their names for it."""
    names = ("user_id", "session_id", "tags", "environment", "release")
    return {name: row[name] for name in names if row.get(name)}


def call_event(row: Mapping[str, Any], notes: Mapping[str, Any], name: Name) -> CallEvent | None:
    """The call that an observation is, None for one that is none; `notes` are its trace's. Raises ValueError."""
    if str(row.get("type") or "GENERATION").upper() not in CALLS:
        return None
    if not row.get("id"):
        raise ValueError("id is missing")
    begun = read_time(row.get("start_time"), "start_time")
    ended = read_time(row["end_time"], "end_time") if row.get("end_time") else None
    first = (
        read_time(row["completion_start_time"], "completion_start_time") if row.get("completion_start_time") else None
    )
    usage, costs = _usage(row), parsed(row.get("cost_details"))
    failed = str(row.get("level") or "").upper() == "ERROR"
    seconds = read_amount(row.get("latency"), "latency") if ended is None else None
    model = as_text(row.get("provided_model_name") or row.get("model"))
    prompt = as_text(row.get("prompt_name"))
    embedding = str(row.get("type")).upper() == "EMBEDDING"
    costed = row.get("total_cost") or row.get("calculated_total_cost") or (costs or {}).get("total") or _sum(costs)
    return CallEvent(
        call_id=call_uuid(as_text(row["id"]), ORIGIN),
        ts=timestamp(begun),
        trace_id=as_text(row.get("trace_id")).lower(),
        span_id=as_text(row["id"]),
        parent_span_id=as_text(row.get("parent_observation_id")),
        endpoint="/v1/embeddings" if embedding else "",
        outcome="provider_error" if failed else "ok",
        status=500 if failed else 200,
        error_message=as_text(row.get("status_message")) if failed else "",
        prompt=name(prompt) if prompt else "",
        version=read_count(row.get("prompt_version"), "prompt_version") or 0,
        user=as_text(row.get("user_id") or notes.get("user_id")),
        session=as_text(row.get("session_id") or notes.get("session_id")),
        tags=_tags(row, notes),
        stratum="",
        model_requested=model,
        model_served=model,
        params=as_text(row.get("model_parameters")),
        stream=first is not None,
        input_tokens=usage["input"],
        cached_input_tokens=usage["cached"],
        output_tokens=usage["output"],
        reasoning_tokens=usage["reasoning"],
        usage_source="provider" if usage["output"] is not None else "none",
        cost=read_cost(costed or None),
        duration_ms=milliseconds(begun, ended) or (seconds or 0.0) * 1000,
        first_chunk_ms=milliseconds(begun, first),
        request=body_text(as_text(_wrapped(row.get("input"), embedding=embedding))),
        response=body_text(as_text(row.get("output"))),
        origin=ORIGIN,
    )


def score_event(row: Mapping[str, Any]) -> ScoreEvent:
    """The score. Raises ValueError."""
    if not row.get("id") or not row.get("name"):
        raise ValueError("id and name are needed")
    if row.get("observation_id"):
        kind, target = "call", call_uuid(as_text(row["observation_id"]), ORIGIN)
    elif row.get("trace_id"):
        kind, target = "trace", as_text(row["trace_id"]).lower()
    else:
        raise ValueError("a score of a session or dataset run belongs to no call")
    label = as_text(row.get("string_value"))
    boolean = row.get("data_type") == "BOOLEAN"
    category = row.get("data_type") in ("CATEGORICAL", "TEXT") or (label != "" and row.get("value") is None)
    value = row.get("value")
    if not category and not isinstance(value, int | float):
        raise ValueError(f"value is no number: {shown(value)}")
    at = timestamp(read_time(row.get("timestamp"), "timestamp"))
    return ScoreEvent(
        score_id=as_text(row["id"]),
        target_kind=kind,  # type: ignore[arg-type]
        target=target,
        ts=at,
        received_at=timestamp(read_time(row["updated_at"], "updated_at")) if row.get("updated_at") else at,
        name=as_text(row["name"]),
        value=None if category or value is None else float(value),
        label=(label or as_text(value)) if category else "",
        kind="category" if category else "bool" if boolean else "number",
        source=_SOURCES.get(str(row.get("source")).upper(), "code"),
        scorer=as_text(row.get("author_user_id")),
        comment=as_text(row.get("comment")),
    )


def _is_value(row: Mapping[str, Any]) -> bool:
    return "value" in row or "string_value" in row


def _usage(row: Mapping[str, Any]) -> dict[str, int | None]:
    details = parsed(row.get("usage_details") or row.get("usage"))
    details = plain_names(details) if isinstance(details, Mapping) else {}

    def first(*names: str) -> int | None:
        return next((read_count(details[name], name) for name in names if details.get(name) is not None), None)

    cached = first("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
    plain = first("input", "prompt_tokens", "input_tokens")
    # Where cached tokens are told apart there, "input" leaves them out; here it counts all.
    whole = None if plain is None else plain + (cached or 0) if "input_cached_tokens" in details else plain
    return {
        "input": whole if whole is not None else read_count(row.get("prompt_tokens"), "prompt_tokens"),
        "cached": cached,
        "output": first("output", "completion_tokens", "output_tokens")
        if details
        else read_count(row.get("completion_tokens"), "completion_tokens"),
        "reasoning": first("output_reasoning_tokens", "reasoning_tokens", "output_reasoning"),
    }


def _sum(costs: Any) -> float | None:
    if not isinstance(costs, Mapping) or not costs:
        return None
    return sum(float(cost) for cost in costs.values() if isinstance(cost, int | float))


def _tags(row: Mapping[str, Any], notes: Mapping[str, Any]) -> dict[str, str]:
    tags = as_tags(parsed(row.get("tags") or row.get("trace_tags") or notes.get("tags")))
    environment = as_text(row.get("environment") or notes.get("environment"))
    if environment and environment != "default":
        tags["environment"] = environment
    return tags


def _wrapped(value: Any, *, embedding: bool) -> Any:
    """An input as a request's body: a list of messages becomes one."""
    found = parsed(value)
    if isinstance(found, list):
        return {"input" if embedding else "messages": found}
    return found
