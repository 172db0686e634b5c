"""What a promptfoo config says beside its prompts: the provider that they are tried on, and the variables of its tests.

Knows `providers` (https://www.promptfoo.dev/docs/providers/) and `tests` with `vars`. Refuses to know prompts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.importing.settings import CallSettings, call_settings, shown

_CONNECTION = frozenset(
    {"apiKey", "apiKeyEnvar", "apiHost", "apiBaseUrl", "organization", "headers", "cost", "timeout", "stream"}
)
_KINDS = ("chat", "messages", "completion", "responses")
_SAME_NAMES = {
    "openai": "",
    "google": "gemini/",
    "mistral": "mistral/",
    "groq": "groq/",
    "deepseek": "deepseek/",
    "xai": "xai/",
}


def provider_settings(given: Any) -> CallSettings:
    """Model and parameters, where the config compares prompts on one provider only."""
    providers = given if isinstance(given, list) else [given] if given else []
    if len(providers) != 1:
        several = f"the config asks {len(providers)} providers, so no model is carried over" if providers else ""
        return CallSettings(notes=(several,) if several else ())
    [provider] = providers
    if isinstance(provider, Mapping) and "id" not in provider and len(provider) == 1:
        [(name, options)] = provider.items()
        provider = {"id": name, **(options if isinstance(options, Mapping) else {})}
    identity = provider.get("id") if isinstance(provider, Mapping) else provider
    config = provider.get("config") if isinstance(provider, Mapping) else None
    settings = call_settings(config, what="providers[0].config", silent=_CONNECTION)
    model = _model(identity)
    if model is None and settings.model is None:
        return replace(
            settings, notes=(*settings.notes, f"the provider {shown(identity)} is no model that is known here")
        )
    return replace(settings, model=settings.model or model)


def _model(identity: Any) -> str | None:
    """`openai:chat:gpt-4o` as `gpt-4o`, `anthropic:messages:claude-…` as `anthropic/claude-…`."""
    if not isinstance(identity, str) or ":" not in identity or "://" in identity:
        return None
    vendor, *words = identity.split(":")
    words = words[1:] if words[0] in _KINDS else words
    if vendor not in {*_SAME_NAMES, "anthropic"} or not words or not ":".join(words):
        return None
    return _SAME_NAMES.get(vendor, f"{vendor}/") + ":".join(words)


def samples_in(config: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values that tests give to variables; a list stands for one test each."""
    tests = config.get("tests")
    cases = [config.get("defaultTest"), *(tests if isinstance(tests, list) else [])]
    samples: dict[str, list[Any]] = {}
    for case in cases:
        given = case.get("vars") if isinstance(case, Mapping) else None
        for name, value in given.items() if isinstance(given, Mapping) else ():
            values = value if isinstance(value, list) else [value]
            samples.setdefault(str(name), []).extend(each for each in values if _is_sample(each))
    return samples


def _is_sample(value: Any) -> bool:
    """Whether a value says something about the variable: no file to read, no template, nothing that JSON lacks."""
    if isinstance(value, str):
        return not value.startswith("file://") and "{{" not in value
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_sample(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_sample(item) for item in value)
    return isinstance(value, (bool, int, float)) and not (isinstance(value, float) and not math.isfinite(value))
