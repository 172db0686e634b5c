"""From a caller's request to a provider's: parse, context, name, resolve, render, merge, route. Waits for nothing.

Notes on the draft what it learns on the way, so that a call that is refused half-way is on record with all that was known by then.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.ask import Plan
from proxy.context import read_context
from proxy.dialects.translation import Translation, translation
from proxy.draft import Draft
from proxy.errors import RequestRefused
from proxy.line import CallRequest, Line
from proxy.merge import merge
from proxy.naming import named_prompt
from proxy.passing import described, model_in_form
from proxy.plan import ASKED_FOR_USAGE, PROVIDER_HEADER, json_body, upstream_request, with_usage
from proxy.providers import Route, route, routes
from proxy.upstream import UpstreamRequest
from proxy.wires import PATHS, spoken
from registry.template import render


def prepare(call: CallRequest, line: Line, draft: Draft) -> Plan:
    """From the caller's body to what is asked of whom; notes on the draft what it learns on the way."""
    if not call.endpoint.known:
        return _passing(call, line, draft)
    body = _parsed(call.body)
    draft.body, draft.sent = body, call.body
    draft.stream = body.get("stream") is True
    draft.context = read_context(call.headers, body, line.random_bytes)
    shape = call.endpoint.shape
    named = named_prompt(body, call.headers, text_prompt=call.endpoint.text_prompt or shape is None)
    original: bytes | None = call.body
    if named is not None:
        if shape is None:
            raise RequestRefused(
                f"a prompt can't be used on /v1/{call.endpoint.path}", code="prompt_parameter_invalid", param="model"
            )
        before = line.clock()
        draft.variables = named.variables
        draft.resolved = line.registry.resolve(named.reference)
        draft.stale = line.registry.stale
        resolved_at = line.clock()
        rendered = render(draft.resolved.compiled, named.variables)
        draft.timings.update(resolve=resolved_at - before, render=line.clock() - resolved_at)
        draft.variables = rendered.variables
        merged = merge(shape, draft.resolved.version.content, rendered.messages, named, body)
        draft.body, draft.overrides = merged.body, merged.overrides
        original = None
    model = draft.body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRefused(
            '\'model\' is missing: name a model, or a prompt as in {"prompt": {"id": "support-agent"}}',
            code="request_invalid",
            param="model",
        )
    fallbacks = (draft.resolved.version.content.fallbacks if draft.resolved else ()) or line.fallbacks
    found = routes(model, line.providers, chosen=call.headers.get(PROVIDER_HEADER), fallbacks=fallbacks)
    draft.route = found[0]
    draft.sent = call.body if original is not None else orjson.dumps(draft.body)
    return Plan(
        routes=found,
        request=lambda route: _request(route, call, draft, original),
        translation=lambda route: _translation(route, call),
        retries=line.retries,
    )


def _translation(route: Route, call: CallRequest) -> Translation | None:
    endpoint = call.endpoint
    return translation(endpoint.dialect, spoken(route.provider, endpoint.name, endpoint.dialect))


def _request(route: Route, call: CallRequest, draft: Draft, original: bytes | None) -> UpstreamRequest:
    """The request for one provider; `original` is the caller's body where it can go on byte for byte."""
    endpoint = call.endpoint
    dialect = spoken(route.provider, endpoint.name, endpoint.dialect)
    between = translation(endpoint.dialect, dialect)
    outgoing: Mapping[str, Any] = draft.body
    path = call.target
    if between is not None:
        asked = {**draft.body, "model": route.model}
        outgoing, original, path = between.request(asked), None, PATHS[dialect]
        draft.dropped = between.dropped(asked)
    if draft.stream and dialect in ASKED_FOR_USAGE and (asking := with_usage(outgoing)) is not None:
        outgoing, original = asking, None
    body = orjson.dumps(outgoing) if between is not None else json_body(route, outgoing, original)
    return upstream_request(route, path, call.headers, body, stream=draft.stream, translated=between is not None)


def _passing(call: CallRequest, line: Line, draft: Draft) -> Plan:
    """A request that Slugline doesn't understand: it goes to the provider that its model or header names, byte for byte."""
    content_type = call.headers.get("content-type", "")
    body = _parsed(call.body) if call.body and "json" in content_type else {}
    draft.body = body
    draft.sent = call.body if body else described(content_type, len(call.body))
    draft.context = read_context(call.headers, body, line.random_bytes)
    given = model_in_form(call.body, content_type) if "multipart" in content_type else body.get("model")
    model = given if isinstance(given, str) else ""
    found = draft.route = route(model, line.providers, call.headers.get(PROVIDER_HEADER))
    raw = call.body
    if found.model != model:
        if not body:
            raise RequestRefused(
                f"name the provider in the header {PROVIDER_HEADER} and the model without it: this body is passed on as it is",
                code="request_invalid",
                param="model",
            )
        raw = json_body(found, body, None)
    request = upstream_request(found, call.target, call.headers, raw, method=call.method, content_type=content_type)
    # Never sent twice: it may be an upload.
    return Plan(routes=(found,), request=lambda _: request, translation=lambda _: None, retries=0)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(f"the request body is not valid JSON: {error}", code="request_invalid") from error
    if not isinstance(value, dict):
        raise RequestRefused("the request body must be a JSON object", code="request_invalid")
    return value
