"""Providers: who can answer a call, where, with whose key, and who answers instead. Values and pure choices; no I/O, no environment.

A model name chooses its provider: `provider/model` always works; otherwise the first provider, in the order of the settings,
one of whose patterns fits; otherwise the only provider there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from proxy.errors import RouteNotFound

Kind = Literal["openai", "azure", "anthropic", "gemini", "bedrock", "vertex", "litellm"]
"""The wire format that a provider speaks (proxy/wires.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Own price of a model, in US dollars per million tokens, and per `request`; None where a kind costs what plain tokens do."""

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    request: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long one attempt may take to connect, to begin its answer, to stay silent in the middle of it, and to go on in all."""

    connect_seconds: float = 10
    first_byte_seconds: float = 600
    idle_seconds: float = 300
    total_seconds: float = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service that answers calls. `api_key` is None where the caller's own key passes through.

    `lacks` names endpoints of its kind that it doesn't have: they are answered by translation where there is one.
    `max_concurrency` bounds the calls that one worker has open there. `api_version` is Azure's; `options` are LiteLLM's.
    """

    name: str
    base_url: str
    kind: Kind = "openai"
    api_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    api_version: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_concurrency: int | None = None
    simulator: bool = False

    def serves(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and the model name to ask it for."""

    provider: Provider
    model: str


def routes(
    model: str,
    providers: Sequence[Provider],
    *,
    chosen: str | None = None,
    fallbacks: Mapping[str, Sequence[str]] | Sequence[str] = (),
) -> tuple[Route, ...]:
    """Whom to ask for a model, in turn: its own provider, then its fallbacks.

    `fallbacks` are model names, or such lists by model pattern, of which the first that fits counts. A caller that chose the
    provider by name gets that provider alone. Raises RouteNotFound.
    """
    first = route(model, providers, chosen)
    if chosen:
        return (first,)
    if isinstance(fallbacks, Mapping):
        named = (model, f"{first.provider.name}/{first.model}")
        fallbacks = next(
            (given for pattern, given in fallbacks.items() if any(fnmatchcase(name, pattern) for name in named)), ()
        )
    others = (route(name, providers) for name in fallbacks)
    return _distinct(first, *others)


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


def _distinct(*found: Route) -> tuple[Route, ...]:
    """Each provider and model once: asking the same again is what retries are for."""
    kept: list[Route] = []
    for one in found:
        if all(one.provider is not other.provider or one.model != other.model for other in kept):
            kept.append(one)
    return tuple(kept)
