"""What is sent to which provider: the URL, the headers and the bytes of the upstream request. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.providers import Route
from proxy.upstream import UpstreamRequest

NOT_FORWARDED = frozenset(
    {
        # Hop by hop (RFC 9110, section 7.6.1), or made anew for the upstream request.
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("host", "content-length", "content-type", "accept-encoding", "authorization", "proxy-authorization"),
        # Meant for this server alone.
        *(
            "cookie",
            "origin",
            "referer",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
        ),
    }
)
_OWN_PREFIXES = ("x-slugline-", "helicone-", "langfuse-", "x-portkey-", "sec-")


PROVIDER_HEADER = "x-slugline-provider"


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
    method: str = "POST",
    content_type: str = "application/json",
) -> UpstreamRequest:
    """The request for a provider."""
    forwarded = [
        (name, value)
        for name, value in headers.items()
        if name not in NOT_FORWARDED and not name.startswith(_OWN_PREFIXES)
    ]
    forwarded.append(("accept-encoding", "identity"))
    if content_type:
        forwarded.append(("content-type", content_type))
    provider = route.provider
    # With a key of its own, the provider never sees the caller's.
    authorization = f"Bearer {provider.api_key}" if provider.api_key else headers.get("authorization")
    if authorization:
        forwarded.append(("authorization", authorization))
    return UpstreamRequest(
        provider=provider.name, method=method, url=f"{provider.base_url}/{path}", headers=forwarded, body=body
    )


def with_usage(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body with usage asked for on a stream, or None where there is nothing to add."""
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        return None  # the provider says what is wrong with it
    if options and "include_usage" in options:
        return None
    return {**body, "stream_options": {**(options or {}), "include_usage": True}}
