"""What the playground is handed for making calls: the request path's own `complete()`, on the account of whoever tries.

A key that tries is held to its terms as in any call: models, prompts, channels, rate and budget. Refuses to know forms and pages.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson
from anyio import to_thread

from dashboards.playing import Begun, Ended, Step, Try, Words
from evaluation.scorers.subject import subject_of
from proxy.complete import complete
from proxy.endpoints import ENDPOINTS
from proxy.line import CallRequest, Line
from proxy.merge import place
from proxy.reply import Reply
from proxy.sse import EventReader
from proxy.stream import AnswerStream
from registry.content import body_keys
from registry.errors import RegistryError
from registry.roles import Principal
from registry.templates.template import compile_content, render
from registry.writing.store import Store
from slugline.evaluation_payer import payer_of
from tracing.event import CallEvent

PURPOSE = "playground"
_ENDPOINT = ENDPOINTS["/v1/chat/completions"]


class PagePlayground:
    """`dashboards.playing.Playing` on a worker's parts. Methods: see there."""

    def __init__(self, store: Store, line: Line) -> None:
        self._store = store
        self._line = line

    def models(self) -> Sequence[str]:
        return list(dict.fromkeys(name for provider in self._line.providers for name in provider.models))

    async def run(self, by: Principal, asked: Try) -> AsyncGenerator[Step]:
        events: list[CallEvent] = []

        def record(event: CallEvent) -> bool:
            events.append(event)
            return self._line.record(event)

        try:
            request = await to_thread.run_sync(self._request, by, asked)
        except RegistryError as error:
            yield Ended(error=error.message)
            return
        reply = await complete(request, replace(self._line, record=record))
        yield _begun(reply)
        if isinstance(reply.body, bytes):
            if reply.status < 400:
                yield Words(text=_text_of(reply.body))
        else:
            stream = reply.body
            try:
                async for words in _words(stream):
                    yield words
            finally:
                stream.leave()  # of a stream that has ended this changes nothing
        yield _ended(reply, events[0] if events else None)

    def _request(self, by: Principal, asked: Try) -> CallRequest:
        """Reads the registry. Raises RegistryError for a draft that can't be rendered."""
        return CallRequest(
            endpoint=_ENDPOINT,
            headers={"content-type": "application/json", "x-slugline-tags": _tags(by, asked)},
            body=orjson.dumps(self._body(by, asked)),
            purpose=PURPOSE,
            own=True,
            payer=payer_of(self._store, by.identity),
        )

    def _body(self, by: Principal, asked: Try) -> dict[str, Any]:
        """What an app would send."""
        messages = [dict(each) for each in asked.messages]
        chosen = {"model": asked.model} if asked.model else {}
        if asked.draft is not None:
            content = self._store.locked(asked.slug, asked.draft, by=by) if asked.slug else asked.draft
            rendered = render(compile_content(content), asked.variables).messages
            own = {"model": content.model} if content.model else {}
            return {**own, **body_keys(content), **chosen, "messages": place(rendered, messages), "stream": True}
        if not asked.slug:
            return {**chosen, "messages": messages, "stream": True}
        prompt = {"id": asked.slug, "version": asked.version, "variables": dict(asked.variables)}
        return {**chosen, "prompt": prompt, "messages": messages, "stream": True}


async def _words(stream: Any) -> AsyncGenerator[Words]:
    """The text of a stream's events, as it comes; an error in it is told by the call's end."""
    if not isinstance(stream, AnswerStream):
        return
    reader = EventReader()
    while (chunk := await stream.next()) is not None:
        text = "".join(_delta(event.data) for event in reader.feed(chunk))
        if text:
            yield Words(text=text)


def _delta(data: bytes) -> str:
    try:
        choice = orjson.loads(data)["choices"][0]["delta"]
        return str(choice.get("content") or choice.get("refusal") or "")
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return ""  # the end's mark, usage, an error


def _begun(reply: Reply) -> Begun:
    told = dict(reply.headers)
    return Begun(
        call_id=told.get("x-slugline-call-id", ""),
        reference=told.get("x-slugline-prompt", ""),
    )


def _ended(reply: Reply, event: CallEvent | None) -> Ended:
    if event is None:
        return Ended(call_id=dict(reply.headers).get("x-slugline-call-id", ""), error=_error_of(reply))
    failed = event.outcome not in ("ok", "client_left")
    return Ended(
        call_id=event.call_id,
        error=(_error_of(reply) or event.error_message or event.error_code or event.outcome) if failed else "",
        more=_more(event),
        model=event.model_served or event.model_requested,
        finish_reason=event.finish_reason,
        duration_ms=event.duration_ms,
        first_chunk_ms=event.first_chunk_ms,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cost=None if event.cost is None else float(event.cost),
    )


def _error_of(reply: Reply) -> str:
    if not isinstance(reply.body, bytes) or reply.status < 400:
        return ""
    try:
        return str(orjson.loads(reply.body)["error"]["message"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return f"the answer can't be read: {reply.body[:200]!r}"


def _text_of(body: bytes) -> str:
    return subject_of({"endpoint": _ENDPOINT.name, "request": "{}", "response": body.decode("utf-8", "replace")}).text


def _more(event: CallEvent) -> str:
    subject = subject_of({"endpoint": event.endpoint, "request": event.request or "{}", "response": event.response})
    calls = [{"tool": each.name, "arguments": each.arguments} for each in subject.tool_calls]
    return json.dumps(calls, ensure_ascii=False, indent=2) if calls else ""


def _tags(by: Principal, asked: Try) -> str:
    tags: Mapping[str, str] = {
        "tried by": by.name[:200],
        **({"draft of": asked.slug} if asked.draft and asked.slug else {}),
    }
    return ",".join(f"{quote(name)}={quote(value)}" for name, value in tags.items())
