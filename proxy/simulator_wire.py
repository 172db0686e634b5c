"""The simulator's small change: ASGI messages out and in, and OpenAI's error bodies.

Knows HTTP and the shape of an error. Refuses to know what is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_ERRORS = {
    400: ("invalid_request_error", None, "This request was refused"),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Access was refused"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist"),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached"),
    503: ("server_error", None, "The engine is currently overloaded"),
}


class RefusedError(Exception):
    """A request that gets an OpenAI error: status and body."""

    def __init__(
        self, status: int, message: str | None = None, *, param: str | None = None, code: str | None = None
    ) -> None:
        other = ("server_error" if status >= 500 else "invalid_request_error", None, "The server had an error")
        kind, usual_code, sentence = _ERRORS.get(status, other)
        text = message or f"{sentence} (simulated: status {status})."
        super().__init__(text)
        self.status = status
        self.body = {"error": {"message": text, "type": kind, "param": param, "code": code or usual_code}}


class ClientLeftError(Exception):
    """The client went away before the answer was complete."""


def parse(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object, or RefusedError 400."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "The body must be a JSON object.")
    return body


async def read(receive: Receive) -> bytes:
    """The whole request body; ClientLeftError where the client leaves before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def until_gone(receive: Receive) -> None:
    """Return when the client has left (or the server has ended the exchange)."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def start(send: Send, status: int, kind: str, headers: Mapping[str, str] | None = None) -> None:
    """Open an answer of content type `kind`, with the label that every answer of the simulator carries."""
    fields = {"content-type": kind, "x-slugline-simulator": "1", "x-request-id": "req_simulator", **(headers or {})}
    pairs = [(key.encode(), value.encode("latin-1")) for key, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def reply(send: Send, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
    """Send a complete JSON answer; bytes are taken as JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    await start(send, status, "application/json", {"content-length": str(len(body)), **(headers or {})})
    await send({"type": "http.response.body", "body": body})
