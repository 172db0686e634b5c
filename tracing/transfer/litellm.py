"""LiteLLM's spend logs as events. Pure.

Fields: the model LiteLLM_SpendLogs of https://github.com/BerriAI/litellm/blob/main/schema.prisma, as a SELECT or the endpoint
`/spend/logs` gives them; JSON columns may be JSON or text. Inside `metadata`, `user_api_key_alias`, `error_information` and
`prompt_management_metadata` are read as LiteLLM's types name them; no export of ours has proved those.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tracing.event import CallEvent, body_text, timestamp
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
)

ORIGIN = "litellm"
_ENDPOINTS = {
    "completion": "/v1/chat/completions",
    "text_completion": "/v1/completions",
    "embedding": "/v1/embeddings",
    "moderation": "/v1/moderations",
    "responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}


def is_spend_log(record: Mapping[str, Any]) -> bool:
    """Whether a record is a row of the spend logs."""
    return "request_id" in record and "startTime" in record


def call_event(record: Mapping[str, Any], name: Callable[[str], str]) -> CallEvent:
    """The call of a row; `name` gives a prompt's slug here for its id there. Raises ValueError."""
    request_id = as_text(record.get("request_id"))
    if not request_id:
        raise ValueError("request_id is missing")
    begun = read_time(record.get("startTime"), "startTime")
    ended = read_time(record["endTime"], "endTime") if record.get("endTime") else None
    first = (
        read_time(record["completionStartTime"], "completionStartTime") if record.get("completionStartTime") else None
    )
    metadata = parsed(record.get("metadata"))
    metadata = metadata if isinstance(metadata, Mapping) else {}
    error = metadata.get("error_information")
    error = error if isinstance(error, Mapping) else {}
    managed = metadata.get("prompt_management_metadata")
    prompt = as_text(managed.get("prompt_id")) if isinstance(managed, Mapping) else ""
    failed = str(record.get("status") or "success").lower() == "failure"
    cached = str(record.get("cache_hit") or "").lower() == "true"
    # A spend of 0 is what an unknown price looks like there; only a cached answer is known to cost nothing.
    spend = record.get("spend")
    cost = read_cost(spend) if spend not in (0, 0.0, "0", "0.0") or cached else None
    duration = read_amount(record.get("request_duration_ms"), "request_duration_ms")
    streamed = first is not None and first != ended
    return CallEvent(
        call_id=call_uuid(request_id, ORIGIN),
        ts=timestamp(begun),
        endpoint=_endpoint(as_text(record.get("call_type"))),
        outcome="provider_error" if failed else "ok",
        status=_status(error) if failed else 200,
        error_code=as_text(error.get("error_class")) if failed else "",
        error_message=as_text(error.get("error_message")) if failed else "",
        prompt=name(prompt) if prompt else "",
        caller=as_text(metadata.get("user_api_key_alias")),
        user=as_text(record.get("end_user") or record.get("user")),
        session=as_text(record.get("session_id")),
        tags=_tags(record),
        external_id=request_id,
        provider=as_text(record.get("custom_llm_provider")),
        model_requested=as_text(record.get("model_group") or record.get("model")),
        model_served=as_text(record.get("model")),
        stream=streamed,
        input_tokens=read_count(record.get("prompt_tokens"), "prompt_tokens"),
        output_tokens=read_count(record.get("completion_tokens"), "completion_tokens"),
        usage_source="none" if failed else "provider",
        cost=cost,
        duration_ms=duration or milliseconds(begun, ended) or 0.0,
        first_chunk_ms=milliseconds(begun, first) if streamed else None,
        response_id=request_id,
        request=body_text(as_text(_request(record))),
        response=body_text(_body(parsed(record.get("response")))),
        origin=ORIGIN,
    )


def _endpoint(call_type: str) -> str:
    """Their asynchronous variants begin with an a."""
    return _ENDPOINTS.get(call_type) or _ENDPOINTS.get(call_type.removeprefix("a")) or call_type


def _status(error: Mapping[str, Any]) -> int:
    code = as_text(error.get("error_code"))
    return int(code) if code.isdigit() and 100 <= int(code) < 600 else 500


def _tags(record: Mapping[str, Any]) -> dict[str, str]:
    tags = as_tags(parsed(record.get("request_tags")))
    if record.get("team_id"):
        tags["team_id"] = as_text(record["team_id"])
    return tags


def _request(record: Mapping[str, Any]) -> Any:
    whole, messages = parsed(record.get("proxy_server_request")), parsed(record.get("messages"))
    if whole:
        return whole
    return {"messages": messages} if isinstance(messages, list) and messages else None


def _body(value: Any) -> str:
    return as_text(value) if value else ""
