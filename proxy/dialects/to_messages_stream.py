"""Anthropic's stream as a chat stream, event by event. Knows the order of events; whole answers are a module of their own.

Format: https://docs.anthropic.com/en/docs/build-with-claude/streaming. Thinking passes as `reasoning_content` while it comes; its signed
block follows in one piece when it is whole, with an `index`, which OpenAI's SDKs need to join lists.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.failures import openai_error, status_of
from proxy.dialects.hop import State
from proxy.dialects.hub import Chunks, tool_call
from proxy.dialects.shapes import Json, arguments_text, table, text
from proxy.dialects.to_messages_answer import finish_reason, refusal, usage
from proxy.dialects.to_messages_content import thinking_block
from proxy.dialects.to_messages_request import JSON_TOOL, makes_json


class MessagesEvents:
    """One stream of Anthropic's, for a chat caller with this body."""

    def __init__(self, body: Mapping[str, Any], created: int) -> None:
        self.state: State = "open"
        self._json_only = makes_json(body)
        self._created = created
        self._chunks = Chunks(id="", created=created, model=text(body.get("model")))
        self._usage: Json = {}
        self._block: Json = {}
        self._calls = 0
        self._signed = 0
        self._stopped = False
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], list[Json]]] = {
            "message_start": self._start,
            "content_block_start": self._open,
            "content_block_delta": self._delta,
            "content_block_stop": self._close,
            "message_delta": self._stop,
            "message_stop": lambda _event: self.finish(),
        }

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        """The chunks that one event makes; none for pings and for kinds not known yet."""
        handle = self._handlers.get(text(event.get("type")))
        if handle is not None:
            return handle(event)
        if "error" in event:
            self.state = "failed"
            return [openai_error(event, status_of(event))]
        return []

    def finish(self) -> list[Json]:
        """The chunk with the usage, once, if the answer was complete."""
        if not self._stopped or self.state != "open":
            return []
        self.state = "complete"
        return [self._chunks.usage(usage(self._usage))]

    def _start(self, event: Mapping[str, Any]) -> list[Json]:
        message = table(event.get("message"))
        model = text(message.get("model")) or self._chunks.model
        self._chunks = Chunks(id=text(message.get("id")), created=self._created, model=model)
        self._usage = dict(table(message.get("usage")))
        return [self._chunks.delta({"role": "assistant", "content": ""})]

    def _open(self, event: Mapping[str, Any]) -> list[Json]:
        self._block = block = dict(table(event.get("content_block")))
        kind = block.get("type")
        if kind == "text" and block.get("text"):
            return [self._chunks.delta({"content": block["text"]})]
        if kind != "tool_use" or self._is_json(block):
            return []
        call = tool_call(text(block.get("id")), text(block.get("name")), "")
        self._calls += 1
        return [self._chunks.delta({"tool_calls": [{"index": self._calls - 1, **call}]})]

    def _is_json(self, block: Mapping[str, Any]) -> bool:
        return self._json_only and block.get("name") == JSON_TOOL

    def _delta(self, event: Mapping[str, Any]) -> list[Json]:
        delta, block = table(event.get("delta")), self._block
        kind = delta.get("type")
        if kind == "text_delta":
            return [self._chunks.delta({"content": text(delta.get("text"))})]
        if kind == "thinking_delta":
            thought = text(delta.get("thinking"))
            block["thinking"] = text(block.get("thinking")) + thought
            return [self._chunks.delta({"reasoning_content": thought})] if thought else []
        if kind == "signature_delta":
            block["signature"] = text(block.get("signature")) + text(delta.get("signature"))
        if kind == "input_json_delta":
            piece = text(delta.get("partial_json"))
            block["streamed"] = block.get("streamed") or bool(piece)
            return self._arguments(piece)
        return []

    def _arguments(self, piece: str) -> list[Json]:
        if not piece or self._block.get("type") != "tool_use":
            return []
        if self._is_json(self._block):
            return [self._chunks.delta({"content": piece})]
        return [self._chunks.delta({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": piece}}]})]

    def _close(self, _event: Mapping[str, Any]) -> list[Json]:
        """The end of a block: a signed thought is passed on whole; a tool's input that came at once, or never, is now told."""
        block, kind = self._block, self._block.get("type")
        told: list[Json] = []
        if kind in {"thinking", "redacted_thinking"}:
            signed = {"index": self._signed, **thinking_block(block)}
            self._signed += 1
            told = [self._chunks.delta({"thinking_blocks": [signed]})]
        elif kind == "tool_use" and not block.get("streamed"):
            told = self._arguments(arguments_text(block.get("input")))
        self._block = {}
        return told

    def _stop(self, event: Mapping[str, Any]) -> list[Json]:
        self._usage.update({key: value for key, value in table(event.get("usage")).items() if value is not None})
        delta = table(event.get("delta"))
        native = text(delta.get("stop_reason"))
        if not native or self._stopped:
            return []
        self._stopped = True
        reason = finish_reason(native, called=self._calls > 0, json_only=self._json_only)
        why = refusal(delta.get("stop_details"))
        refused = [self._chunks.delta({"refusal": why})] if why else []
        return [*refused, self._chunks.end(reason, native)]
