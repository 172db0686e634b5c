"""`GET /v1/models`: every prompt under the name that a call can use, then the models of the providers that answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from proxy.auth import authenticate, may_use_model, may_use_prompt, without_keys
from proxy.errors import ProxyError, RouteNotFound
from proxy.line import Line
from proxy.naming import MODEL_PREFIX
from proxy.plan import PROVIDER_KEY_HEADERS, upstream_request
from proxy.providers import Provider, Route, route
from proxy.reply import Reply

_WAIT_SECONDS = 5.0


async def list_models(line: Line, headers: Mapping[str, str]) -> Reply:
    """OpenAI's list of models, those that the caller's key may use. Any key may ask, whatever its endpoints.

    A provider that doesn't answer is named in the header `x-slugline-models-missing`. Raises NotAuthenticated.
    """
    key = authenticate(headers, line.registry, line.now(), required=line.key_required)
    headers = without_keys(headers)
    answers = await asyncio.gather(*(_models_of(line, provider, headers) for provider in line.providers))
    models: list[dict[str, Any]] = [
        {"id": f"{MODEL_PREFIX}{slug}", "object": "model", "created": 0, "owned_by": "slugline"}
        for slug in line.registry.slugs()
        if may_use_prompt(key, slug)
    ]
    missing = []
    for provider, entries in zip(line.providers, answers, strict=True):
        if entries is None:
            missing.append(provider.name)
            continue
        models += [
            {**entry, "id": callable_name(entry["id"], provider, line.providers)}
            for entry in entries
            if may_use_prompt(key, None) and may_use_model(key, provider.name, entry["id"])
        ]
    reply_headers = [("content-type", "application/json")]
    if missing:
        reply_headers.append(("x-slugline-models-missing", ", ".join(missing)))
    return Reply(status=200, headers=reply_headers, body=orjson.dumps({"object": "list", "data": models}))


def callable_name(model: str, provider: Provider, providers: Sequence[Provider]) -> str:
    """The name by which a call reaches this provider's model: its own where that leads there, else with the provider in front."""
    try:
        found = route(model, providers)
    except RouteNotFound:
        found = None
    if found is not None and found.provider is provider and found.model == model:
        return model
    return f"{provider.name}/{model}"


async def _models_of(line: Line, provider: Provider, headers: Mapping[str, str]) -> list[dict[str, Any]] | None:
    request = upstream_request(
        Route(provider=provider, model=""), "models", _only_keys(headers), b"", method="GET", content_type=""
    )
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            answer = await line.upstream.send(request)
            try:
                body = await answer.body()
            finally:
                answer.close()
        found = orjson.loads(body)
        data = found.get("data", found.get("models"))
    except (ProxyError, TimeoutError, orjson.JSONDecodeError, AttributeError):
        return None
    if answer.status >= 400 or not isinstance(data, list):
        return None
    return [named for entry in data if isinstance(entry, dict) and (named := _named(entry)) is not None]


def _named(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """A model's entry under its id; Gemini calls it `name`, with `models/` in front."""
    name = entry.get("id", entry.get("name"))
    if not isinstance(name, str):
        return None
    return {"object": "model", "created": 0, **entry, "id": name.removeprefix("models/")}


def _only_keys(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in PROVIDER_KEY_HEADERS}
