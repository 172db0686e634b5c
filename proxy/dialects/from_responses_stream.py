"""A chat stream as the Responses API's events, chunk by chunk. Knows the order of events; whole answers are a module of their own.

Format: https://platform.openai.com/docs/api-reference/responses-streaming. Reasoning ends where anything else begins; the message and
the calls end together, as their pieces may come mixed.
"""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.failures import openai_error, status_of
from proxy.dialects.from_responses_answer import call_item, finished, head, message_item, reasoning_item, text_part
from proxy.dialects.hop import State
from proxy.dialects.hub import CallOrder, reasoning_of
from proxy.dialects.shapes import Json, dicts, table, text


class ResponseEvents:
    """One chat stream, for a caller of the Responses API."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.state: State = "open"
        self._body = body
        self._head: Json = {}
        self._id = ""
        self._sequence = -1
        self._output: list[Json] = []
        self._reasoning = _Reasoning()
        self._message: _Message | None = None
        self._calls: dict[int, Json] = {}
        self._order = CallOrder()
        self._reason = ""
        self._usage: Any = None

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        """The events that one chunk makes."""
        if event.get("error"):
            return self._fail(event)
        told = [] if self._head else self._start(event)
        if event.get("usage"):
            self._usage = event["usage"]
        for choice in dicts(event.get("choices")):
            told += self._delta(table(choice.get("delta")), choice)
            if choice.get("finish_reason") and not self._reason:
                self._reason = text(choice["finish_reason"])
                told += self._end_items()
        return told

    def finish(self) -> list[Json]:
        """The response as a whole, if the answer was complete."""
        if not self._reason or self.state != "open":
            return []
        self.state = "complete"
        whole = finished(self._head, self._output, self._reason, self._usage)
        return [self._event(f"response.{whole['status']}", response=whole)]

    def _event(self, kind: str, **more: Any) -> Json:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence, **more}

    def _start(self, chunk: Mapping[str, Any]) -> list[Json]:
        self._id = text(chunk.get("id"))
        self._head = head(self._id, chunk.get("created"), chunk.get("model"), self._body)
        return [self._event(f"response.{step}", response=self._head) for step in ("created", "in_progress")]

    def _fail(self, event: Mapping[str, Any]) -> list[Json]:
        """OpenAI's own streams tell an error twice: as an event of that name, and as the failed response."""
        self.state = "failed"
        error = openai_error(event, status_of(event))["error"]
        told = [] if self._head else self._start({})
        flat = {key: error[key] for key in ("code", "message", "param")}
        told.append(self._event("error", **flat, error=error))
        reason = {"code": error["code"] or "server_error", "message": error["message"]}
        failed = {**self._head, "status": "failed", "error": reason, "output": list(self._output)}
        return [*told, self._event("response.failed", response=failed)]

    def _delta(self, delta: Mapping[str, Any], choice: Mapping[str, Any]) -> list[Json]:
        told: list[Json] = []
        signed = dicts(delta.get("thinking_blocks"))
        thought = reasoning_of(delta)
        if thought or signed:
            told += self._think(thought, signed)
        if said := text(delta.get("content")):
            logprobs = dicts(table(choice.get("logprobs")).get("content"))
            told += self._say("output_text", said, logprobs)
        if refused := text(delta.get("refusal")):
            told += self._say("refusal", refused, [])
        for part in dicts(delta.get("tool_calls")):
            told += self._call(part)
        return told

    def _add_item(self, item: Json, empty: Json) -> list[Json]:
        """Begins an item: the caller is shown an empty one, `item` is the one that grows."""
        self._output.append(item)
        return [self._event("response.output_item.added", output_index=len(self._output) - 1, item=empty)]

    def _think(self, thought: str, signed: list[Json]) -> list[Json]:
        state, told = self._reasoning, []
        if state.index is None:
            item = reasoning_item(self._id, thought or " ", []) or {}
            told += self._add_item(item, {**item, "summary": []})
            state.index = len(self._output) - 1
        state.signed += signed
        if not thought or state.ended:
            return told
        place = {"item_id": f"rs_{self._id}", "output_index": state.index, "summary_index": 0}
        if not state.text:
            part = {"type": "summary_text", "text": ""}
            told.append(self._event("response.reasoning_summary_part.added", **place, part=part))
        state.text += thought
        return [*told, self._event("response.reasoning_summary_text.delta", **place, delta=thought)]

    def _end_thinking(self) -> list[Json]:
        state = self._reasoning
        if state.index is None or state.ended:
            return []
        state.ended = True
        told = []
        if state.text:
            place = {"item_id": f"rs_{self._id}", "output_index": state.index, "summary_index": 0}
            part = {"type": "summary_text", "text": state.text}
            told = [
                self._event("response.reasoning_summary_text.done", **place, text=state.text),
                self._event("response.reasoning_summary_part.done", **place, part=part),
            ]
        item = reasoning_item(self._id, state.text, state.signed) or {}
        self._output[state.index] = item
        return [*told, self._event("response.output_item.done", output_index=state.index, item=item)]

    def _say(self, kind: str, piece: str, logprobs: list[Json]) -> list[Json]:
        told = self._end_thinking()
        message = self._message
        if message is None:
            item = message_item(self._id, [])
            told += self._add_item(item, {**item, "status": "in_progress"})
            message = self._message = _Message(len(self._output) - 1)
        if message.kind != kind:
            told += self._end_part(message)
            message.begin(kind)
            told.append(self._event("response.content_part.added", **self._place(message), part=message.part("")))
        message.text += piece
        message.logprobs += logprobs
        more = {"logprobs": logprobs} if kind == "output_text" else {}
        return [*told, self._event(f"response.{kind}.delta", **self._place(message), delta=piece, **more)]

    def _place(self, message: "_Message") -> Json:
        return {"item_id": f"msg_{self._id}", "output_index": message.index, "content_index": len(message.parts)}

    def _end_part(self, message: "_Message") -> list[Json]:
        if not message.kind:
            return []
        place, part = self._place(message), message.part(message.text)
        if message.kind == "output_text":
            done = self._event("response.output_text.done", **place, text=message.text, logprobs=message.logprobs)
        else:
            done = self._event("response.refusal.done", **place, refusal=message.text)
        told = [done, self._event("response.content_part.done", **place, part=part)]
        message.parts.append(part)
        return told

    def _call(self, part: Mapping[str, Any]) -> list[Json]:
        told = self._end_thinking()
        index = self._order.of(part)
        if index not in self._calls:
            item = call_item(part)
            item["arguments"] = ""
            told += self._add_item(item, {**item, "status": "in_progress"})
            self._calls[index] = {"item": item, "index": len(self._output) - 1}
        call = self._calls[index]
        if piece := text(table(part.get("function")).get("arguments")):
            call["item"]["arguments"] += piece
            place = {"item_id": call["item"]["id"], "output_index": call["index"]}
            told.append(self._event("response.function_call_arguments.delta", **place, delta=piece))
        return told

    def _end_items(self) -> list[Json]:
        told = self._end_thinking()
        message = self._message
        if message is None and not self._calls:
            told += self._add_item(message_item(self._id, []), message_item(self._id, []))
            message = _Message(len(self._output) - 1)
        if message is not None:
            told += self._end_part(message)
            item = self._output[message.index] = message_item(self._id, message.parts)
            told.append(self._event("response.output_item.done", output_index=message.index, item=item))
        for _, call in sorted(self._calls.items()):
            item, index = call["item"], call["index"]
            place = {"item_id": item["id"], "output_index": index}
            arguments = {"name": item["name"], "arguments": item["arguments"]}
            told.append(self._event("response.function_call_arguments.done", **place, **arguments))
            told.append(self._event("response.output_item.done", output_index=index, item=item))
        return told


class _Reasoning:
    """The reasoning item that is being told."""

    def __init__(self) -> None:
        self.index: int | None = None
        self.text = ""
        self.signed: list[Json] = []
        self.ended = False


class _Message:
    """The message item that is being told: its finished parts, and the one that grows."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.parts: list[Json] = []
        self.kind = ""
        self.begin("")

    def begin(self, kind: str) -> None:
        """A new part."""
        self.kind = kind
        self.text = ""
        self.logprobs: list[Json] = []

    def part(self, told: str) -> Json:
        """The part that grows, with this text."""
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": told}
        return text_part(told, self.logprobs if told else [])
