"""From a caller's request to a provider's: parse, context, name, resolve, render, merge, route. Waits for nothing.

Notes on the draft what it learns on the way, so that a call that is refused half-way is on record with all that was known by then.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.ask import Plan
from proxy.auth import check_channel, check_model, check_prompt, may_use_model, may_use_prompt
from proxy.context import Context, passed_on, read_context
from proxy.dialects.translation import Translation, translation
from proxy.draft import Draft
from proxy.errors import NotAllowed, RequestRefused
from proxy.line import CallRequest, Line
from proxy.merge import merge
from proxy.naming import NamedPrompt, named_prompt
from proxy.passing import described, model_in_form, names_one_model
from proxy.plan import ASKED_FOR_USAGE, PROVIDER_HEADER, json_body, upstream_request, with_usage
from proxy.providers import Route, route, routes
from proxy.upstream import UpstreamRequest
from proxy.wires import PATHS, spoken
from registry.compat.readings import resolve_first
from registry.keys import CallerKey
from registry.reference import PINNED
from registry.serving.live import LiveRegistry, Resolved
from registry.split import Caller
from registry.templates.template import render


def prepare(call: CallRequest, line: Line, draft: Draft) -> Plan:
    """From the caller's body to what is asked of whom; notes on the draft what it learns on the way."""
    if not call.endpoint.known:
        return _passing(call, line, draft)
    body = parsed(call.body)
    draft.body, draft.sent = body, call.body
    draft.stream = body.get("stream") is True
    draft.context = read_context(call.headers, body, line.random_bytes)
    shape = call.endpoint.shape
    named = named_prompt(
        body,
        call.headers,
        text_prompt=call.endpoint.text_prompt or shape is None,
        in_path=call.prompt,
        default=draft.key.terms.default_channel if draft.key else None,
    )
    if named is None:
        check_prompt(draft.key, None)
    original: bytes | None = call.body
    own: tuple[str, ...] = ()
    if named is not None:
        if shape is None:
            raise RequestRefused(
                f"a prompt can't be used on /v1/{call.endpoint.path}", code="prompt_parameter_invalid", param="model"
            )
        before = line.clock()
        draft.variables = named.variables
        draft.resolved = resolved_for(draft.key, named, line.registry, draft.context, looked=not call.own)
        draft.stale = line.registry.stale
        check_version(draft.key, draft.resolved, line.registry)
        resolved_at = line.clock()
        rendered = render(draft.resolved.compiled, named.variables)
        draft.timings.update(resolve=resolved_at - before, render=line.clock() - resolved_at)
        draft.variables = rendered.variables
        merged = merge(shape, draft.resolved.version.content, rendered.messages, named, body)
        draft.body, draft.overrides = merged.body, merged.overrides
        own = () if "model" in named.ignored else draft.resolved.version.content.fallbacks
        original = None
    model = draft.body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRefused(
            '\'model\' is missing: name a model, or a prompt as in {"prompt": {"id": "support-agent"}}',
            code="request_invalid",
            param="model",
        )
    found = routes(model, line.providers, chosen=call.headers.get(PROVIDER_HEADER), fallbacks=own or line.fallbacks)
    draft.route = found[0]
    check_model(draft.key, found[0].provider.name, found[0].model)
    if draft.key and draft.key.terms.models:
        found = tuple(each for each in found if may_use_model(draft.key, each.provider.name, each.model))
        original = None  # the model that was read is the model that is asked for, whatever else the caller's bytes say
    return Plan(
        routes=found,
        request=lambda route: _request(route, call, draft, original),
        translation=lambda route: _translation(route, call),
        retries=line.retries,
    )


def resolved_for(
    key: CallerKey | None, named: NamedPrompt, live: LiveRegistry, context: Context, *, looked: bool = False
) -> Resolved:
    """The version that a call's prompt means, for whom the context says. `looked` as in LiveRegistry.resolve.

    Raises NotAllowed and RegistryError; what a key may not use is never looked up.
    """
    readings = tuple(reading for reading in named.readings if may_use_prompt(key, reading.slug))
    if not readings:
        check_prompt(key, named.reference.slug)
    caller = Caller(session=context.session, user=context.user, trace=context.trace_id, variables=named.variables)
    return resolve_first(live, readings, looked=looked, caller=caller)


def check_version(key: CallerKey | None, resolved: Resolved, live: LiveRegistry) -> None:
    """Whether a key may have a version, by whatever name it was called. Raises NotAllowed."""
    if resolved.channel == PINNED:
        number = resolved.version.number
        check_channel(key, live.channels_on(resolved.version.slug, number), number)
    else:
        check_channel(key, (resolved.channel,))


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
    if between is None:
        body = draft.sent = json_body(route, outgoing, original)
    else:
        body, draft.sent = orjson.dumps(outgoing), orjson.dumps(draft.body)  # on record in the caller's terms
    headers = passed_on(call.headers, draft.context) if draft.context else call.headers
    return upstream_request(route, path, headers, body, stream=draft.stream, translated=between is not None)


def _passing(call: CallRequest, line: Line, draft: Draft) -> Plan:
    """A request that Slugline doesn't understand: it goes to the provider that its model or header names, byte for byte."""
    content_type = call.headers.get("content-type", "")
    body = parsed(call.body) if call.body and "json" in content_type else {}
    draft.body = body
    draft.sent = call.body if body else described(content_type, len(call.body))
    draft.context = read_context(call.headers, body, line.random_bytes)
    given = model_in_form(call.body, content_type) if "multipart" in content_type else body.get("model")
    model = given if isinstance(given, str) else ""
    found = draft.route = route(model, line.providers, call.headers.get(PROVIDER_HEADER))
    check_prompt(draft.key, None)
    check_model(draft.key, found.provider.name, found.model)
    raw = call.body
    if draft.key and draft.key.terms.models:  # what was read is what is asked for, whatever else the caller's bytes say
        if not body and not names_one_model(raw):
            raise NotAllowed(
                f"the key '{draft.key.terms.name}' may use certain models only: say 'model' once in this form",
                code="auth_model_not_allowed",
                param="model",
            )
        raw = json_body(found, body, None) if body else raw
    if found.model != model:
        if not body:
            raise RequestRefused(
                f"name the provider in the header {PROVIDER_HEADER} and the model without it: this body is passed on as it is",
                code="request_invalid",
                param="model",
            )
        raw = json_body(found, body, None)
    headers = passed_on(call.headers, draft.context)
    request = upstream_request(found, call.target, headers, raw, method=call.method, content_type=content_type)
    # Never sent twice: it may be an upload.
    return Plan(routes=(found,), request=lambda _: request, translation=lambda _: None, retries=0)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises RequestRefused."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(f"the request body is not valid JSON: {error}", code="request_invalid") from error
    if not isinstance(value, dict):
        raise RequestRefused("the request body must be a JSON object", code="request_invalid")
    return value
