"""A prompt's variables as fields of a form, from their JSON Schema, and back; and the messages that a caller would add. Pure.

Knows how a value is typed by people: text as it is, numbers and switches as such, everything else as JSON. Refuses to check values against
the schema: a call does, in words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dashboards.forms import Form
from registry.content import as_mapping
from registry.errors import PromptInvalidError, RegistryError
from registry.templates.template import compile_content
from registry.values import Content

PREFIX = "var."
MOST_FIELDS = 100
Kind = Literal["text", "number", "boolean", "choice", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableField:
    """A variable as a field. `value` is what stands in it, `choices` are the values that it may have, where they are few."""

    name: str
    kind: Kind
    value: str
    required: bool
    about: str = ""
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The field's name in the form."""
        return PREFIX + self.name


def fields_of(content: Content, given: Mapping[str, Any]) -> list[VariableField]:
    """The fields of a version's variables, filled with what is given, else with an example or the default."""
    try:
        schema = compile_content(content).schema
    except RegistryError:  # saved under other limits than today's
        schema = as_mapping(content).get("variables", {})
    required = set(schema.get("required", ()))
    found = []
    for name, declared in list(schema.get("properties", {}).items())[:MOST_FIELDS]:
        rule = declared if isinstance(declared, Mapping) else {}
        kind = _kind(rule)
        value = given[name] if name in given else _first(rule)
        about = str(rule.get("description", ""))
        found.append(
            VariableField(
                name=name,
                kind=kind if value is None or _fits(kind, value) else "json",
                value=_typed(value, kind),
                required=name in required,
                about=about,
                choices=tuple(map(str, rule["enum"])) if kind == "choice" else (),
            )
        )
    return found


def typed_again(fields: Sequence[VariableField], form: Form) -> list[VariableField]:
    """The same fields with what was typed into them."""
    return [
        VariableField(
            name=each.name, kind=each.kind, value=form.fields.get(each.key, each.value), required=each.required,
            about=each.about, choices=each.choices,
        )
        for each in fields
    ]  # fmt: skip


def variables_of(fields: Sequence[VariableField]) -> dict[str, Any]:
    """The variables that fields say; one that is left empty isn't given, unless it is a text that must be. Raises PromptInvalidError."""
    found: dict[str, Any] = {}
    for each in fields:
        if not each.value.strip():
            if each.required and each.kind == "text":
                found[each.name] = each.value
            continue
        found[each.name] = _read(each)
    return found


def messages_of(form: Form) -> list[dict[str, Any]]:
    """What the caller says: messages as JSON, then the user's text. Raises PromptInvalidError."""
    earlier: list[dict[str, Any]] = []
    if text := form.text("earlier"):
        try:
            earlier = json.loads(text)
        except ValueError as error:
            raise PromptInvalidError(f"'earlier messages' is no JSON: {error}", param="earlier") from None
        if not isinstance(earlier, list) or not all(isinstance(each, dict) for each in earlier):
            raise PromptInvalidError(
                'earlier messages are a list, such as [{"role": "user", "content": "Hello"}]', param="earlier"
            )
    said = form.raw("says")
    return [*earlier, {"role": "user", "content": said}] if said.strip() else earlier


def split_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Messages as the form has them: earlier ones as JSON, and what the user says last, as text."""
    rest = [dict(each) for each in messages]
    says = ""
    if rest and rest[-1].get("role") == "user" and isinstance(rest[-1].get("content"), str):
        says = str(rest.pop()["content"])
    return json.dumps(rest, ensure_ascii=False, indent=2) if rest else "", says


def _kind(rule: Mapping[str, Any]) -> Kind:
    if isinstance(rule.get("enum"), list) and all(isinstance(each, str) for each in rule["enum"]):
        return "choice"
    kind = rule.get("type")
    if kind in ("integer", "number"):
        return "number"
    if kind == "boolean":
        return "boolean"
    return "text" if kind in ("string", None) else "json"


def _fits(kind: Kind, value: Any) -> bool:
    if kind == "json":
        return True
    if kind in ("text", "choice"):
        return isinstance(value, str)
    return isinstance(value, bool) if kind == "boolean" else isinstance(value, int | float)


def _first(rule: Mapping[str, Any]) -> Any:
    examples = rule.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    return rule.get("default", rule["enum"][0] if rule.get("enum") else None)


def _typed(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) and kind != "json" else json.dumps(value, ensure_ascii=False)


def _read(each: VariableField) -> Any:
    if each.kind in ("text", "choice"):
        return each.value
    try:
        return json.loads(each.value.strip().replace(",", ".") if each.kind == "number" else each.value)
    except ValueError:
        what = {"number": "a number", "boolean": "true or false"}.get(each.kind, "JSON")
        raise PromptInvalidError(
            f"variable '{each.name}' is {what}, not {each.value[:40]!r}", param=each.name
        ) from None
