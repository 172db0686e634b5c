"""JSON, YAML and times as other products' files write them, read with errors that say where.

Knows the two formats and nothing of what they hold. Refuses what a prompt can't be made of: NaN, dates as keys, aliases that
grow without end.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import yaml

from registry.errors import PromptInvalidError

_LONGEST = 50_000_000
_MOST_NODES = 1_000_000


def read_json(text: str) -> Any:
    """The value of a JSON text. Raises PromptInvalidError that names the line."""
    _check_length(text)
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PromptInvalidError(f"not JSON: {error.msg} in line {error.lineno}", param="file") from error
    except (ValueError, RecursionError) as error:
        raise PromptInvalidError(f"not JSON that a prompt can hold: {error}", param="file") from error


def read_yaml(text: str) -> Any:
    """The value of a YAML text. Raises PromptInvalidError that names the line."""
    _check_length(text)
    try:
        value = yaml.safe_load(text.removeprefix("\ufeff"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise PromptInvalidError(f"not YAML: {getattr(error, 'problem', None) or error}{line}", param="file") from error
    except (ValueError, RecursionError) as error:
        raise PromptInvalidError(f"not YAML that a prompt can hold: {error}", param="file") from error
    _check_size(value)
    return value


def read_time(value: Any) -> datetime | None:
    """An ISO 8601 time as an aware one, None for anything else; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise PromptInvalidError(f"it has more than {_LONGEST:,} characters; split it", param="file")


def _check_size(value: Any) -> None:
    """Refuse a few lines of aliases that stand for millions of values."""
    stack, nodes = [value], 0
    while stack:
        item = stack.pop()
        nodes += 1
        if nodes > _MOST_NODES:
            raise PromptInvalidError(f"it stands for more than {_MOST_NODES:,} values", param="file")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
