"""Providers' errors in their callers' shapes. Keeps the provider's own words; the types go by HTTP status. Pure.

OpenAI: https://platform.openai.com/docs/guides/error-codes. Anthropic: https://docs.anthropic.com/en/api/errors.
Google: https://cloud.google.com/apis/design/errors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from proxy.dialects.shapes import Json, table, text

OVERLOADED = 529
"""Anthropic's status for a service under more load than it can take."""

_OPENAI_TYPES: Mapping[int, str] = MappingProxyType(
    {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
)
_ANTHROPIC_TYPES: Mapping[int, str] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        OVERLOADED: "overloaded_error",
    }
)
_STATUS_OF_ANTHROPIC = {kind: status for status, kind in _ANTHROPIC_TYPES.items()} | {"invalid_request_error": 400}


def openai_error(body: Any, status: int) -> Json:
    """OpenAI's error body for any provider's error body; `code` is the provider's own name for it."""
    error = _error_of(body)
    kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    code = error.get("code")
    named = code if isinstance(code, str) else text(error.get("status")) or text(error.get("type"))
    param = text(error.get("param")) or None
    return {"error": {"message": _words(error, body, status), "type": kind, "param": param, "code": named or None}}


def anthropic_error(body: Any, status: int) -> Json:
    """Anthropic's error body for any provider's error body."""
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": _words(_error_of(body), body, status)}}


def status_of(error: Any) -> int:
    """The HTTP status that an error in mid-stream would have had, from what it says of itself; 500 where it says nothing."""
    said = _error_of(error)
    code = said.get("code")
    if isinstance(code, int) and 400 <= code <= 599:
        return code
    for name in (text(said.get("type")), text(code)):
        if name in _STATUS_OF_ANTHROPIC:
            return _STATUS_OF_ANTHROPIC[name]
    return 500


def _error_of(body: Any) -> Mapping[str, Any]:
    """The error itself: OpenAI, Anthropic and Google wrap it in `error` (Google in a list on streams), others don't."""
    if isinstance(body, list):
        body = body[0] if body else None
    error = table(body).get("error", body)
    return error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}


def _words(error: Mapping[str, Any], body: Any, status: int) -> str:
    for key in ("message", "detail", "msg"):
        if isinstance(error.get(key), str) and error[key]:
            return str(error[key])
    return f"the provider answered {status}" + (f": {orjson.dumps(body).decode()}" if body else " and no reason")
