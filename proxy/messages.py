"""Anthropic's Messages API as an endpoint: how a version is spelled there, and what an answer says of itself. Pure.

Formats: https://docs.claude.com/en/api/messages and …/messages-streaming. Anthropic counts cached input apart; a tally's input tokens
include it, as everywhere else here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from proxy.dialects.translation import translation
from proxy.merge import Shape, caller_messages, chat_defaults
from proxy.tally import Tally, count, counted, details, error_text, tally_whole, text
from registry.values import Content

_RENAMED = {"max_completion_tokens": "max_tokens", "stop": "stop_sequences", "response_format": "output_config"}


def message_defaults(content: Content) -> dict[str, Any]:
    """A version's parameters, tools and response format under Anthropic's names."""
    found = _anthropic({**chat_defaults(content), "model": content.model, "messages": []})
    if not content.parameters.keys() & {"max_tokens", "max_completion_tokens"}:
        found.pop("max_tokens", None)  # the caller's to say: Anthropic demands it of every request
    return {key: value for key, value in found.items() if key not in {"model", "messages", "system"}}


def message_conversation(messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """The version's system prompt before the caller's, and its messages before theirs or around them."""
    at = next((index for index, one in enumerate(messages) if one["role"] == "placeholder"), len(messages))
    before = _anthropic({"messages": list(messages[:at])})
    after = _anthropic({"messages": list(messages[at + 1 :])})
    systems = [given for given in (before.get("system"), after.get("system"), body.get("system")) if given]
    system = systems[0] if len(systems) == 1 else [block for given in systems for block in _blocks(given)]
    turns = [*before["messages"], *caller_messages(body), *after["messages"]]
    return {"messages": turns, **({"system": system} if system else {})}


def _anthropic(chat: Mapping[str, Any]) -> dict[str, Any]:
    found = translation("chat", "messages")
    assert found is not None  # noqa: S101 - they are two
    return found.request(chat)


def _blocks(system: Any) -> list[Any]:
    return [{"type": "text", "text": system}] if isinstance(system, str) else list(system)


def _tools(content: Content) -> dict[str, Any]:
    """Of all that a version sets, only its tools count."""
    return {key: value for key, value in message_defaults(content).items() if key in {"tools", "tool_choice"}}


MESSAGES = Shape(
    keys=("messages", "system"), conversation=message_conversation, defaults=message_defaults, renamed=_RENAMED
)
COUNT_TOKENS = Shape(keys=("messages", "system"), conversation=message_conversation, defaults=_tools)


def tally_message(body: bytes) -> Tally:
    """The tally of a message that came whole."""
    return tally_whole(body, _tally)


def tally_message_events(payloads: Iterable[bytes], *, complete: bool) -> Tally:
    """The tally of a stream, assembled into the message that it would have been unstreamed."""
    answer: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    error = ""
    for payload in payloads:
        if not payload:
            continue
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            error = error or "the stream held an event that is not JSON"
            continue
        if not isinstance(event, dict):
            continue
        index = event.get("index")
        match event.get("type"):
            case "message_start":
                answer = dict(details(event, "message"))
            case "content_block_start" if isinstance(index, int):
                blocks[index] = dict(details(event, "content_block"))
            case "content_block_delta" if isinstance(index, int):
                _add_delta(blocks.setdefault(index, {}), details(event, "delta"))
            case "message_delta":
                answer |= details(event, "delta")
                answer["usage"] = {**details(answer, "usage"), **details(event, "usage")}
            case "error":
                error = error_text(event.get("error"))
    if answer or blocks:
        answer["content"] = [_finished(blocks[index]) for index in sorted(blocks)]
    recorded = orjson.dumps(answer).decode() if answer else ""
    found = _tally(answer, recorded, complete=complete)
    return msgspec.structs.replace(found, error=error) if error else found


def ends_message(payload: bytes) -> bool:
    """Whether an event's data is that of a stream's last event."""
    return b'"message_stop"' in payload[:64] or b'"error"' in payload[:64]


def tally_count(body: bytes) -> Tally:
    """The tally of counted tokens: no model ran, so none were used."""
    return msgspec.structs.replace(tally_message(body), input_tokens=None, usage_source="none")


def _tally(answer: Mapping[str, Any], recorded: str, *, complete: bool) -> Tally:
    usage = counted(details(answer, "usage"))
    fresh = count(usage.get("input_tokens"))
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    outputs = count(usage.get("output_tokens"))
    stopped = text(answer.get("stop_reason"))
    # A stream's first event counts the input already and guesses at the output; only its last one knows.
    known = bool(usage) and (complete or bool(stopped))
    return Tally(
        model=text(answer.get("model")),
        response_id=text(answer.get("id")),
        finish_reason=stopped,
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=count(details(usage, "cache_creation").get("ephemeral_1h_input_tokens")),
        output_tokens=outputs if known else None,
        reasoning_tokens=count(details(usage, "output_tokens_details").get("thinking_tokens")) if known else None,
        usage_source="provider" if known else "none" if complete else "partial",
        response=recorded,
        error=error_text(answer["error"]) if answer.get("error") else "",
    )


def _add_delta(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """A delta's text goes to the end of the block's own; a tool's input comes as pieces of JSON."""
    for key, value in delta.items():
        if key == "type":
            continue
        if isinstance(value, str):
            block[key] = block.get(key, "") + value
        elif key == "citation":
            block.setdefault("citations", []).append(value)
        else:
            block[key] = value


def _finished(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block with its tool input as JSON, if that came whole."""
    finished = {key: value for key, value in block.items() if key != "partial_json"}
    if text(block.get("partial_json")):
        try:
            finished["input"] = orjson.loads(block["partial_json"])
        except orjson.JSONDecodeError:
            finished["input"] = block["partial_json"]
    return finished
