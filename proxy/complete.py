"""The request path, top to bottom: a call comes in, is resolved, rendered, sent, answered, and put on record.

    parse -> context -> name -> resolve -> render -> merge -> route -> upstream -> tally -> record -> reply

Knows the order and nothing else: each step is a function elsewhere. Knows no HTTP server: the edge hands in a `CallRequest` and
sends the `Reply` on, and evaluations call `complete` just so. Every call ends in exactly one `CallEvent`, whatever happens, and it
is on record before the last byte of the answer is given out. Nothing here waits for a database.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from proxy.context import read_context
from proxy.draft import Draft
from proxy.endpoints import Endpoint
from proxy.errors import (
    ProxyError,
    RequestRefused,
    UpstreamFailed,
    UpstreamTimeout,
    answer_for,
    error_body,
)
from proxy.merge import merge
from proxy.naming import named_prompt
from proxy.passing import described, model_in_form
from proxy.plan import PROVIDER_HEADER, json_body, upstream_request, with_usage
from proxy.price import PriceList
from proxy.providers import Provider, route
from proxy.reply import Reply, error_reply, own_headers, reply_headers
from proxy.stream import AnswerStream, BytesStream, StreamEnd
from proxy.tally import Tally
from proxy.upstream import Upstream, UpstreamAnswer, UpstreamRequest
from registry.errors import RegistryError
from registry.live import LiveRegistry
from registry.template import render
from tracing.event import CallEvent, Outcome

log = logging.getLogger("slugline.proxy")

CLIENT_LEFT_STATUS = 499  # nginx's number for it; no client ever sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """A call as it came: header names in lower case, the body as bytes, the query without its question mark."""

    endpoint: Endpoint
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    query: str = ""
    purpose: str = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All that the request path stands on; the composition root makes one per process."""

    registry: LiveRegistry
    providers: Sequence[Provider]
    upstream: Upstream
    prices: PriceList
    record: Callable[[CallEvent], object]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    retries: int
    wait_before_retry: Callable[[UpstreamFailed | int, Sequence[tuple[str, str]], int], float | None]


async def complete(call: CallRequest, line: Line) -> Reply:
    """Carries out one call.

    Errors become replies; the only exception that leaves is CancelledError, when whoever asked has gone (the call is on record then).
    """
    draft = Draft(
        call_id=line.new_id(), at=line.now(), started=line.clock(), endpoint=call.endpoint.name, purpose=call.purpose
    )
    try:
        request = _prepare(call, line, draft)
        draft.asked = line.clock()
        answer = await _ask(request, line, draft, line.retries if call.endpoint.known else 0)
        draft.timings["upstream"] = line.clock() - draft.asked
        if draft.stream and answer.status < 400 and "text/event-stream" in answer.header("content-type"):
            return Reply(
                status=answer.status, headers=reply_headers(draft, answer), body=_stream(call, draft, line, answer)
            )
        if not call.endpoint.known and answer.status < 400 and "json" not in answer.header("content-type"):
            return Reply(status=answer.status, headers=reply_headers(draft, answer), body=_bytes(draft, line, answer))
        try:
            body = await answer.body()
        finally:
            answer.close()
        return _whole(call, draft, line, answer, body)
    except (ProxyError, RegistryError) as error:
        return _failed(draft, line, error)
    except Exception:
        log.exception("call %s failed in Slugline itself", draft.call_id)
        return _failed(draft, line, ProxyError("something went wrong in Slugline itself", code="internal_error"))
    except asyncio.CancelledError:
        _record(draft, line, outcome="client_left", status=CLIENT_LEFT_STATUS, tally=Tally(usage_source="none"))
        raise


async def _ask(request: UpstreamRequest, line: Line, draft: Draft, retries: int) -> UpstreamAnswer:
    """The head of the provider's answer; asked for again, `retries` times at most, while it fails in a way that may pass.

    What Slugline doesn't understand is never sent twice: it may be an upload.
    """
    while True:
        draft.attempt_started = line.clock()
        try:
            answer = await line.upstream.send(request)
        except UpstreamFailed as error:
            wait = line.wait_before_retry(error, (), len(draft.attempts) + 1)
            if wait is None or len(draft.attempts) >= retries:
                raise
            draft.note_attempt(answer_for(error).status, error.code, line.clock())
        else:
            wait = line.wait_before_retry(answer.status, answer.headers, len(draft.attempts) + 1)
            if wait is None or len(draft.attempts) >= retries:
                return answer
            await _let_go(answer)
            draft.note_attempt(answer.status, "provider_error", line.clock())
        await asyncio.sleep(wait)


async def _let_go(answer: UpstreamAnswer) -> None:
    """Reads an answer that nobody wants to its end, so that its connection can be used again."""
    with contextlib.suppress(UpstreamFailed):
        await answer.body()
    answer.close()


