"""Usage as each provider tells it, whole, streamed, translated and broken off: which tokens are read, and what they cost."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.dialects import to_gemini_answer, to_messages_answer
from proxy.endpoints import ENDPOINTS
from proxy.price import PriceList
from proxy.providers import Kind, Provider
from proxy.tally import Tally

AT = datetime(2026, 11, 1, tzinfo=UTC)
CHAT, RESPONSES, MESSAGES = (ENDPOINTS[f"/v1/{path}"] for path in ("chat/completions", "responses", "messages"))


def chat(usage: Any, **given: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage, **given}


def tokens(tally: Tally) -> dict[str, int]:
    """The tokens that are known, by kind."""
    found = {name: getattr(tally, name) for name in Tally.__struct_fields__ if name.endswith("_tokens")}
    return {name.removesuffix("_tokens"): value for name, value in found.items() if value is not None}


def cost(name: str, tally: Tally, kind: Kind = "openai") -> str | None:
    found = PriceList().priced(Provider(name=name, kind=kind, base_url="https://a"), tally.model, tally, AT)
    return found.cost if found else None


OPENAI_AUDIO = {
    "prompt_tokens": 120,
    "completion_tokens": 90,
    "total_tokens": 210,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 70, "accepted_prediction_tokens": 0},
}
XAI = {
    "prompt_tokens": 32,
    "completion_tokens": 9,
    "total_tokens": 135,
    "prompt_tokens_details": {"text_tokens": 32, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 6},
    "completion_tokens_details": {"reasoning_tokens": 94, "audio_tokens": 0},
    "num_sources_used": 0,
}
DEEPSEEK = {
    "prompt_tokens": 50,
    "completion_tokens": 40,
    "total_tokens": 90,
    "prompt_cache_hit_tokens": 20,
    "prompt_cache_miss_tokens": 30,
    "completion_tokens_details": {"reasoning_tokens": 25},
}
OPENROUTER = {
    "prompt_tokens": 3000,
    "completion_tokens": 1,
    "total_tokens": 3001,
    "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 1000, "audio_tokens": 0},
}


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (
            OPENAI_AUDIO,
            {"input": 120, "cached_input": 0, "audio_input": 100, "output": 90, "audio_output": 70, "reasoning": 0},
        ),
        (XAI, {"input": 32, "cached_input": 6, "audio_input": 0, "output": 103, "audio_output": 0, "reasoning": 94}),
        (DEEPSEEK, {"input": 50, "cached_input": 20, "output": 40, "reasoning": 25}),
        (OPENROUTER, {"input": 3000, "cached_input": 1000, "cache_write": 1000, "audio_input": 0, "output": 1}),
        (
            {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4},
            {"input": 7, "cached_input": 4, "output": 3},
        ),
        ({"prompt_tokens": 7, "completion_tokens": "3"}, {"input": 7}),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {}),
        ({}, {}),
        (None, {}),
    ],
    ids=["OpenAI", "xAI", "DeepSeek", "OpenRouter", "Moonshot", "odd", "a server that counts nothing", "empty", "null"],
)
def test_chat_usage_whole_and_streamed(usage: Any, read: dict[str, int]) -> None:
    whole = CHAT.tally_body(json.dumps(chat(usage)).encode())
    assert tokens(whole) == read
    last = {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage}
    streamed = CHAT.tally_events([json.dumps(last).encode(), b"[DONE]"], complete=True)
    assert tokens(streamed) == read
    assert whole.usage_source == streamed.usage_source == ("provider" if read else "none")


def test_responses_usage() -> None:
    usage = {
        "input_tokens": 3000,
        "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 500},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 30},
        "total_tokens": 3040,
    }
    answer = {"id": "r", "object": "response", "status": "completed", "model": "gpt-5", "output": [], "usage": usage}
    read = {"input": 3000, "cached_input": 1000, "cache_write": 500, "output": 40, "reasoning": 30}
    whole = RESPONSES.tally_body(json.dumps(answer).encode())
    event = {"type": "response.completed", "response": answer}
    assert tokens(whole) == tokens(RESPONSES.tally_events([json.dumps(event).encode()], complete=True)) == read
    # gpt-5: $1.25 a million in (written to a cache at the same price), $0.125 cached, $10 out.
    assert cost("openai", whole) == "0.003025"


ANTHROPIC = {
    "input_tokens": 1000,
    "cache_creation_input_tokens": 1000,
    "cache_read_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 600, "ephemeral_1h_input_tokens": 400},
    "output_tokens": 10,
    "service_tier": "standard",
}
ANTHROPIC_READ = {"input": 3000, "cached_input": 1000, "cache_write": 1000, "cache_write_1h": 400, "output": 10}
ANTHROPIC_COST = "0.0081"  # 1000 × $3 + 600 × $3.75 + 400 × $6 + 1000 × $0.30 + 10 × $15, a million each


def message(usage: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "Hi"}]
    return {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": content,
            "stop_reason": "end_turn", "usage": usage}  # fmt: skip


def test_anthropic_s_usage_its_own_way_and_translated_costs_the_same() -> None:
    own = MESSAGES.tally_body(json.dumps(message(ANTHROPIC)).encode())
    assert tokens(own) == ANTHROPIC_READ
    translated = chat(to_messages_answer.usage(ANTHROPIC), model="claude-sonnet-4-5")
    hub = CHAT.tally_body(json.dumps(translated).encode())
    assert {name: value for name, value in tokens(hub).items() if name != "reasoning"} == ANTHROPIC_READ
    assert cost("anthropic", own, "anthropic") == cost("anthropic", hub, "anthropic") == ANTHROPIC_COST


def test_anthropic_s_stream_tells_the_input_first_and_the_output_last() -> None:
    start = {"type": "message_start", "message": {**message({**ANTHROPIC, "output_tokens": 1}), "stop_reason": None}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}}
    events = [json.dumps(event).encode() for event in (start, end, {"type": "message_stop"})]
    assert tokens(MESSAGES.tally_events(events, complete=True)) == ANTHROPIC_READ
    broken = MESSAGES.tally_events(events[:1], complete=False)
    assert broken.usage_source == "partial"
    assert broken.output_tokens is None
    assert cost("anthropic", broken, "anthropic") is None


def test_gemini_s_usage_with_thoughts_audio_and_cache() -> None:
    said = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 200,
        "candidatesTokenCount": 50,
        "thoughtsTokenCount": 150,
        "totalTokenCount": 1200,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 700}, {"modality": "AUDIO", "tokenCount": 300}],
    }
    hub = CHAT.tally_body(json.dumps(chat(to_gemini_answer.usage(said), model="gemini-2.5-flash")).encode())
    assert tokens(hub) == {"input": 1000, "cached_input": 200, "audio_input": 300, "output": 200, "reasoning": 150}
    # 500 × $0.30 + 200 cached × $0.03 + 300 audio × $1 + 200 × $2.50, a million each.
    assert cost("gemini", hub, "gemini") == "0.000956"
    nothing = CHAT.tally_body(json.dumps(chat(to_gemini_answer.usage({}), model="gemini-2.5-flash")).encode())
    assert (tokens(nothing), cost("gemini", nothing, "gemini")) == ({}, None)
