"""A chat stream as Anthropic's, chunk by chunk. Knows the order of events; whole answers are a module of their own.

Format: https://docs.anthropic.com/en/docs/build-with-claude/streaming. Anthropic's blocks come one after the other, a chat's tool calls may
come mixed. So one call is passed on as it comes; a later one waits until the one before it is whole.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.failures import anthropic_error, status_of
from proxy.dialects.from_messages_answer import STOP_REASONS, messages_usage, tool_use
from proxy.dialects.hop import State
from proxy.dialects.hub import CallOrder, reasoning_of
from proxy.dialects.shapes import Json, dicts, table, text
from proxy.dialects.to_messages_content import thinking_block


class ChatEvents:
    """One chat stream, for a caller with Anthropic's SDK."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.state: State = "open"
        self._model = text(body.get("model"))
        self._started = False
        self._open = ""
        self._index = -1
        self._calls: dict[int, Json] = {}
        self._order = CallOrder()
        self._current: int | None = None
        self._thought = False
        self._stop_reason = ""
        self._usage: Any = None

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        """The events that one chunk makes."""
        if event.get("error"):
            self.state = "failed"
            return [anthropic_error(event, status_of(event))]
        told = [] if self._started else self._start(event)
        if event.get("usage"):
            self._usage = event["usage"]
        for choice in dicts(event.get("choices")):
            told += self._message(table(choice.get("delta")))
            if choice.get("finish_reason") and not self._stop_reason:
                self._stop_reason = STOP_REASONS.get(text(choice["finish_reason"]), "end_turn")
                told += self._flush()
        return told

    def finish(self) -> list[Json]:
        """The stop reason with the usage, and the end, if the answer was complete."""
        if not self._stop_reason or self.state != "open":
            return []
        self.state = "complete"
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        return [
            {"type": "message_delta", "delta": delta, "usage": messages_usage(self._usage)},
            {"type": "message_stop"},
        ]

    def _start(self, chunk: Mapping[str, Any]) -> list[Json]:
        self._started = True
        message: Json = {
            "id": text(chunk.get("id")),
            "type": "message",
            "role": "assistant",
            "model": text(chunk.get("model")) or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": messages_usage(chunk.get("usage")),  # told in full at the end: most servers don't know it earlier
        }
        return [{"type": "message_start", "message": message}]

    def _message(self, delta: Mapping[str, Any]) -> list[Json]:
        told: list[Json] = []
        if thought := reasoning_of(delta):
            self._thought = True
            told += self._piece("thinking", {"type": "thinking_delta", "thinking": thought})
        for block in dicts(delta.get("thinking_blocks")):
            told += self._signed(block)
        if said := text(delta.get("content")) or text(delta.get("refusal")):
            told += self._piece("text", {"type": "text_delta", "text": said})
        for part in dicts(delta.get("tool_calls")):
            told += self._call(part)
        return told

    def _piece(self, kind: str, delta: Json) -> list[Json]:
        empty = {"type": "text", "text": ""} if kind == "text" else {"type": kind, "thinking": "", "signature": ""}
        return [*([] if self._open == kind else self._begin(kind, empty)), self._block("delta", delta=delta)]

    def _signed(self, block: Mapping[str, Any]) -> list[Json]:
        """A whole thinking block: its text has come as pieces already, if it has one, so that the signature is what is new."""
        if block.get("type") == "redacted_thinking":
            return self._begin("redacted_thinking", thinking_block(block))
        told: list[Json] = []
        if not self._thought:
            told = self._piece("thinking", {"type": "thinking_delta", "thinking": text(block.get("thinking"))})
        told += self._piece("thinking", {"type": "signature_delta", "signature": text(block.get("signature"))})
        self._thought = False
        return [*told, *self._end()]

    def _call(self, part: Mapping[str, Any]) -> list[Json]:
        index = self._order.of(part)
        function = table(part.get("function"))
        call = self._calls.get(index)
        told: list[Json] = []
        if call is None:
            call = self._calls[index] = {"waiting": "", "told": "", "block": tool_use(part, {}), "open": False}
            if self._current is None or _whole(self._calls[self._current]["told"]):
                told = self._begin_call(index)
        piece = text(function.get("arguments"))
        if index == self._current and self._open == "tool_use":
            return [*told, *self._arguments(call, piece)]
        call["waiting"] += piece
        return told

    def _begin_call(self, index: int) -> list[Json]:
        call = self._calls[index]
        self._current, call["open"] = index, True
        return self._begin("tool_use", call["block"])

    def _arguments(self, call: Json, piece: str) -> list[Json]:
        call["told"] += piece
        return [self._block("delta", delta={"type": "input_json_delta", "partial_json": piece})] if piece else []

    def _begin(self, kind: str, block: Json) -> list[Json]:
        closed = self._end()
        self._index += 1
        self._open = kind
        return [*closed, self._block("start", content_block=block)]

    def _end(self) -> list[Json]:
        if not self._open:
            return []
        self._open = ""
        return [self._block("stop")]

    def _flush(self) -> list[Json]:
        """The answer is whole: the calls that waited follow in their order."""
        told = self._end()
        for index, call in sorted(self._calls.items()):
            if not call["open"]:
                told += [*self._begin_call(index), *self._arguments(call, call["waiting"])]
        return [*told, *self._end()]

    def _block(self, step: str, **more: Any) -> Json:
        return {"type": f"content_block_{step}", "index": self._index, **more}


def _whole(arguments: str) -> bool:
    """Whether a call's arguments are complete JSON, so that nothing more can follow."""
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return False
    return True