def _prepare(call: CallRequest, line: Line, draft: Draft) -> UpstreamRequest:
    """From the caller's body to the provider's request; notes on the draft what it learns on the way."""
    if not call.endpoint.known:
        return _prepare_passing(call, line, draft)
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
    draft.route = route(model, line.providers, call.headers.get(PROVIDER_HEADER))
    outgoing = draft.body
    if draft.stream and call.endpoint.asks_usage and (asking := with_usage(draft.body)) is not None:
        outgoing, original = asking, None
    request = upstream_request(
        draft.route, call.endpoint.path, call.headers, json_body(draft.route, outgoing, original)
    )
    draft.sent = request.body
    return request


def _prepare_passing(call: CallRequest, line: Line, draft: Draft) -> UpstreamRequest:
    """A request that Slugline doesn't understand: it goes to the provider that its model or header names, byte for byte."""
    content_type = call.headers.get("content-type", "")
    body = _parsed(call.body) if call.body and "json" in content_type else {}
    draft.body = body
    draft.sent = call.body if body else described(content_type, len(call.body))
    draft.context = read_context(call.headers, body, line.random_bytes)
    given = model_in_form(call.body, content_type) if "multipart" in content_type else body.get("model")
    model = given if isinstance(given, str) else ""
    draft.route = route(model, line.providers, call.headers.get(PROVIDER_HEADER))
    raw = call.body
    if draft.route.model != model:
        if not body:
            raise RequestRefused(
                f"name the provider in the header {PROVIDER_HEADER} and the model without it: this body is passed on as it is",
                code="request_invalid",
                param="model",
            )
        raw = json_body(draft.route, body, None)
    path = call.endpoint.path + (f"?{call.query}" if call.query else "")
    return upstream_request(draft.route, path, call.headers, raw, method=call.method, content_type=content_type)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(f"the request body is not valid JSON: {error}", code="request_invalid") from error
    if not isinstance(value, dict):
        raise RequestRefused("the request body must be a JSON object", code="request_invalid")
    return value


def _stream(call: CallRequest, draft: Draft, line: Line, answer: UpstreamAnswer) -> AnswerStream:
    asked_for = draft.body.get("stream_options")
    hide = call.endpoint.asks_usage and not (isinstance(asked_for, dict) and "include_usage" in asked_for)
    first_chunk, end = _observers(draft, line, answer)
    return AnswerStream(answer, call.endpoint, hide_usage=hide, on_first_chunk=first_chunk, on_end=end)


def _bytes(draft: Draft, line: Line, answer: UpstreamAnswer) -> BytesStream:
    first_chunk, end = _observers(draft, line, answer)
    return BytesStream(answer, on_first_chunk=first_chunk, on_end=end)


def _observers(
    draft: Draft, line: Line, answer: UpstreamAnswer
) -> tuple[Callable[[], None], Callable[[StreamEnd], None]]:
    """What a stream tells of itself: its first chunk, and its end, which goes on record."""

    def first_chunk() -> None:
        draft.first_chunk = line.clock()

    def end(end: StreamEnd) -> None:
        _record(
            draft,
            line,
            outcome=end.outcome,
            status=CLIENT_LEFT_STATUS if end.outcome == "client_left" else answer.status,
            tally=end.tally,
            error_code=end.error_code,
            error_message=end.error_message,
        )

    return first_chunk, end


def _whole(call: CallRequest, draft: Draft, line: Line, answer: UpstreamAnswer, body: bytes) -> Reply:
    """An answer in one piece, the provider's own errors included: they go back as they came, if they are JSON at all."""
    tally = call.endpoint.tally_body(body)
    failed = answer.status >= 400
    headers = reply_headers(draft, answer)
    if failed and "json" not in answer.header("content-type"):
        message = f"provider '{answer.provider}' answered {answer.status} without a JSON error"
        body = error_body(message, "api_error", "provider_error")
        headers = [(name, value) for name, value in headers if name != "content-type"] + [
            ("content-type", "application/json")
        ]
    _record(
        draft,
        line,
        outcome="provider_error" if failed else "ok",
        status=answer.status,
        tally=tally,
        error_code="provider_error" if failed else "",
        error_message=tally.error if failed else "",
    )
    return Reply(status=answer.status, headers=headers, body=body)


def _failed(draft: Draft, line: Line, error: ProxyError | RegistryError) -> Reply:
    answer = answer_for(error)
    outcome: Outcome = "refused"
    if isinstance(error, UpstreamFailed):
        outcome = "timeout" if isinstance(error, UpstreamTimeout) else "provider_error"
    _record(
        draft,
        line,
        outcome=outcome,
        status=answer.status,
        tally=Tally(),
        error_code=answer.code,
        error_message=answer.message,
    )
    return error_reply(answer, own_headers(draft))


def _record(
    draft: Draft,
    line: Line,
    *,
    outcome: Outcome,
    status: int,
    tally: Tally,
    error_code: str = "",
    error_message: str = "",
) -> None:
    if draft.context is not None and draft.context.record_mode == "none":
        return
    cost = None
    if draft.route is not None:
        cost = line.prices.cost(draft.route.provider, draft.route.model, tally, draft.at)
    line.record(
        draft.event(
            outcome=outcome,
            status=status,
            now=line.clock(),
            tally=tally,
            cost=cost,
            error_code=error_code,
            error_message=error_message,
        )
    )
