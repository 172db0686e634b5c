"""Gemini's answers as chat answers: candidates, finish reasons, usage. Knows whole answers; streams are a module of their own. Pure.

Format: https://ai.google.dev/api/generate-content#generatecontentresponse. Code that Gemini ran itself has no counterpart and is left out.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.hub import chat_usage, tool_call
from proxy.dialects.shapes import Json, arguments_text, count, dicts, given, table, text
from proxy.dialects.to_gemini_content import MADE_ID

_FINISH_REASONS: Mapping[str, str] = MappingProxyType({"STOP": "stop", "MAX_TOKENS": "length"})
_FILTERED = frozenset(
    {
        *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"),
        *("IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION"),
    }
)


def chat_answer(answer: Mapping[str, Any], body: Mapping[str, Any], created: int) -> Json:
    """The chat answer. `body` is the chat request, `created` seconds since 1970."""
    answer_id = text(answer.get("responseId"))
    candidates = dicts(answer.get("candidates"))
    choices = [_choice(candidate, answer_id, position) for position, candidate in enumerate(candidates)]
    if not choices:
        choices = _blocked(answer)
    return {
        "id": f"chatcmpl-{answer_id}",
        "object": "chat.completion",
        "created": created,
        "model": text(answer.get("modelVersion")) or text(body.get("model")),
        "choices": choices,
        "usage": usage(table(answer.get("usageMetadata"))),
    }


def _choice(candidate: Mapping[str, Any], answer_id: str, position: int) -> Json:
    parts = Parts(answer_id, candidate.get("index") or position)
    deltas = list(parts.deltas(candidate))
    told = [delta["content"] for delta in deltas if "content" in delta]
    native = text(candidate.get("finishReason"))
    message: Json = {"role": "assistant", "content": "".join(told) if told else None, "refusal": None}
    if thoughts := "".join(delta.get("reasoning_content", "") for delta in deltas):
        message["reasoning_content"] = thoughts
    for key in ("tool_calls", "images"):
        if found := [item for delta in deltas for item in delta.get(key, ())]:
            message[key] = [{name: value for name, value in item.items() if name != "index"} for item in found]
    if signed := [delta["extra_content"] for delta in deltas if "extra_content" in delta]:
        message["extra_content"] = signed[-1]
    return {
        "index": candidate.get("index") or position,
        "message": message,
        "logprobs": logprobs(candidate.get("logprobsResult")),
        "finish_reason": finish_reason(native, called=parts.calls > 0),
        "native_finish_reason": native,
    }


def _blocked(answer: Mapping[str, Any]) -> list[Json]:
    """No candidate: the prompt itself was blocked. Raises ValueError if it wasn't: it is no answer then."""
    reason, message = blocked(answer)
    if not reason:
        raise ValueError("the answer has no candidate")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": message},
        "logprobs": None,
        "finish_reason": "content_filter",
        "native_finish_reason": reason,
    }
    return [choice]


def blocked(answer: Mapping[str, Any]) -> tuple[str, str]:
    """Why a prompt was blocked, as a name and in words; two empty texts if it was not."""
    feedback = table(answer.get("promptFeedback"))
    reason = text(feedback.get("blockReason"))
    return reason, text(feedback.get("blockReasonMessage")) or (f"the prompt was blocked: {reason}" if reason else "")


class Parts:
    """Turns the parts of one candidate into a chat message's deltas; counts its tool calls across a stream's events."""

    def __init__(self, answer_id: str, candidate: int) -> None:
        self.calls = 0
        choice = f"{candidate}_" if candidate else ""
        self._id = f"{MADE_ID}{answer_id}_{choice}" if answer_id else f"{MADE_ID}{choice}"

    def deltas(self, candidate: Mapping[str, Any]) -> Iterable[Json]:
        """One delta for each part that says something."""
        for part in dicts(table(candidate.get("content")).get("parts")):
            if isinstance(part.get("functionCall"), dict):
                yield {"tool_calls": [self._call(part["functionCall"], part)]}
                continue
            signed = given(extra_content=_signed(part))
            data = table(part.get("inlineData"))
            if data:
                url = f"data:{text(data.get('mimeType'))};base64,{text(data.get('data'))}"
                yield {"images": [{"type": "image_url", "image_url": {"url": url}}], **signed}
            elif part.get("text"):
                yield {("reasoning_content" if part.get("thought") else "content"): text(part.get("text")), **signed}
            elif signed:
                yield signed

    def _call(self, call: Mapping[str, Any], part: Mapping[str, Any]) -> Json:
        """A call; an id is made where Gemini gives none, unique by the answer's own id."""
        index = self.calls
        self.calls += 1
        call_id = text(call.get("id")) or f"{self._id}{index}"
        made = tool_call(call_id, text(call.get("name")), arguments_text(call.get("args")))
        return {"index": index, **made, **given(extra_content=_signed(part))}


def _signed(part: Mapping[str, Any]) -> Json | None:
    signature = part.get("thoughtSignature")
    return {"google": {"thought_signature": signature}} if signature else None


def finish_reason(native: str, *, called: bool) -> str:
    """OpenAI's word for a finish reason; Gemini says STOP when it calls tools too."""
    if native in _FILTERED:
        return "content_filter"
    reason = _FINISH_REASONS.get(native, "stop")
    return "tool_calls" if called and reason == "stop" else reason


def usage(said: Mapping[str, Any]) -> Json:
    """Gemini counts thoughts beside the candidates' tokens and what its tools read beside the prompt's; OpenAI counts them in."""
    prompt = count(said.get("promptTokenCount")) + count(said.get("toolUsePromptTokenCount"))
    thoughts = count(said.get("thoughtsTokenCount"))
    return chat_usage(
        prompt=prompt,
        cached=count(said.get("cachedContentTokenCount")),
        cache_write=0,
        completion=count(said.get("candidatesTokenCount")) + thoughts,
        reasoning=thoughts,
        audio_input=_audio(said.get("promptTokensDetails")),
        audio_output=_audio(said.get("candidatesTokensDetails")),
    )


def _audio(by_modality: Any) -> int:
    """Audio tokens of a count by modality (https://ai.google.dev/api/generate-content#ModalityTokenCount)."""
    return sum(count(part.get("tokenCount")) for part in dicts(by_modality) if part.get("modality") == "AUDIO")


def logprobs(result: Any) -> Json | None:
    """Log probabilities in OpenAI's shape (https://ai.google.dev/api/generate-content#LogprobsResult)."""
    said = table(result)
    tops = dicts(said.get("topCandidates"))
    content = []
    for position, chosen in enumerate(dicts(said.get("chosenCandidates"))):
        others = dicts(tops[position].get("candidates")) if position < len(tops) else []
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(other) for other in others]})
    return {"content": content, "refusal": None} if content else None


def _logprob(candidate: Mapping[str, Any]) -> Json:
    token = text(candidate.get("token"))
    return {"token": token, "logprob": candidate.get("logProbability"), "bytes": list(token.encode())}
