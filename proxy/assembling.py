"""A stream's pieces put together into the answer that it would have been unstreamed: Chat Completions' and completions' choices. Pure."""

from collections.abc import Mapping
from typing import Any


def add_choice(choices: dict[int, dict[str, Any]], part: Mapping[str, Any]) -> None:
    """Puts a chunk's piece of a choice to those that came before, by its index."""
    given = part.get("index")
    index = given if isinstance(given, int) else 0
    choice = choices.setdefault(index, {"index": index, "message": {}, "finish_reason": None})
    for key, value in part.items():
        if key == "delta" and isinstance(value, dict):
            _add_delta(choice["message"], value)
        elif key == "text" and isinstance(value, str):
            choice["text"] = choice.get("text", "") + value
        elif key not in {"delta", "index"} and value is not None:
            choice[key] = value


def _add_delta(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Strings grow, except those that name something; lists grow, and their parts that have an index are joined part by part."""
    for key, value in delta.items():
        if isinstance(value, list):
            parts = message.setdefault(key, [])
            for part in value:
                _add_part(parts, part)
        elif isinstance(value, str) and key not in {"role", "id", "type", "name"}:
            message[key] = (message.get(key) or "") + value
        elif isinstance(value, dict):
            _add_delta(message.setdefault(key, {}), value)
        elif value is not None or key not in message:
            message[key] = value


def _add_part(parts: list[Any], part: Any) -> None:
    """A tool call's next piece, or a block of thinking's; what has no index is a part of its own."""
    if not isinstance(part, dict) or "index" not in part:
        parts.append(part)
        return
    index = part["index"]
    known = next((one for one in parts if isinstance(one, dict) and one.get("index") == index), None)
    if known is None:
        known = {"index": index}
        parts.append(known)
    _add_delta(known, {key: value for key, value in part.items() if key != "index"})
