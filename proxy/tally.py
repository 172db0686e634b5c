"""What an answer says about itself: model, fingerprint, tokens, finish reason, text. Pure.

An answer is tallied once, at its end: a stream's events are kept as bytes while they pass and read together, so that nothing is
parsed between a chunk's coming and its going. A provider's figures are taken as they are, where they are possible figures.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypedDict

import msgspec
import orjson

from proxy.assembling import add_choice
from tracing.event import UsageSource

_MAX_TOKENS = 2**32 - 1


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from an answer. Tokens are None where the provider gave none; input tokens include audio and those of a cache
    (what was written for an hour is part of what was written), output tokens include audio and reasoning.

    `understood` is False for an answer that is no JSON.
    """

    model: str = ""
    system_fingerprint: str = ""
    response_id: str = ""
    finish_reason: str = ""
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    audio_input_tokens: int | None = None
    cached_audio_tokens: int | None = None
    output_tokens: int | None = None
    audio_output_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: UsageSource = "none"
    response: str = ""
    error: str = ""
    understood: bool = True


def tally_body(body: bytes) -> Tally:
    """The tally of an answer that came whole."""
    return tally_whole(body, _tally)


def tally_whole(body: bytes, read: "ReadAnswer") -> Tally:
    """The tally of an answer that came whole, read by an endpoint's own reader if it is an object."""
    recorded = body.decode("utf-8", "replace")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Tally(response=recorded, understood=False)
    return read(answer, recorded, complete=True) if isinstance(answer, dict) else Tally(response=recorded)


class InputKinds(TypedDict):
    """Input tokens with prices of their own."""

    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None
    audio_input_tokens: int | None
    cached_audio_tokens: int | None


class ChatTokens(InputKinds):
    """All tokens that a chat answer's usage tells."""

    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    audio_output_tokens: int | None
    reasoning_tokens: int | None


class ReadAnswer(Protocol):
    """Reads an answer's object; `recorded` is what goes on record of it, `complete` is False where it broke off."""

    def __call__(self, answer: Mapping[str, Any], recorded: str, *, complete: bool) -> Tally: ...


def tally_embeddings(body: bytes) -> Tally:
    """The tally of embeddings; the vectors themselves don't go on record, their number and length do."""
    found = tally_body(body)
    try:
        answer = orjson.loads(body)
        vectors = [len(entry["embedding"]) for entry in answer["data"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return found
    recorded = {**answer, "data": {"vectors": len(vectors), "length": max(vectors, default=0)}}
    return msgspec.structs.replace(found, response=orjson.dumps(recorded).decode())


def tally_events(payloads: Iterable[bytes], *, complete: bool) -> Tally:
    """The tally of a stream from its events' data, assembled into the answer that it would have been unstreamed.

    `complete` is False when the stream broke off: usage that was not given by then is unknown, and called partial.
    """
    answer: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    error = ""
    for payload in payloads:
        if not payload or payload == b"[DONE]":
            continue
        try:
            chunk = orjson.loads(payload)
        except orjson.JSONDecodeError:
            error = error or "the stream held an event that is not JSON"
            continue
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            error = error_text(chunk["error"])
        for key, value in chunk.items():
            if key != "choices" and value is not None:
                answer[key] = value
        for part in _dicts(chunk.get("choices")):
            add_choice(choices, part)
    if answer or choices:
        answer["choices"] = [choices[index] for index in sorted(choices)]
        if answer.get("object") == "chat.completion.chunk":
            answer["object"] = "chat.completion"
    recorded = orjson.dumps(answer).decode() if answer else ""
    found = _tally(answer, recorded, complete=complete)
    return msgspec.structs.replace(found, error=error) if error else found


def _tally(answer: Mapping[str, Any], recorded: str, *, complete: bool) -> Tally:
    usage = counted(details(answer, "usage"))
    reasons = [choice["finish_reason"] for choice in _dicts(answer.get("choices")) if text(choice.get("finish_reason"))]
    return Tally(
        model=text(answer.get("model")),
        system_fingerprint=text(answer.get("system_fingerprint")),
        response_id=text(answer.get("id")),
        finish_reason=reasons[0] if reasons else "",
        usage_source="provider" if usage else "none" if complete else "partial",
        response=recorded,
        error=error_text(answer["error"]) if answer.get("error") else "",
        **_chat_tokens(usage),
    )


def _chat_tokens(usage: Mapping[str, Any]) -> "ChatTokens":
    """Tokens in Chat Completions' names, and in those that others have for the same.

    DeepSeek (`prompt_cache_hit_tokens`) and Moonshot (`cached_tokens`) tell cached tokens beside the details. xAI leaves reasoning out
    of the completion's tokens, though not out of the total (https://docs.x.ai/docs/guides/reasoning).
    """
    inputs = details(usage, "prompt_tokens_details")
    outputs = details(usage, "completion_tokens_details")
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(outputs.get("reasoning_tokens"))
    if (
        prompt is not None
        and completion is not None
        and reasoning
        and usage.get("total_tokens") == prompt + completion + reasoning
    ):
        completion += reasoning
    return {
        "input_tokens": prompt,
        "cached_input_tokens": first_count(
            inputs.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")
        ),
        "output_tokens": completion,
        "reasoning_tokens": reasoning,
        "audio_output_tokens": count(outputs.get("audio_tokens")),
        **input_kinds(inputs),
    }


def input_kinds(inputs: Mapping[str, Any]) -> "InputKinds":
    """Kinds of input tokens with prices of their own, from the details of a usage in OpenAI's or LiteLLM's names."""
    return {
        "cache_write_tokens": first_count(inputs.get("cache_write_tokens"), inputs.get("cache_creation_tokens")),
        "cache_write_1h_tokens": count(
            details(inputs, "cache_creation_token_details").get("ephemeral_1h_input_tokens")
        ),
        "audio_input_tokens": count(inputs.get("audio_tokens")),
        "cached_audio_tokens": count(details(inputs, "cached_tokens_details").get("audio_tokens")),
    }


def details(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under a key, or an empty one where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """A number of tokens that can be one, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS else None


def counted(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage, or an empty one where all of it is zero: no answer uses nothing, so its server just doesn't count."""
    said = [value for value in usage.values() if isinstance(value, int | float)]
    return usage if any(said) or not said else {}


def first_count(*values: Any) -> int | None:
    """The first of some numbers that is one."""
    return next((found for value in values if (found := count(value)) is not None), None)


def text(value: Any) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def error_text(value: Any) -> str:
    """What a provider's error says, whatever its shape."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    return value if isinstance(value, str) else orjson.dumps(value).decode()
