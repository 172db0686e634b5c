"""How each kind of provider is asked: what it speaks, its URLs, and where its key goes. Pure.

- openai: https://platform.openai.com/docs/api-reference
- azure: https://learn.microsoft.com/azure/ai-foundry/openai/reference; with an `api_version` the model is a deployment in the
  path, without one the service's v1 API takes it in the body
- anthropic: https://docs.claude.com/en/api/overview
- gemini: https://ai.google.dev/api
- bedrock, vertex, litellm: asked by a library in process (proxy/library.py), which speaks Chat Completions on this side
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from proxy.dialects.translation import Dialect
from proxy.errors import RouteNotFound
from proxy.library import SCHEME
from proxy.providers import Kind, Provider

PATHS: Mapping[Dialect, str] = {
    "chat": "chat/completions",
    "messages": "messages",
    "gemini": "generateContent",
    "gemini_embeddings": "batchEmbedContents",
}
"""Where a request goes that was translated into a dialect."""

_DEPLOYED = ("chat/completions", "completions", "embeddings", "audio/", "images/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One kind. `speaks` gives, for a caller's dialect, the one that the provider answers in; what isn't there it can't answer.

    `url` takes the provider, the path, the model, and whether a stream is asked for. The key stands in `key_header`, behind
    `key_prefix`. `headers` are needed on every request that doesn't bring its own.
    """

    speaks: Mapping[Dialect, Dialect]
    url: Callable[[Provider, str, str, bool], str]
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)


def spoken(provider: Provider, endpoint: str, dialect: Dialect) -> Dialect:
    """The dialect in which a provider answers an endpoint; raises RouteNotFound where it has none."""
    found = WIRES[provider.kind].speaks.get(dialect)
    if endpoint in provider.lacks and found == dialect:
        found = "chat" if dialect == "responses" else None
    if found is None:
        raise RouteNotFound(
            f"provider '{provider.name}' doesn't have /v1/{endpoint.replace('.', '/')}, and Slugline can't make it from what it has",
            code="provider_lacks_endpoint",
            param="model",
        )
    return found


def _openai_url(provider: Provider, path: str, model: str, stream: bool) -> str:
    return f"{provider.base_url}/{path}"


def _azure_url(provider: Provider, path: str, model: str, stream: bool) -> str:
    base = provider.base_url.removesuffix("/openai/v1").removesuffix("/openai")
    if not provider.api_version:
        return f"{base}/openai/v1/{path}"
    if path.startswith(_DEPLOYED):
        path = f"deployments/{quote(model, safe='')}/{path}"
    return _with_query(f"{base}/openai/{path}", f"api-version={provider.api_version}")


def _anthropic_url(provider: Provider, path: str, model: str, stream: bool) -> str:
    return f"{provider.base_url.removesuffix('/v1')}/v1/{path}"


def _gemini_url(provider: Provider, path: str, model: str, stream: bool) -> str:
    base = f"{provider.base_url.removesuffix('/v1beta')}/v1beta"
    if path not in {PATHS["gemini"], PATHS["gemini_embeddings"]}:
        return f"{base}/{path}"
    method = "streamGenerateContent?alt=sse" if stream else path
    return f"{base}/models/{quote(model.removeprefix('models/'), safe='')}:{method}"


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _library_url(provider: Provider, path: str, model: str, stream: bool) -> str:
    return f"{SCHEME}{path}"


_OPENAIS: Mapping[Dialect, Dialect] = {
    "chat": "chat",
    "responses": "responses",
    "completions": "completions",
    "embeddings": "embeddings",
    "moderations": "moderations",
    "messages": "chat",
}

_LIBRARYS = Wire(
    speaks={"chat": "chat", "responses": "chat", "messages": "chat", "embeddings": "embeddings"}, url=_library_url
)

WIRES: Mapping[Kind, Wire] = {
    "openai": Wire(speaks=_OPENAIS, url=_openai_url),
    "azure": Wire(speaks=_OPENAIS, url=_azure_url, key_header="api-key", key_prefix=""),
    "anthropic": Wire(
        speaks={"messages": "messages", "count_tokens": "count_tokens", "chat": "messages", "responses": "messages"},
        url=_anthropic_url,
        key_header="x-api-key",
        key_prefix="",
        headers={"anthropic-version": "2023-06-01"},
    ),
    "gemini": Wire(
        speaks={"chat": "gemini", "responses": "gemini", "messages": "gemini", "embeddings": "gemini_embeddings"},
        url=_gemini_url,
        key_header="x-goog-api-key",
        key_prefix="",
    ),
    "bedrock": _LIBRARYS,
    "vertex": _LIBRARYS,
    "litellm": _LIBRARYS,
}
