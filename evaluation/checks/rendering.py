"""Variables in a check's value: `{{ name }}` stands for the case's variable, in text however deep inside an object or array.

The templates are those of prompts, in the same sandbox with the same limits (`registry.templates`); a value is data and never parsed.
A text that is nothing but `{{ name }}` becomes the variable itself, so that a list stays a list. `expected` is the case's answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from registry.cases import Case
from registry.errors import RegistryError
from registry.templates.template import CompiledContent, compile_content, render
from registry.values import Content

Render = Callable[[Any, Mapping[str, Any]], Any]
"""A value with variables in place. Raises ValueError with what is wrong."""

_ALONE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_COMPILED = 256


def renderer() -> Render:
    """Something that renders values, and keeps the templates that it has compiled."""
    compiled = lru_cache(maxsize=_COMPILED)(_compile)

    def rendered(value: Any, variables: Mapping[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: rendered(each, variables) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [rendered(each, variables) for each in value]
        if not isinstance(value, str) or not is_template(value):
            return value
        alone = _ALONE.fullmatch(value.strip())
        if alone and alone[1] in variables:
            return variables[alone[1]]
        try:
            return render(compiled(value), variables).text
        except RegistryError as error:
            raise ValueError(f"value: {error.message}") from error

    return rendered


def variables_of(case: Case) -> dict[str, Any]:
    """What a value may name: the case's variables, and `expected` unless one of them is called so."""
    expected = {} if case.expected is None else {"expected": case.expected}
    return {**expected, **case.variables}


def has_template(value: Any) -> bool:
    """Whether a variable stands anywhere in a value."""
    return any(is_template(text) for text in _strings(value))


def template_problem(value: Any) -> str | None:
    """What is wrong with a template in a value, if anything."""
    for text in _strings(value):
        if is_template(text):
            try:
                _compile(text)
            except RegistryError as error:
                return f"value: {error.message}"
    return None


def is_template(text: str) -> bool:
    """Whether there is anything to render."""
    return "{{" in text or "{%" in text


def _compile(text: str) -> CompiledContent:
    return compile_content(Content(kind="text", text=text))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []
