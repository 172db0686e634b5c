"""The request path, top to bottom: a call comes in, is resolved, rendered, sent, answered, and put on record.

    admit -> parse -> context -> name -> resolve -> render -> merge -> route -> upstream -> tally -> record -> reply

Knows the order and nothing else: each step is a function elsewhere, those up to the route in prepare.py. Knows no HTTP server:
the edge hands in a `CallRequest` and sends the `Reply` on, and evaluations call `complete` just so. Every call ends in exactly
one `CallEvent`, whatever happens, and it is on record before the last byte of the answer is given out. Nothing waits for a
database.
"""

import asyncio
import logging
from collections.abc import Callable

from proxy.admission import admit, settle
from proxy.answer import ProviderAnswer
from proxy.ask import ask
from proxy.dialects.translation import Translation
from proxy.draft import Draft
from proxy.errors import ProxyError, UpstreamFailed, UpstreamMalformed, UpstreamTimeout, answer_for
from proxy.failures import redirected
from proxy.line import CallRequest, Line
from proxy.prepare import prepare
from proxy.reply import Reply, error_reply, own_headers, reply_headers
from proxy.stream import AnswerStream, BytesStream, StreamEnd
from proxy.tally import Tally
from proxy.translated import translated
from registry.errors import RegistryError
from tracing.event import Outcome

log = logging.getLogger("slugline.proxy")

CLIENT_LEFT_STATUS = 499  # nginx's number for it; no client ever sees it


def _stays() -> bool:
    return False


async def complete(call: CallRequest, line: Line, *, left: Callable[[], bool] = _stays) -> Reply:
    """Carries out one call. `left` says whether whoever asked has gone by then, although the call is carried to its end.

    Errors become replies; the only exception that leaves is CancelledError, when whoever asked has gone (the call is on record then).
    """
    draft = Draft(
        call_id=line.new_id(), at=line.now(), started=line.clock(), endpoint=call.endpoint.name, purpose=call.purpose
    )
    try:
        call = admit(call, line, draft)
        plan = prepare(call, line, draft)
        draft.asked = line.clock()
        answer = await ask(plan, line, draft)
        draft.timings["upstream"] = line.clock() - draft.asked
        between = plan.translation(draft.route) if draft.route is not None else None
        if call.endpoint.known and 300 <= answer.status < 400:
            answer.close()
            raise redirected(answer.provider, answer.status, answer.header("location"))
        kind, encoded = answer.header("content-type"), answer.header("content-encoding")
        if draft.stream and answer.status < 400 and "text/event-stream" in kind and not encoded:
            return Reply(
                status=answer.status,
                headers=[*reply_headers(draft, answer), *_unrecorded(draft, line.recording())],
                body=_stream(call, draft, line, answer, between),
            )
        if not call.endpoint.known and answer.status < 400 and ("json" not in kind or encoded):
            headers = [*reply_headers(draft, answer, encoded=True), *_unrecorded(draft, line.recording())]
            return Reply(status=answer.status, headers=headers, body=_bytes(draft, line, answer))
        try:
            body = await answer.body()
        finally:
            answer.close()
        return _whole(call, draft, line, answer, translated(between, answer, body, draft.body), left=left())
    except (ProxyError, RegistryError) as error:
        return _failed(call, draft, line, error)
    except Exception:
        log.exception("call %s failed in Slugline itself", draft.call_id)
        return _failed(call, draft, line, ProxyError("something went wrong in Slugline itself", code="internal_error"))
    except asyncio.CancelledError:
        _record(draft, line, outcome="client_left", status=CLIENT_LEFT_STATUS, tally=Tally(usage_source="none"))
        raise


def _stream(
    call: CallRequest, draft: Draft, line: Line, answer: ProviderAnswer, between: Translation | None
) -> AnswerStream:
    asked_for = draft.body.get("stream_options")
    hide = call.endpoint.asks_usage and not (isinstance(asked_for, dict) and "include_usage" in asked_for)
    first_chunk, end = _observers(draft, line, answer)
    return AnswerStream(
        answer,
        call.endpoint,
        translator=between.stream(draft.body) if between else None,
        hide_usage=hide,
        on_first_chunk=first_chunk,
        on_end=end,
    )


def _bytes(draft: Draft, line: Line, answer: ProviderAnswer) -> BytesStream:
    first_chunk, end = _observers(draft, line, answer)
    return BytesStream(answer, on_first_chunk=first_chunk, on_end=end)


def _observers(
    draft: Draft, line: Line, answer: ProviderAnswer
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


def _whole(call: CallRequest, draft: Draft, line: Line, answer: ProviderAnswer, body: bytes, *, left: bool) -> Reply:
    """An answer in one piece, the provider's own errors included: they go back as they came, if they are JSON at all."""
    tally = call.endpoint.tally_body(body)
    failed = answer.status >= 400
    headers = reply_headers(draft, answer)
    if not tally.understood and failed:
        told = UpstreamFailed(
            f"provider '{answer.provider}' answered {answer.status} without a JSON error", code="provider_error"
        )
        body = answer_for(told).body(call.endpoint.errors)
        headers = [(name, value) for name, value in headers if name != "content-type"]
        headers.append(("content-type", "application/json"))
    elif not tally.understood and call.endpoint.known:
        found = f"{answer.header('content-type') or 'of no type'}: {tally.response[:80]!r}"
        told = UpstreamMalformed(
            f"provider '{answer.provider}' answered {answer.status}, but not with JSON ({found})",
            code="provider_malformed",
        )
        return _failed(call, draft, line, told, tally)
    recorded = _record(
        draft,
        line,
        outcome="provider_error" if failed else "client_left" if left else "ok",
        status=CLIENT_LEFT_STATUS if left and not failed else answer.status,
        tally=tally,
        error_code="provider_error" if failed else "",
        error_message=tally.error if failed else "",
    )
    return Reply(status=answer.status, headers=[*headers, *_unrecorded(draft, recorded)], body=body)


def _failed(
    call: CallRequest, draft: Draft, line: Line, error: ProxyError | RegistryError, tally: Tally | None = None
) -> Reply:
    answer = answer_for(error)
    outcome: Outcome = "refused"
    if isinstance(error, UpstreamFailed):
        outcome = "timeout" if isinstance(error, UpstreamTimeout) else "provider_error"
    recorded = _record(
        draft,
        line,
        outcome=outcome,
        status=answer.status,
        tally=tally or Tally(),
        error_code=answer.code,
        error_message=answer.message,
    )
    return error_reply(answer, call.endpoint.errors, [*own_headers(draft), *_unrecorded(draft, recorded)])


def _record(
    draft: Draft,
    line: Line,
    *,
    outcome: Outcome,
    status: int,
    tally: Tally,
    error_code: str = "",
    error_message: str = "",
) -> bool:
    """Puts the call on record; False when that failed, and never an error: telemetry fails open."""
    try:
        priced = None
        if draft.route is not None:
            priced = line.prices.priced(draft.route.provider, draft.route.model, tally, draft.at)
        settle(draft, line, outcome, priced.cost if priced else None)
        return line.record(
            draft.event(
                outcome=outcome,
                status=status,
                now=line.clock(),
                tally=tally,
                priced=priced,
                error_code=error_code,
                error_message=error_message,
            )
        )
    except Exception:  # telemetry fails open: a call is never lost to its record
        log.exception("call %s could not be recorded", draft.call_id)
        return False


def _unrecorded(draft: Draft, recorded: bool) -> list[tuple[str, str]]:
    """What an answer says when its call is not on record although it should be. A stream's head goes out before its end is recorded: there
    it tells what is to be expected."""
    wanted = draft.context is None or draft.context.record_mode != "none"
    return [] if recorded or not wanted else [("x-slugline-recorded", "0")]
