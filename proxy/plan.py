"""What is sent to which provider: the URL, the headers and the bytes of the upstream request. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.providers import Route
from proxy.upstream import UpstreamRequest
from proxy.wires import WIRES

PROVIDER_HEADER = "x-slugline-provider"

ASKED_FOR_USAGE = frozenset({"chat", "completions"})
"""Dialects whose streams tell usage only when asked."""

PROVIDER_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where the SDKs of OpenAI, Anthropic, Azure and Google put a key."""

NOT_FORWARDED = frozenset(
    {
        # Hop by hop (RFC 9110, section 7.6.1), or made anew for the upstream request.
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("host", "content-length", "content-type", "accept-encoding", "proxy-authorization", *PROVIDER_KEY_HEADERS),
        # Meant for this server alone.
        *("cookie", "origin", "referer", "forwarded", "x-real-ip"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    }
)
_OWN_PREFIXES = ("x-slugline-", "helicone-", "langfuse-", "x-portkey-", "sec-")


def json_body(route: Route, body: Mapping[str, Any], original: bytes | None) -> bytes:
    """The bytes of a JSON body; `original` is the caller's where it can go on byte for byte."""
    if original is None or body.get("model") != route.model:
        return orjson.dumps({**body, "model": route.model})
    return original


def upstream_request(
    route: Route,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    stream: bool = False,
    translated: bool = False,
    method: str = "POST",
    content_type: str = "application/json",
) -> UpstreamRequest:
    """The request for a provider. `translated`: the caller speaks another dialect, so its key moves, and its dialect's headers stay."""
    provider = route.provider
    wire = WIRES[provider.kind]
    forwarded = [
        (name, value)
        for name, value in headers.items()
        if name not in NOT_FORWARDED
        and not name.startswith(_OWN_PREFIXES)
        and not (translated and name.startswith(("anthropic-", "openai-")))
    ]
    forwarded.append(("accept-encoding", "identity"))
    if content_type:
        forwarded.append(("content-type", content_type))
    forwarded += [(name, value) for name, value in wire.headers.items() if translated or name not in headers]
    if provider.api_key:  # with a key of its own, the provider never sees the caller's
        forwarded.append((wire.key_header, f"{wire.key_prefix}{provider.api_key}"))
    elif translated:
        key = next((headers[name] for name in PROVIDER_KEY_HEADERS if headers.get(name)), "").removeprefix("Bearer ")
        forwarded += [(wire.key_header, f"{wire.key_prefix}{key}")] if key else []
    else:
        forwarded += [(name, headers[name]) for name in PROVIDER_KEY_HEADERS if headers.get(name)]
    return UpstreamRequest(
        provider=provider.name,
        method=method,
        url=wire.url(provider, path, route.model, stream),
        headers=forwarded,
        body=body,
        timeouts=provider.timeouts,
        max_concurrency=provider.max_concurrency,
    )


def with_usage(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body with usage asked for on a stream, or None where there is nothing to add."""
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        return None  # the provider says what is wrong with it
    if options and "include_usage" in options:
        return None
    return {**body, "stream_options": {**(options or {}), "include_usage": True}}
