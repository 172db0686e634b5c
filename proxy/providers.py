"""Providers: who can answer a call, where, with whose key. Values and pure choices; no I/O, no environment.

A model name chooses its provider: `provider/model` always works; otherwise the first provider, in the order of the settings,
one of whose patterns fits; otherwise the only provider there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from proxy.errors import RouteNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Own price of a model, in US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service that speaks OpenAI's wire format. `api_key` is None where the caller's own key passes through."""

    name: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    simulator: bool = False

    def serves(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A provider and the model name to ask it for."""

    provider: Provider
    model: str


def route(model: str, providers: Sequence[Provider], chosen: str | None = None) -> Route:
    """The provider for a model name, or the one that the caller chose by name; raises RouteNotFound with what would be right."""
    if chosen:
        for provider in providers:
            if provider.name == chosen:
                return Route(provider=provider, model=model.removeprefix(f"{chosen}/"))
        raise RouteNotFound(
            f"no provider is called {chosen!r} (configured: {', '.join(p.name for p in providers) or 'none'})",
            code="provider_not_found",
            param="x-slugline-provider",
        )
    name, slash, rest = model.partition("/")
    if slash:
        for provider in providers:
            if provider.name == name:
                return Route(provider=provider, model=rest)
    for provider in providers:
        if provider.serves(model):
            return Route(provider=provider, model=model)
    if len(providers) == 1:
        return Route(provider=providers[0], model=model)
    if not providers:
        raise RouteNotFound(
            "no provider is configured: set OPENAI_API_KEY (or another provider's variable) for the server, "
            "or add [providers.NAME] to slugline.toml",
            code="provider_not_configured",
        )
    if not model:
        raise RouteNotFound(
            f"the request names no model: say in the header x-slugline-provider who it is for ({', '.join(p.name for p in providers)})",
            code="provider_not_found",
            param="x-slugline-provider",
        )
    raise RouteNotFound(
        f"no provider serves the model {model!r}: name one as in {providers[0].name + '/' + model!r}, or add the model to the "
        f"'models' of a provider in slugline.toml (configured: {', '.join(p.name for p in providers)})",
        code="provider_not_found",
        param="model",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProvider:
    """A provider that needs nothing but its usual environment variables."""

    name: str
    key_variable: str
    url_variable: str
    base_url: str
    models: tuple[str, ...] = ()


KNOWN_PROVIDERS = (
    KnownProvider(
        name="openai",
        key_variable="OPENAI_API_KEY",
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
        ),
    ),
    KnownProvider(
        name="mistral",
        key_variable="MISTRAL_API_KEY",
        url_variable="MISTRAL_BASE_URL",
        base_url="https://api.mistral.ai/v1",
        models=("mistral-*", "ministral-*", "codestral-*", "pixtral-*", "magistral-*", "open-mi*"),
    ),
    KnownProvider(
        name="deepseek",
        key_variable="DEEPSEEK_API_KEY",
        url_variable="DEEPSEEK_BASE_URL",
        base_url="https://api.deepseek.com/v1",
        models=("deepseek-*",),
    ),
    KnownProvider(
        name="xai",
        key_variable="XAI_API_KEY",
        url_variable="XAI_BASE_URL",
        base_url="https://api.x.ai/v1",
        models=("grok-*",),
    ),
    KnownProvider(
        name="groq",
        key_variable="GROQ_API_KEY",
        url_variable="GROQ_BASE_URL",
        base_url="https://api.groq.com/openai/v1",
    ),
    KnownProvider(
        name="together",
        key_variable="TOGETHER_API_KEY",
        url_variable="TOGETHER_BASE_URL",
        base_url="https://api.together.xyz/v1",
    ),
    KnownProvider(
        name="fireworks",
        key_variable="FIREWORKS_API_KEY",
        url_variable="FIREWORKS_BASE_URL",
        base_url="https://api.fireworks.ai/inference/v1",
    ),
    KnownProvider(
        name="openrouter",
        key_variable="OPENROUTER_API_KEY",
        url_variable="OPENROUTER_BASE_URL",
        base_url="https://openrouter.ai/api/v1",
    ),
)


def known_providers(environment: Mapping[str, str]) -> list[Provider]:
    """The well-known providers whose key variable is set, in the order above."""
    return [
        Provider(
            name=known.name,
            base_url=environment.get(known.url_variable, "").rstrip("/") or known.base_url,
            api_key=environment[known.key_variable],
            models=known.models,
        )
        for known in KNOWN_PROVIDERS
        if environment.get(known.key_variable)
    ]
