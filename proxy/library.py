"""Providers that a library asks: Bedrock, Vertex and the rest of LiteLLM's list, in process. An optional extra.

LiteLLM takes 160 MB and four seconds to import, so that happens with the first call, in a thread, and only where such a provider
is configured. It speaks Chat Completions on this side; its answers go on as bytes, like any provider's.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib import metadata
from typing import Any

import orjson

from proxy.errors import RouteNotFound, UpstreamFailed, UpstreamTimeout
from proxy.providers import Provider
from proxy.upstream import UpstreamRequest

SCHEME = "litellm:"
_PASSED_ON = frozenset({"traceparent", "tracestate", "baggage"})
"""What LiteLLM is given of a call's headers: the trace goes on at the provider. The rest are its own to make."""

PREFIXES = {"bedrock": "bedrock/", "vertex": "vertex_ai/", "litellm": ""}
"""LiteLLM's name for a kind of provider, put before the model's."""

_NEVER = ("1.82.7", "1.82.8", "1.107.")
"""Releases that were compromised (BerriAI/litellm#24518) or withdrawn."""


def missing_library() -> str:
    """Why LiteLLM can't be used here, with what to do; empty if it can."""
    try:
        version = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        return "it needs LiteLLM, which is not installed: pip install 'slugline[litellm]'"
    if version.startswith(_NEVER):
        return f"LiteLLM {version} was compromised or withdrawn: install another with pip install 'slugline[litellm]'"
    return ""


class Library:
    """LiteLLM as a way to ask providers."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._module: Any = None

    async def send(self, request: UpstreamRequest, *, queue: bool = True) -> "LibraryAnswer":
        """Asks, and waits for the answer or for the beginning of its stream. Raises UpstreamFailed and UpstreamTimeout."""
        provider = self._providers[request.provider]
        path = request.url.removeprefix(SCHEME)
        if path not in {"chat/completions", "embeddings"}:
            raise RouteNotFound(
                f"provider '{provider.name}' has no /v1/{path}: through LiteLLM there are chat and embeddings",
                code="provider_lacks_endpoint",
            )
        litellm = self._module = self._module or await asyncio.to_thread(_imported)
        given = orjson.loads(request.body)
        told = {name: value for name, value in request.headers if name in _PASSED_ON}
        asked = {
            **given,
            **_arguments(provider),
            **({"extra_headers": told} if told else {}),
            "model": f"{PREFIXES[provider.kind]}{given['model']}",
        }
        try:
            if path == "embeddings":
                found = await litellm.aembedding(**asked)
            else:
                found = await litellm.acompletion(**asked)
        except litellm.exceptions.Timeout as error:
            raise _timed_out(provider, provider.timeouts.first_byte_seconds) from error
        except litellm.exceptions.APIConnectionError as error:
            raise UpstreamFailed(
                f"provider '{provider.name}' can't be reached: {error}", code="provider_unreachable"
            ) from error
        except Exception as error:
            return _failure(provider.name, error)
        if given.get("stream") and path != "embeddings":
            return LibraryAnswer(provider.name, 200, "text/event-stream", _events(found, provider))
        return LibraryAnswer(provider.name, 200, "application/json", _once(found.model_dump_json(exclude_none=True)))


class LibraryAnswer:
    """An answer of the library's as a provider's."""

    def __init__(
        self,
        provider: str,
        status: int,
        content_type: str,
        chunks: AsyncIterator[bytes],
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.provider = provider
        self.status = status
        self.headers: Sequence[tuple[str, str]] = (("content-type", content_type), *headers)
        self._chunks = chunks

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    async def chunk(self) -> bytes | None:
        return await anext(self._chunks, None)

    async def body(self) -> bytes:
        return b"".join([chunk async for chunk in self._chunks])

    def close(self) -> None:
        """Lets go of the stream: its generator, and with it the provider's call, is closed by the event loop."""
        self._chunks = _nothing()


def _imported() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # its prices come with it; none are fetched
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def _arguments(provider: Provider) -> dict[str, Any]:
    return {
        **provider.options,
        **({"api_base": provider.base_url} if provider.base_url else {}),
        **({"api_key": provider.api_key} if provider.api_key else {}),
        "timeout": provider.timeouts.first_byte_seconds,
        "num_retries": 0,
        "max_retries": 0,
    }


async def _events(found: Any, provider: Provider) -> AsyncIterator[bytes]:
    idle = provider.timeouts.idle_seconds
    try:
        while True:
            async with asyncio.timeout(idle):
                part = await anext(found, None)
            if part is None:
                break
            yield b"data: " + _event(part.model_dump(exclude_none=True)) + b"\n\n"
    except TimeoutError as error:
        raise _timed_out(provider, idle) from error
    except Exception as error:
        raise UpstreamFailed(
            f"provider '{provider.name}' broke off its answer: {error}", code="provider_cut_off"
        ) from error
    yield b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    """A chunk; the one that carries usage has no choices, as OpenAI documents it."""
    choices = chunk.get("choices") or []
    if chunk.get("usage") and not any(choice.get("finish_reason") or choice.get("delta") for choice in choices):
        chunk["choices"] = []
    return orjson.dumps(chunk, default=str)


async def _once(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _failure(provider: str, error: Exception) -> LibraryAnswer:
    """A provider's error, under the status that LiteLLM read from it."""
    status = getattr(error, "status_code", None)
    message = str(getattr(error, "message", error))
    if not isinstance(status, int) or not 400 <= status < 600:
        status, message = 502, f"LiteLLM failed to ask provider '{provider}' ({type(error).__name__}): {message}"
    told = {
        "message": message,
        "type": getattr(error, "type", None) or ("invalid_request_error" if status < 500 else "api_error"),
        "param": getattr(error, "param", None),
        "code": getattr(error, "code", None),
    }
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    after = headers.get("retry-after")
    body = orjson.dumps({"error": told}, default=str).decode()
    return LibraryAnswer(provider, status, "application/json", _once(body), (("retry-after", after),) if after else ())


def _timed_out(provider: Provider, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"provider '{provider.name}' did not answer within {seconds:g} s", code="provider_timeout")
