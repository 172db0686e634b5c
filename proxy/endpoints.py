"""The endpoints that are calls: their paths, how each spells a prompt, and how its answers are read. A table and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.dialects.translation import Dialect
from proxy.errors import ErrorFormat, RequestRefused
from proxy.merge import CHAT, Shape
from proxy.messages import COUNT_TOKENS, MESSAGES, ends_message, tally_count, tally_message, tally_message_events
from proxy.responses import RESPONSES, ends_response, tally_response, tally_response_events
from proxy.tally import Tally, tally_body, tally_embeddings, tally_events
from registry.values import Content


class TallyEvents(Protocol):
    """Reads the data of a stream's events; `complete` is False for a stream that broke off."""

    def __call__(self, payloads: Iterable[bytes], *, complete: bool) -> Tally: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path below /v1. `shape` is None where a call can't name a prompt; `dialect` is what its calls are written in.

    `text_prompt`: a string under the body key `prompt` is an ordinary prompt there. `asks_usage`: streams tell usage only when
    asked. `ends` knows the data of a stream's last event; `errors` is how errors are told. `known` is False for paths that only
    pass through.
    """

    name: str
    path: str
    dialect: Dialect
    shape: Shape | None
    text_prompt: bool = False
    asks_usage: bool = False
    known: bool = True
    tally_body: Callable[[bytes], Tally] = tally_body
    tally_events: TallyEvents = tally_events
    ends: Callable[[bytes], bool] = b"[DONE]".__eq__
    errors: ErrorFormat = "openai"


def _completion_prompt(messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """The version's texts, then the caller's prompt, as one text."""
    said = [message.get("content") for message in messages if message["role"] != "placeholder"]
    texts = [given for given in said if isinstance(given, str)]
    if len(texts) < len(said):
        raise RequestRefused(
            "this version has messages with parts or tool calls: /v1/completions takes text only, use /v1/chat/completions",
            code="request_invalid",
            param="prompt",
        )
    given = body.get("prompt")
    return {"prompt": "\n\n".join([*texts, *([given] if isinstance(given, str) else [])])}


def _completion_defaults(content: Content) -> dict[str, Any]:
    return dict(content.parameters)


COMPLETIONS = Shape(keys=("prompt",), conversation=_completion_prompt, defaults=_completion_defaults)

ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/chat/completions": Endpoint(
        name="chat.completions", path="chat/completions", dialect="chat", shape=CHAT, asks_usage=True
    ),
    "/v1/responses": Endpoint(
        name="responses",
        path="responses",
        dialect="responses",
        shape=RESPONSES,
        tally_body=tally_response,
        tally_events=tally_response_events,
        ends=ends_response,
        errors="responses",
    ),
    "/v1/completions": Endpoint(
        name="completions",
        path="completions",
        dialect="completions",
        shape=COMPLETIONS,
        text_prompt=True,
        asks_usage=True,
    ),
    "/v1/embeddings": Endpoint(
        name="embeddings", path="embeddings", dialect="embeddings", shape=None, tally_body=tally_embeddings
    ),
    "/v1/messages": Endpoint(
        name="messages",
        path="messages",
        dialect="messages",
        shape=MESSAGES,
        tally_body=tally_message,
        tally_events=tally_message_events,
        ends=ends_message,
        errors="anthropic",
    ),
    "/v1/messages/count_tokens": Endpoint(
        name="messages.count_tokens",
        path="messages/count_tokens",
        dialect="count_tokens",
        shape=COUNT_TOKENS,
        tally_body=tally_count,
        errors="anthropic",
    ),
    "/v1/moderations": Endpoint(name="moderations", path="moderations", dialect="moderations", shape=None),
}


def passed_through(path: str) -> Endpoint:
    """Any other path below /v1: audio, images, files, whatever a provider has. Recorded, not understood."""
    below = path.removeprefix("/v1/")
    errors: ErrorFormat = "anthropic" if below.startswith("messages/") else "openai"
    return Endpoint(name=below.replace("/", "."), path=below, dialect="none", shape=None, known=False, errors=errors)
