"""What can go wrong on the request path, and how it is told: OpenAI's error body, so that every SDK raises its own exception.

Foreign errors (the HTTP client's, the registry's) are translated once, at their border. Messages say what was wrong, where,
and what would be right; they never carry a key.
"""

from dataclasses import dataclass
from typing import Literal

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


class NotAuthenticated(ProxyError):
    """The request presents no Slugline key, or none that is good. `caller` is the key's name where it is known all the same."""

    status = 401
    type = "authentication_error"

    def __init__(self, message: str, *, code: str, caller: str = "") -> None:
        super().__init__(message, code=code)
        self.caller = caller


class NotAllowed(ProxyError):
    """The caller's key is good, but not for this."""

    status = 403
    type = "permission_error"


class RateLimited(ProxyError):
    """The caller's key was used as often as it may be, for now."""

    status = 429
    type = "rate_limit_error"


class BudgetSpent(ProxyError):
    """The caller's key has spent its budget; type and status as OpenAI has them for an account without credit."""

    status = 429
    type = "insufficient_quota"


class UpstreamFailed(ProxyError):
    """The provider could not be reached, or broke off before it had answered."""

    status = 502


class UpstreamBusy(UpstreamFailed):
    """As many calls are open at the provider as may be, and none ended in time."""

    status = 429
    type = "rate_limit_error"


class UpstreamMalformed(UpstreamFailed):
    """What came from the provider is no answer of the kind that was asked for."""


class UpstreamTimeout(UpstreamFailed):
    """The provider did not answer in time."""

    status = 504


ErrorFormat = Literal["openai", "responses", "anthropic"]
"""How a client wants to be told: OpenAI's error body, the same with the Responses API's event, or Anthropic's."""

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """An error as it goes to the client and onto the record."""

    status: int
    type: str
    code: str
    message: str
    param: str | None

    def body(self, form: ErrorFormat) -> bytes:
        """The answer's body: OpenAI's (https://platform.openai.com/docs/guides/error-codes) or Anthropic's
        (https://docs.claude.com/en/api/errors), which then has `code` and `param` beside what it knows."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        if form != "anthropic":
            return orjson.dumps({"error": error})
        kind = _ANTHROPIC_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
        return orjson.dumps({"type": "error", "error": {**error, "type": kind}})

    def event(self, form: ErrorFormat) -> bytes:
        """The last event of a stream that has begun already."""
        body = self.body(form)
        if form == "openai":
            return b"data: " + body + b"\n\n"
        if form == "responses":
            told = {"type": "error", "code": self.code, "message": self.message, "param": self.param}
            body = orjson.dumps({**told, **orjson.loads(body)})
        return b"event: error\ndata: " + body + b"\n\n"


def answer_for(error: ProxyError | RegistryError) -> ErrorAnswer:
    """The answer that tells a client of an error."""
    if isinstance(error, RegistryError):
        status = STATUS[type(error)]
        kind = "invalid_request_error" if status < 500 else "api_error"
        return ErrorAnswer(status=status, type=kind, code=error.code, message=error.message, param=error.param)
    return ErrorAnswer(status=error.status, type=error.type, code=error.code, message=error.message, param=error.param)


def error_body(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    """OpenAI's error body."""
    return ErrorAnswer(status=0, type=kind, code=code, message=message, param=param).body("openai")
