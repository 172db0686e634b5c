"""What can go wrong on the request path, and how it is told: OpenAI's error body, so that every SDK raises its own exception.

Foreign errors (the HTTP client's, the registry's) are translated once, at their border. Messages say what was wrong, where,
and what would be right; they never carry a key.
"""

from dataclasses import dataclass

import orjson

from registry.errors import STATUS, RegistryError


class ProxyError(Exception):
    """An error answer of the proxy itself: HTTP status, OpenAI error type, Slugline code, and the parameter at fault."""

    status = 500
    type = "api_error"

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


class RequestRefused(ProxyError):
    """The caller's request can't be carried out as it stands."""

    status = 400
    type = "invalid_request_error"


class RequestTooLarge(RequestRefused):
    """The body is over the limit."""

    status = 413


class RouteNotFound(RequestRefused):
    """No such endpoint, or no provider serves the model."""

    status = 404


class UpstreamFailed(ProxyError):
    """The provider could not be reached, or broke off before it had answered."""

    status = 502


class UpstreamBusy(UpstreamFailed):
    """As many calls are open at the provider as may be, and none ended in time."""

    status = 429
    type = "rate_limit_error"


class UpstreamTimeout(UpstreamFailed):
    """The provider did not answer in time."""

    status = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """An error as it goes to the client and onto the record."""

    status: int
    code: str
    message: str
    body: bytes


def answer_for(error: ProxyError | RegistryError) -> ErrorAnswer:
    """The answer that tells a client of an error."""
    if isinstance(error, RegistryError):
        status = STATUS[type(error)]
        kind = "invalid_request_error" if status < 500 else "api_error"
        message, code, param = error.message, error.code, error.param
    else:
        status, kind, message, code, param = error.status, error.type, error.message, error.code, error.param
    return ErrorAnswer(status=status, code=code, message=message, body=error_body(message, kind, code, param))


def error_body(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    """OpenAI's error body (https://platform.openai.com/docs/guides/error-codes)."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_event(message: str, code: str) -> bytes:
    """An error as the last event of a stream that has begun already."""
    return b"data: " + error_body(message, "api_error", code) + b"\n\n"
