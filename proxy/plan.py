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


def upstream_request(
    route: Route, path: str, headers: Mapping[str, str], body: Mapping[str, Any], original: bytes | None
) -> UpstreamRequest:
    """The request for a provider. `original` is the caller's body where it can go on byte for byte."""
    if original is None or body.get("model") != route.model:
        original = orjson.dumps({**body, "model": route.model})
    forwarded = [
        (name, value)
        for name, value in headers.items()
        if name not in NOT_FORWARDED and not name.startswith(_OWN_PREFIXES)
    ]
    forwarded += [("content-type", "application/json"), ("accept-encoding", "identity")]
    provider = route.provider
    # With a key of its own, the provider never sees the caller's.
    authorization = f"Bearer {provider.api_key}" if provider.api_key else headers.get("authorization")
    if authorization:
        forwarded.append(("authorization", authorization))
    return UpstreamRequest(
        provider=provider.name, method="POST", url=f"{provider.base_url}/{path}", headers=forwarded, body=original
    )


def with_usage(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body with usage asked for on a stream, or None where there is nothing to add."""
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        return None  # the provider says what is wrong with it
    if options and "include_usage" in options:
        return None
    return {**body, "stream_options": {**(options or {}), "include_usage": True}}
