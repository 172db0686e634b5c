"""Does every case of a table once and prints what each gave as JSON; a case that raises gives the error's fields."""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any


def plain(value: Any) -> Any:
    """A value in built-in types."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json", warnings=False))
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float | None) else str(value)


def told(error: Exception) -> dict[str, Any]:
    """All that a program can learn from an exception."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    return {
        "class": type(error).__name__,
        "parents": [parent.__name__ for parent in type(error).__mro__],
        "message": str(error),
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "retry-after": headers.get("retry-after") or headers.get("llm_provider-retry-after"),
    }


def do_all(cases: Iterable[Callable[..., Any]], argument: Callable[[str, dict[str, str]], Any]) -> None:
    """`argument` makes what a case is called with, of the base URL and the headers that tell whose request it is."""
    url, prefix = sys.argv[1:3]
    seen: dict[str, Any] = {}
    for case in cases:
        name = case.__name__
        given = argument(url, {"x-test-id": f"{prefix}-{name}"})
        try:
            value = case(given)
            seen[name] = {"value": plain(asyncio.run(value) if inspect.iscoroutine(value) else value)}
        except Exception as error:  # what it raises is what the case is about
            seen[name] = {"error": told(error)}
    print(json.dumps(seen))
