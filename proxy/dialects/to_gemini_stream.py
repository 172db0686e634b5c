"""Gemini's stream as a chat stream, event by event. Whole answers are a module of their own.

Format: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent, with alt=sse. Each event has the shape of an
answer with what is new in it; no event says that it was the last one.
"""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.failures import openai_error, status_of
from proxy.dialects.hop import State
from proxy.dialects.hub import Chunks
from proxy.dialects.shapes import Json, dicts, given, table, text
from proxy.dialects.to_gemini_answer import Parts, blocked, finish_reason, logprobs, usage


class GeminiEvents:
    """One stream of Gemini's, for a chat caller with this body."""

    def __init__(self, body: Mapping[str, Any], created: int) -> None:
        self.state: State = "open"
        self._model = text(body.get("model"))
        self._created = created
        self._chunks: Chunks | None = None
        self._id = ""
        self._parts: dict[int, Parts] = {}
        self._finished: set[int] = set()
        self._usage: Json = {}

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        """The chunks that one event makes."""
        if event.get("error"):
            self.state = "failed"
            return [openai_error(event, status_of(event))]
        if self._chunks is None:
            self._id = text(event.get("responseId"))
            model = text(event.get("modelVersion")) or self._model
            self._chunks = Chunks(id=f"chatcmpl-{self._id}", created=self._created, model=model)
        self._usage.update(table(event.get("usageMetadata")))
        told: list[Json] = []
        for position, candidate in enumerate(dicts(event.get("candidates"))):
            told += self._candidate(self._chunks, candidate, candidate.get("index") or position)
        reason, message = blocked(event)
        if reason and not self._parts:
            self._finished.add(0)
            told.append(self._chunks.delta({"role": "assistant", "content": "", "refusal": message}))
            told.append(self._chunks.end("content_filter", reason))
        return told

    def finish(self) -> list[Json]:
        """The chunk with the usage, once, if every choice had ended."""
        if self._chunks is None or self.state != "open" or not self._finished or self._parts.keys() - self._finished:
            return []
        self.state = "complete"
        return [self._chunks.usage(usage(self._usage))]

    def _candidate(self, chunks: Chunks, candidate: Mapping[str, Any], index: int) -> list[Json]:
        told: list[Json] = []
        if index not in self._parts:
            self._parts[index] = Parts(self._id, index)
            told.append(chunks.delta({"role": "assistant", "content": ""}, index=index))
        parts = self._parts[index]
        more = given(logprobs=logprobs(candidate.get("logprobsResult")))
        for delta in parts.deltas(candidate):
            told.append(chunks.delta(delta, index=index, **more))
            more = {}
        native = text(candidate.get("finishReason"))
        if native and index not in self._finished:
            self._finished.add(index)
            told.append(chunks.end(finish_reason(native, called=parts.calls > 0), native, index=index))
        return told
