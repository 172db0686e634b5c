"""Answers on their way through a translation: bytes in, bytes out; what can't be translated is an error in words. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.answer import ProviderAnswer
from proxy.dialects.translation import StreamTranslator, Translation
from proxy.errors import UpstreamMalformed

_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading an answer of another shape than documented raises."""


def translated(between: Translation | None, answer: ProviderAnswer, body: bytes, asked: Mapping[str, Any]) -> bytes:
    """A whole answer as the caller's dialect says it, the provider's errors included; as it came where the dialects agree.

    What is no JSON is left as it is. Raises UpstreamMalformed for JSON that is no answer.
    """
    if between is None:
        return body
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    try:
        if answer.status >= 400:
            return orjson.dumps(between.error(found, answer.status))
        return orjson.dumps(between.answer(found, asked))
    except _ODD as error:
        raise _malformed(answer.provider, error) from error


def translated_event(translator: StreamTranslator, provider: str, data: bytes) -> list[bytes]:
    """The events that one event of the provider's becomes. Raises UpstreamMalformed."""
    try:
        return translator.feed(data)
    except _ODD as error:
        raise _malformed(provider, error) from error


def _malformed(provider: str, error: Exception) -> UpstreamMalformed:
    return UpstreamMalformed(
        f"provider '{provider}' answered in a shape that can't be translated ({type(error).__name__}: {error})",
        code="provider_malformed",
    )
