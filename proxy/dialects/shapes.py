"""Reading parsed JSON that others made: whatever is asked for comes back in the asked shape, or empty. Knows no wire format."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

import orjson

from proxy.errors import RequestRefused

Json: TypeAlias = dict[str, Any]

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)


def table(value: Any) -> Mapping[str, Any]:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[Json]:
    """The objects of a list; none where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed(answer: Mapping[str, Any], key: str) -> list[Json]:
    """The objects that make an answer an answer. Raises ValueError where the key has no list: it is no answer then."""
    if not isinstance(answer.get(key), list):
        raise ValueError(f"the answer has no list '{key}'")
    return dicts(answer[key])


def text(value: Any) -> str:
    """The text itself, or an empty one."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A number of tokens, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def given(**entries: Any) -> Json:
    """An object of those entries that are not None."""
    return {key: value for key, value in entries.items() if value is not None}


def parts_of(content: Any) -> list[Json]:
    """A message's content as parts: a text is one part, no content none. An empty text is none either: providers refuse it."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return dicts(content)


def joined_text(content: Any, between: str = "") -> str:
    """The texts of a message's content, whatever parts it has."""
    texts = (text(part.get("text")) or text(part.get("refusal")) for part in parts_of(content))
    return between.join(piece for piece in texts if piece)


def list_of_texts(value: Any) -> list[str]:
    """A text or a list of texts, as a list."""
    return [value] if isinstance(value, str) else [item for item in value or () if isinstance(item, str)]


def parsed_object(told: str) -> Json | None:
    """The JSON object that a text holds, or None where it holds anything else."""
    try:
        parsed = orjson.loads(told)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def arguments_object(arguments: Any) -> Json:
    """A tool call's arguments as the object that Anthropic and Gemini want.

    Models make broken JSON at times, and callers send it back in the history. It is wrapped and not refused, or else the
    conversation could never go on.
    """
    if isinstance(arguments, dict):
        return arguments
    if not arguments:
        return {}
    parsed = parsed_object(arguments) if isinstance(arguments, str) else None
    return {"arguments": arguments} if parsed is None else parsed


def arguments_text(arguments: Any) -> str:
    """A tool call's arguments as the JSON text that OpenAI's formats carry."""
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()


def data_url(url: str) -> tuple[str, str] | None:
    """The media type and the base64 data of a data URL (RFC 2397); None for any other URL."""
    match = _DATA_URL.match(url)
    if match is None:
        return None
    media_type, options = match.group(1).lower() or "text/plain", match.group(2).lower()
    data = url[match.end() :]
    return media_type, data if ";base64" in options else base64.b64encode(unquote_to_bytes(data)).decode()


def decoded_text(data: str, param: str) -> str:
    """Base64 data as the UTF-8 text that it holds."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise untranslatable("a text file must be base64 of UTF-8 text", param) from error


def untranslatable(message: str, param: str) -> RequestRefused:
    """The error for what the provider's format can't say."""
    return RequestRefused(message, code="request_not_translatable", param=param)


def is_set(value: Any) -> bool:
    """Whether a caller's key says anything: None, False, zero and empty values are what they would be without it."""
    return value is not None and value is not False and value not in (0, "", [], {})


def left_over(body: Mapping[str, Any], understood: Iterable[str]) -> tuple[str, ...]:
    """The caller's keys that say something and were not understood."""
    known = frozenset(understood)
    return tuple(key for key, value in body.items() if key not in known and is_set(value))
