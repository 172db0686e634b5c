"""How much an Anthropic model may write and think. Knows model names where a rule hangs on them; knows no conversation. Pure.

Sources: https://platform.claude.com/docs/en/build-with-claude/extended-thinking, …/adaptive-thinking and …/effort,
https://docs.anthropic.com/en/docs/about-claude/models/overview.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.shapes import Json

DEFAULT_LIMIT = 16_384
"""Output tokens when the caller sets no limit, which Anthropic requires and OpenAI doesn't. Unset means "as long as it takes" there, so
the limit is high; but prompt and limit together must fit the context window of 200,000 tokens, so it is not the highest possible. Anthropic
counts tokens against rate limits as they are made, so that an unused limit costs nothing."""

_SMALL_LIMITS = ((re.compile(r"claude-3-5|claude-3\.5"), 8_192), (re.compile(r"claude-(?:2|3-(?!7)|instant)"), 4_096))
_BUDGET_MODELS = re.compile(
    r"claude-(?:2|3|instant|(?:opus|sonnet|haiku)-4(?:-[015](?!\d)|-20\d{6}|@|$)|4-(?:opus|sonnet)|haiku-4-5)"
)
_TAKE_NONE = re.compile(r"claude-(?:[a-z]+-(?:4-[7-9]|[5-9]|\d\d)(?!\d)|mythos|fable)")
_TAKE_ONE = re.compile(r"claude-(?:opus|sonnet|haiku)-4-[1-6](?!\d)")
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
)
_EFFORTS: Mapping[str, str] = MappingProxyType(
    {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)
_LEAST_BUDGET = 1_024
_ADAPTIVE = {"type": "adaptive", "display": "summarized"}  # later models give no text of their thinking unless asked


def default_limit(model: str) -> int:
    """The output limit for a caller who sets none; models from before 2025 can't write as much as DEFAULT_LIMIT."""
    return next((limit for pattern, limit in _SMALL_LIMITS if pattern.search(model)), DEFAULT_LIMIT)


def thinks_by_budget(model: str) -> bool:
    """Whether a model takes a budget of tokens; all later ones decide by themselves, within an effort."""
    return _BUDGET_MODELS.search(model) is not None


def sampling_keys(model: str) -> int:
    """How many of temperature and top_p a model takes in one request: both up to Claude 4, one up to 4.6, later ones none.

    https://docs.anthropic.com/en/docs/about-claude/models/migrating-to-claude-4. Other names take both.
    """
    if _TAKE_NONE.search(model):
        return 0
    return 1 if _TAKE_ONE.search(model) else 2


def limit_and_thinking(model: str, limit: int | None, effort: str | None) -> tuple[int, Json, bool]:
    """The output limit, the body's keys about thinking, and whether they say all that `effort` (OpenAI's levels) asks for.

    OpenAI's limits and Anthropic's both count thinking. With a caller's limit the budget leaves at least 1,024 tokens to the answer;
    without one it comes on top of the default.
    """
    allowed = default_limit(model) if limit is None else limit
    thinking: Json | None = None
    if effort is None or effort == "none":
        thinking = {"thinking": {"type": "disabled"}} if effort else {}
    elif effort in _EFFORTS and not thinks_by_budget(model):
        thinking = {"thinking": _ADAPTIVE, "output_config": {"effort": _EFFORTS[effort]}}
    elif effort in _BUDGETS:
        budget = _BUDGETS[effort] if limit is None else min(_BUDGETS[effort], limit - _LEAST_BUDGET)
        if limit is None:
            allowed += budget
        if budget >= _LEAST_BUDGET:
            thinking = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return allowed, thinking or {}, thinking is not None


def effort_of(thinking: Mapping[str, Any]) -> str | None:
    """The OpenAI level that is nearest to a caller's `thinking`; None where it asks for none, or leaves it to the model."""
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int):
        return None
    return next((level for level, tokens in _BUDGETS.items() if budget <= tokens and level != "minimal"), "high")
