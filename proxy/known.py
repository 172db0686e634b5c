"""Providers that need nothing but their usual environment variables. A table and one choice; the environment is handed in."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.providers import Kind, Provider, Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProvider:
    """A well-known provider. The first of its key variables that is set counts; without a `base_url` the URL's must be set, too."""

    name: str
    key_variables: tuple[str, ...]
    url_variable: str
    base_url: str = ""
    kind: Kind = "openai"
    models: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    version_variable: str = ""


_NO_RESPONSES = frozenset({"responses"})

KNOWN_PROVIDERS = (
    KnownProvider(
        name="openai",
        key_variables=("OPENAI_API_KEY",),
        url_variable="OPENAI_BASE_URL",
        base_url="https://api.openai.com/v1",
        models=(
            "gpt-*",
            "chatgpt-*",
            "o1*",
            "o3*",
            "o4*",
            "text-embedding-*",
            "ft:gpt-*",
            "omni-*",
            "tts-*",
            "whisper-*",
            "dall-e-*",
        ),
    ),
    KnownProvider(
        name="anthropic",
        kind="anthropic",
        key_variables=("ANTHROPIC_API_KEY",),
        url_variable="ANTHROPIC_BASE_URL",
        base_url="https://api.anthropic.com",
        models=("claude-*",),
    ),
    KnownProvider(
        name="gemini",
        kind="gemini",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        url_variable="GEMINI_BASE_URL",
        base_url="https://generativelanguage.googleapis.com",
        models=("gemini-*", "gemma-*"),
    ),
    KnownProvider(
        name="azure",
        kind="azure",
        key_variables=("AZURE_OPENAI_API_KEY",),
        url_variable="AZURE_OPENAI_ENDPOINT",
        version_variable="OPENAI_API_VERSION",
    ),
    KnownProvider(
        name="mistral",
        key_variables=("MISTRAL_API_KEY",),
        url_variable="MISTRAL_BASE_URL",
        base_url="https://api.mistral.ai/v1",
        models=("mistral-*", "ministral-*", "codestral-*", "pixtral-*", "magistral-*", "open-mi*"),
        lacks=_NO_RESPONSES,
    ),
    KnownProvider(
        name="deepseek",
        key_variables=("DEEPSEEK_API_KEY",),
        url_variable="DEEPSEEK_BASE_URL",
        base_url="https://api.deepseek.com/v1",
        models=("deepseek-*",),
        lacks=_NO_RESPONSES,
    ),
    KnownProvider(
        name="xai",
        key_variables=("XAI_API_KEY",),
        url_variable="XAI_BASE_URL",
        base_url="https://api.x.ai/v1",
        models=("grok-*",),
    ),
    KnownProvider(
        name="groq",
        key_variables=("GROQ_API_KEY",),
        url_variable="GROQ_BASE_URL",
        base_url="https://api.groq.com/openai/v1",
    ),
    KnownProvider(
        name="together",
        key_variables=("TOGETHER_API_KEY",),
        url_variable="TOGETHER_BASE_URL",
        base_url="https://api.together.xyz/v1",
        lacks=_NO_RESPONSES,
    ),
    KnownProvider(
        name="fireworks",
        key_variables=("FIREWORKS_API_KEY",),
        url_variable="FIREWORKS_BASE_URL",
        base_url="https://api.fireworks.ai/inference/v1",
        lacks=_NO_RESPONSES,
    ),
    KnownProvider(
        name="openrouter",
        key_variables=("OPENROUTER_API_KEY",),
        url_variable="OPENROUTER_BASE_URL",
        base_url="https://openrouter.ai/api/v1",
    ),
)


def known_providers(environment: Mapping[str, str], timeouts: Timeouts) -> list[Provider]:
    """The well-known providers of which a key variable is set, in the order above."""
    found = []
    for known in KNOWN_PROVIDERS:
        key = next((environment[name] for name in known.key_variables if environment.get(name)), None)
        base_url = environment.get(known.url_variable, "").rstrip("/") or known.base_url
        if key and base_url:
            found.append(
                Provider(
                    name=known.name,
                    kind=known.kind,
                    base_url=base_url,
                    api_key=key,
                    models=known.models,
                    lacks=known.lacks,
                    api_version=environment.get(known.version_variable, ""),
                    timeouts=timeouts,
                )
            )
    return found
