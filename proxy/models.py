"""`GET /v1/models` and `/v1/models/{name}`: prompts under the names that calls can use, and models of the providers that answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from proxy.auth import authenticate, check_model, check_prompt, may_use_model, may_use_prompt, without_keys
from proxy.errors import ProxyError, RouteNotFound, UpstreamFailed
from proxy.library import SCHEME
from proxy.line import CallRequest, Line
from proxy.naming import MODEL_PREFIX
from proxy.plan import PROVIDER_HEADER, PROVIDER_KEY_HEADERS, upstream_request
from proxy.providers import Provider, Route, route
from proxy.reply import Reply

_WAIT_SECONDS = 5.0


async def list_models(call: CallRequest, line: Line) -> Reply:
    """OpenAI's list of models, those that the caller's key may use. Any key may ask, whatever its endpoints.

    A provider that doesn't answer is named in the header `x-slugline-models-missing`. Raises NotAuthenticated.
    """
    key = authenticate(call.headers, line.registry, line.now(), required=line.key_required)
    headers = without_keys(call.headers)
    answers = await asyncio.gather(*(_models_of(line, provider, headers) for provider in line.providers))
    models: list[dict[str, Any]] = [_prompt(slug) for slug in line.registry.slugs() if may_use_prompt(key, slug)]
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


async def get_model(call: CallRequest, line: Line) -> Reply:
    """One model or prompt, by the name that a call can use. Raises NotAuthenticated, NotAllowed, RouteNotFound and UpstreamFailed."""
    key = authenticate(call.headers, line.registry, line.now(), required=line.key_required)
    name = unquote(call.endpoint.path.removeprefix("models/"))
    headers = [("content-type", "application/json")]
    if name.startswith(MODEL_PREFIX):
        slug = name.removeprefix(MODEL_PREFIX)
        check_prompt(key, slug)
        if slug not in line.registry.slugs():
            raise RouteNotFound(f"there is no prompt {slug!r}", code="prompt_not_found", param="model")
        return Reply(status=200, headers=headers, body=orjson.dumps(_prompt(slug)))
    found = route(name, line.providers, call.headers.get(PROVIDER_HEADER))
    check_prompt(key, None)
    check_model(key, found.provider.name, found.model)
    entries = await _models_of(line, found.provider, without_keys(call.headers))
    if entries is None:
        raise UpstreamFailed(
            f"provider '{found.provider.name}' doesn't list its models", code="provider_unreachable", param="model"
        )
    for entry in entries:
        if entry["id"] == found.model:
            return Reply(status=200, headers=headers, body=orjson.dumps({**entry, "id": name}))
    raise RouteNotFound(
        f"provider '{found.provider.name}' lists no model {found.model!r}", code="model_not_found", param="model"
    )


def _prompt(slug: str) -> dict[str, Any]:
    return {"id": f"{MODEL_PREFIX}{slug}", "object": "model", "created": 0, "owned_by": "slugline"}


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
    """A provider's models, or None where it doesn't say."""
    keys = {name: value for name, value in headers.items() if name in PROVIDER_KEY_HEADERS}
    request = upstream_request(Route(provider=provider, model=""), "models", keys, b"", method="GET", content_type="")
    sender = line.library if request.url.startswith(SCHEME) else line.upstream
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            answer = await sender.send(request)
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
