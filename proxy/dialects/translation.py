"""Which dialects can be translated into which, and how: the one thing of this package that others use.

A table and the borders: bytes of a stream in, bytes out. Chat Completions is the hub, so that every pair is one step to it, one step from
it, or both. Knows no step from inside.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import orjson

from proxy.dialects import (
    from_messages_answer,
    from_messages_request,
    from_messages_stream,
    from_responses_answer,
    from_responses_request,
    from_responses_stream,
    to_gemini_answer,
    to_gemini_embeddings,
    to_gemini_request,
    to_gemini_stream,
    to_messages_answer,
    to_messages_request,
    to_messages_stream,
)
from proxy.dialects.failures import anthropic_error, openai_error
from proxy.dialects.hop import EventTranslator, Hop, through
from proxy.dialects.shapes import Json, dicts
from proxy.errors import RequestRefused

Dialect: TypeAlias = Literal[
    "chat",
    "responses",
    "messages",
    "embeddings",
    "gemini",
    "gemini_embeddings",
    # Written in no other way: passed on to who speaks it.
    "completions",
    "moderations",
    "count_tokens",
    "none",
]
"""What a request and its answer are written in; "none" is what nobody here understands."""


class StreamTranslator(Protocol):
    """Turns one answer's server-sent events into another dialect's, one by one, without waiting for later ones."""

    def feed(self, data: bytes) -> list[bytes]:
        """Takes the data of one of the provider's events; gives whole events for the caller, each with its blank line."""
        ...

    def finish(self) -> list[bytes]:
        """The provider's body has ended: what a complete answer still owes. Nothing if that has been told already, if an error
        event has ended the stream, or if the answer never became complete: then the stream was cut off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """How a caller's dialect and a provider's become each other. All functions leave what they are given as it is.

    `request`: the caller's body as the provider's. Raises RequestRefused (`request_not_translatable`, `param` is the caller's key) for what
    the provider's format can't say and whose loss would change the meaning.
    `dropped`: the caller's keys that say something and are not carried, because they only tune; raises as `request` does.
    `answer`: (the provider's answer, the caller's body) as the caller's answer.
    `error`: (the provider's parsed error body or None, its HTTP status) as the caller's error body, in the provider's words.
    `stream`: for the caller's body, a translator of one stream.
    """

    request: Callable[[Mapping[str, Any]], Json]
    dropped: Callable[[Mapping[str, Any]], tuple[str, ...]]
    answer: Callable[[Mapping[str, Any], Mapping[str, Any]], Json]
    error: Callable[[Any, int], Json]
    stream: Callable[[Mapping[str, Any]], StreamTranslator]


def translation(caller: Dialect, provider: Dialect, *, clock: Callable[[], float] = time.time) -> Translation | None:
    """The translation between two dialects; None where they agree and bytes can pass untouched.

    `clock` gives seconds since 1970, for answers whose provider says no time. Raises RequestRefused where there is no way: a model of that
    provider can't be called through that endpoint.
    """
    if caller == provider:
        return None
    near_caller, near_provider = _callers().get(caller), _providers(clock).get(provider)
    if caller == "chat" and near_provider is not None:
        hop = near_provider
    elif provider == "chat" and near_caller is not None:
        hop = _plain(near_caller)
    elif near_caller is not None and near_provider is not None:
        hop = through(near_caller, near_provider)
    elif (caller, provider) == ("embeddings", "gemini_embeddings"):
        hop = _embeddings()
    else:
        raise RequestRefused(
            f"this endpoint speaks '{caller}', which can't be translated for a provider that speaks '{provider}'",
            code="request_not_translatable",
            param="model",
        )
    return Translation(
        request=lambda body: _request(hop, body)[0],
        dropped=lambda body: _request(hop, body)[1],
        answer=hop.answer,
        error=hop.error,
        stream=lambda body: _Stream(hop.events(body), caller),
    )


def _request(hop: Hop, body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """A request through a step; a value of a kind that no documentation knows is the caller's fault and not a failure of Slugline's."""
    try:
        return hop.request(body)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RequestRefused(
            f"the request holds a value of another kind than its format knows: {error}", code="request_invalid"
        ) from error


def _callers() -> Mapping[str, Hop]:
    """From callers' dialects to the hub."""
    return {
        "messages": Hop(
            request=from_messages_request.chat_request,
            answer=from_messages_answer.messages_answer,
            error=anthropic_error,
            events=from_messages_stream.ChatEvents,
            caller_names=from_messages_request.CALLER_NAMES,
        ),
        "responses": Hop(
            request=from_responses_request.chat_request,
            answer=from_responses_answer.response,
            error=openai_error,
            events=from_responses_stream.ResponseEvents,
            caller_names=from_responses_request.CALLER_NAMES,
        ),
    }


def _providers(clock: Callable[[], float]) -> Mapping[str, Hop]:
    """From the hub to providers' dialects."""
    return {
        "messages": Hop(
            request=to_messages_request.messages_request,
            answer=lambda answer, body: to_messages_answer.chat_answer(answer, body, int(clock())),
            error=openai_error,
            events=lambda body: to_messages_stream.MessagesEvents(body, int(clock())),
        ),
        "gemini": Hop(
            request=to_gemini_request.gemini_request,
            answer=lambda answer, body: to_gemini_answer.chat_answer(answer, body, int(clock())),
            error=openai_error,
            events=lambda body: to_gemini_stream.GeminiEvents(body, int(clock())),
        ),
    }


def _embeddings() -> Hop:
    return Hop(
        request=to_gemini_embeddings.embeddings_request,
        answer=to_gemini_embeddings.embeddings_answer,
        error=openai_error,
        events=to_gemini_embeddings.no_stream,
    )


def _plain(hop: Hop) -> Hop:
    """A step to a provider that speaks chat itself: without what only later steps read and strict servers refuse."""

    def request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
        chat, dropped = hop.request(body)
        for message in dicts(chat.get("messages")):
            message.pop("thinking_blocks", None)
        return chat, (*dropped, *(["top_k"] if chat.pop("top_k", None) is not None else []))

    return Hop(request=request, answer=hop.answer, error=hop.error, events=hop.events, caller_names=hop.caller_names)


class _Stream:
    """A stream's bytes around its events: parsed on the way in, framed as the caller's dialect frames them on the way out."""

    def __init__(self, events: EventTranslator, caller: Dialect) -> None:
        self._events = events
        self._framed = _data_only if caller == "chat" else _named
        self._last = [b"data: [DONE]\n\n"] if caller == "chat" else []
        self._over = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._over or not data:
            return []
        if data == b"[DONE]":
            return self.finish()
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = {
                "error": {"message": "the provider sent an event that is not JSON", "code": "provider_event_invalid"}
            }
        if isinstance(event, list):
            event = event[0] if event else {}
        return self._told(self._events.feed(event)) if isinstance(event, dict) else []

    def finish(self) -> list[bytes]:
        return [] if self._over else self._told(self._events.finish())

    def _told(self, events: list[Json]) -> list[bytes]:
        framed = [self._framed(event) for event in events]
        if self._events.state != "open":
            self._over = True
            if self._events.state == "complete":
                framed += self._last
        return framed


def _data_only(event: Json) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


def _named(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
