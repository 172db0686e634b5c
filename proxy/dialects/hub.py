"""Chat Completions as the hub: the pieces that every translation into its terms builds. Knows no other dialect.

Format: https://platform.openai.com/docs/api-reference/chat. Four names go beyond OpenAI's own, each one the field's:
`reasoning_content` (DeepSeek, vLLM, LiteLLM) for the text of thinking, `thinking_blocks` (LiteLLM) for Anthropic's signed blocks,
`extra_content.google.thought_signature` (Google's OpenAI compatibility) for Gemini's, `native_finish_reason` (OpenRouter).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.shapes import Json, count, given, listed, table, text

_NEWER_OPENAI = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])")


def chat_usage(
    *,
    prompt: int,
    cached: int,
    cache_write: int,
    completion: int,
    reasoning: int,
    total: int | None = None,
    cache_write_1h: int = 0,
    audio_input: int = 0,
    audio_output: int = 0,
) -> Json:
    """Usage in OpenAI's terms: prompt tokens include cached ones, completion tokens include reasoning.

    What was written to a cache for an hour has a price of its own, and LiteLLM's name.
    """
    written = {"cache_write_tokens": cache_write} if cache_write else {}
    long = {"cache_creation_token_details": {"ephemeral_1h_input_tokens": cache_write_1h}} if cache_write_1h else {}
    inputs = {"cached_tokens": cached, **written, **long, **({"audio_tokens": audio_input} if audio_input else {})}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
        "prompt_tokens_details": inputs,
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            **({"audio_tokens": audio_output} if audio_output else {}),
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a chat answer's usage says. `fresh` are the prompt's tokens that were neither read from a cache nor written to one."""

    prompt: int
    cached: int
    cache_write: int
    completion: int
    reasoning: int
    total: int

    @property
    def fresh(self) -> int:
        """Prompt tokens in Anthropic's way of counting."""
        return max(0, self.prompt - self.cached - self.cache_write)


def tokens_of(usage: Any) -> Tokens:
    """Reads a chat answer's usage; zeros where it says nothing."""
    said = table(usage)
    inputs, outputs = table(said.get("prompt_tokens_details")), table(said.get("completion_tokens_details"))
    prompt, completion = count(said.get("prompt_tokens")), count(said.get("completion_tokens"))
    return Tokens(
        prompt=prompt,
        cached=count(inputs.get("cached_tokens")),
        cache_write=count(inputs.get("cache_write_tokens")) or count(inputs.get("cache_creation_tokens")),
        completion=completion,
        reasoning=count(outputs.get("reasoning_tokens")),
        total=count(said.get("total_tokens")) or prompt + completion,
    )


def tool_call(call_id: str, name: str, arguments: str) -> Json:
    """One function call of a message."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def first_choice(answer: Mapping[str, Any]) -> Json:
    """The choice that callers of other dialects are given. Raises ValueError where there is none: it is no answer then."""
    choices = listed(answer, "choices")
    if not choices:
        raise ValueError("the answer has no choice")
    return choices[0]


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The text of a message's thinking; servers spell it in two ways."""
    return text(message.get("reasoning_content")) or text(message.get("reasoning"))


def limit_key(model: Any) -> str:
    """How a model's output limit is called: OpenAI's newer models take only the new name, most other servers know only the old."""
    return "max_completion_tokens" if _NEWER_OPENAI.match(text(model)) else "max_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Makes the chunks of one chat stream. `created` is in seconds since 1970."""

    id: str
    created: int
    model: str

    def _chunk(self, choices: list[Json], **more: Any) -> Json:
        head = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return {**head, "choices": choices, **more}

    def delta(self, delta: Json, *, index: int = 0, **more: Any) -> Json:
        """A piece of the message."""
        return self._chunk([{"index": index, "delta": delta, "finish_reason": None, **given(**more)}])

    def end(self, reason: str, native: str, *, index: int = 0) -> Json:
        """The end of a choice."""
        ended = {"index": index, "delta": {}, "finish_reason": reason, "native_finish_reason": native}
        return self._chunk([ended])

    def usage(self, usage: Json) -> Json:
        """The last chunk: usage and no choice."""
        return self._chunk([], usage=usage)


class CallOrder:
    """Tells the tool calls of a chat stream apart.

    A piece belongs to the call of its `index`. Some servers send whole calls, each with the same index or none: another id is another call.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._at: dict[int, int] = {}

    def of(self, part: Mapping[str, Any]) -> int:
        """The call that a piece belongs to, counted from 0 in the order of coming."""
        given_index, call_id = part.get("index"), text(part.get("id"))
        index = given_index if isinstance(given_index, int) else 0
        known = self._at.get(index)
        if known is None or (call_id and self._ids[known] and call_id != self._ids[known]):
            self._at[index] = len(self._ids)
            self._ids.append(call_id)
        return self._at[index]
