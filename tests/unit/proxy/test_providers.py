"""Which provider serves a model name."""

from typing import Any

import pytest

from proxy.errors import RouteNotFound
from proxy.known import known_providers
from proxy.models import callable_name
from proxy.providers import Provider, Timeouts, route, routes

OPENAI = Provider(name="openai", base_url="https://a/v1", models=("gpt-*",))
GROQ = Provider(name="groq", base_url="https://b/v1", models=("llama-*",))


def test_a_provider_in_front_always_works() -> None:
    found = route("groq/gpt-oss", [OPENAI, GROQ])
    assert (found.provider.name, found.model) == ("groq", "gpt-oss")


def test_patterns_in_the_order_of_the_settings() -> None:
    assert route("llama-4", [OPENAI, GROQ]).provider.name == "groq"
    assert route("gpt-9", [OPENAI, Provider(name="x", base_url="", models=("*",))]).provider.name == "openai"


def test_the_only_provider_takes_everything() -> None:
    found = route("vendor/some-model", [OPENAI])
    assert (found.provider.name, found.model) == ("openai", "vendor/some-model")


def test_no_provider_says_how_to_add_one() -> None:
    with pytest.raises(RouteNotFound, match="OPENAI_API_KEY"):
        route("gpt-4o", [])


def test_no_pattern_fits() -> None:
    with pytest.raises(RouteNotFound, match=r"'openai/unknown'.*configured: openai, groq") as refused:
        route("unknown", [OPENAI, GROQ])
    assert refused.value.status == 404


def test_fallbacks_of_the_first_pattern_that_fits_each_once() -> None:
    given = {"gpt-4*": ["groq/llama-4", "gpt-5", "gpt-4o", "groq/llama-4"], "*": ["gpt-3"]}

    def named(model: str, **more: Any) -> list[str]:
        return [f"{r.provider.name}/{r.model}" for r in routes(model, [OPENAI, GROQ], **{"fallbacks": given, **more})]

    assert named("gpt-4o") == ["openai/gpt-4o", "groq/llama-4", "openai/gpt-5"]
    assert named("groq/llama-4") == ["groq/llama-4", "openai/gpt-3"]
    assert named("gpt-4o", fallbacks={"openai/*": ["llama-9"]}) == ["openai/gpt-4o", "groq/llama-9"]
    assert named("gpt-4o", fallbacks=("llama-9",)) == ["openai/gpt-4o", "groq/llama-9"]
    assert named("gpt-4o", chosen="openai") == ["openai/gpt-4o"]


def test_a_fallback_that_nobody_serves_is_named() -> None:
    with pytest.raises(RouteNotFound, match="'claude-x'"):
        routes("gpt-4o", [OPENAI, GROQ], fallbacks=("claude-x",))


def test_known_providers_need_nothing_but_their_variables() -> None:
    found = known_providers(
        {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1/",
            "GROQ_API_KEY": "g",
            "XAI_API_KEY": "",
            "GOOGLE_API_KEY": "g",
            "AZURE_OPENAI_API_KEY": "z",  # nobody said where
        },
        Timeouts(idle_seconds=7),
    )
    assert {provider.timeouts.idle_seconds for provider in found} == {7}
    assert [(provider.name, provider.base_url) for provider in found] == [
        ("openai", "http://127.0.0.1:1/v1"),
        ("gemini", "https://generativelanguage.googleapis.com"),
        ("groq", "https://api.groq.com/openai/v1"),
    ]
    assert "k'" not in repr(found)


def test_listed_names_lead_back_to_their_provider() -> None:
    assert callable_name("gpt-4o", OPENAI, [OPENAI, GROQ]) == "gpt-4o"
    assert callable_name("whisper", GROQ, [OPENAI, GROQ]) == "groq/whisper"
    assert callable_name("gpt-oss", GROQ, [OPENAI, GROQ]) == "groq/gpt-oss"


def test_a_caller_may_choose_the_provider() -> None:
    assert route("gpt-4o", [OPENAI, GROQ], "groq").provider is GROQ
    assert route("groq/x", [OPENAI, GROQ], "groq").model == "x"
    with pytest.raises(RouteNotFound, match="no provider is called 'grok'"):
        route("gpt-4o", [OPENAI, GROQ], "grok")


def test_without_a_model_the_provider_must_be_named() -> None:
    assert route("", [OPENAI]).provider is OPENAI
    with pytest.raises(RouteNotFound, match="x-slugline-provider"):
        route("", [OPENAI, GROQ])
