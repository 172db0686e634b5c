"""What a path below `/v1` leads to. A table of path patterns, and what all other paths are.

Most paths are calls, which go to a provider; some are answered here. Portkey's paths name the prompt themselves
(https://portkey.ai/docs/api-reference/inference-api/prompts): `/v1/prompts/{id[@ref]}/completions` is a chat completion.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from proxy.endpoints import ENDPOINTS, Endpoint, passed_through
from proxy.errors import ErrorFormat, RouteNotFound
from proxy.line import CallRequest, Line
from proxy.models import get_model, list_models
from proxy.rendering import render_prompt
from proxy.reply import Reply

Answer = Callable[[CallRequest, Line], Awaitable[Reply]]
"""Answers a request without a call to a provider on the caller's behalf, and without a record."""

CHAT = ENDPOINTS["/v1/chat/completions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Paths of one pattern, the method they take, and what they lead to; the group `prompt` is a reference to a prompt.

    `endpoint` is None for paths that are no endpoint of a dialect. Where `others_pass`, other methods go on to the provider, else
    they are refused.
    """

    pattern: re.Pattern[str]
    method: str
    endpoint: Endpoint | None = None
    answer: Answer | None = None
    others_pass: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What one request leads to: an endpoint, the prompt that its path names, and who answers if it is no call."""

    endpoint: Endpoint
    prompt: str | None = None
    answer: Answer | None = None


PATHS: Sequence[Path] = (
    *(
        Path(pattern=re.compile(re.escape(path)), method="POST", endpoint=endpoint)
        for path, endpoint in ENDPOINTS.items()
    ),
    Path(pattern=re.compile("/v1/models"), method="GET", answer=list_models, others_pass=True),
    Path(pattern=re.compile("/v1/models/.+"), method="GET", answer=get_model, others_pass=True),
    Path(pattern=re.compile("/v1/prompts/(?P<prompt>[^/]+)/completions"), method="POST", endpoint=CHAT),
    Path(
        pattern=re.compile("/v1/prompts/(?P<prompt>[^/]+)/render"), method="POST", endpoint=CHAT, answer=render_prompt
    ),
)


def locate(method: str, path: str, raw_path: str) -> Place:
    """Where a request goes; `raw_path` is the path as it came, for what passes through as it is.

    Raises RouteNotFound.
    """
    for known in PATHS:
        found = known.pattern.fullmatch(path)
        if found is None:
            continue
        if method == known.method:
            endpoint = known.endpoint or passed_through(raw_path)
            return Place(endpoint=endpoint, prompt=found.groupdict().get("prompt"), answer=known.answer)
        if not known.others_pass:
            message = f"{method} {path} is not an endpoint; it takes {known.method}"
            raise RouteNotFound(message, code="request_route_not_found")
    if ".." in path.split("/") or "\\" in path:
        raise RouteNotFound(f"{method} {path} is not an endpoint", code="request_route_not_found")
    return Place(endpoint=passed_through(raw_path))


def errors_at(path: str) -> ErrorFormat:
    """How a path tells errors of requests that lead nowhere."""
    endpoints = (known.endpoint for known in PATHS if known.pattern.fullmatch(path))
    return next((endpoint.errors for endpoint in endpoints if endpoint is not None), "openai")
