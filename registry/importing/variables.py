"""Declarations of variables: what other tools say about them, as the JSON Schema of a version.

Knows Picoschema (https://google.github.io/dotprompt/reference/picoschema/), and which variables a template does without where
an unknown name is empty instead of an error. Refuses to know where either was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from registry.errors import PromptInvalidError
from registry.importing.messages import texts_of
from registry.importing.settings import shown
from registry.templates.limits import Limits
from registry.templates.sandbox import Sandbox
from registry.templates.template import compile_content
from registry.values import Content

_TYPES = {
    **{"string": "string", "str": "string", "number": "number", "float": "number", "integer": "integer"},
    **{"int": "integer", "boolean": "boolean", "bool": "boolean", "null": "null", "array": "array", "list": "array"},
    **{"object": "object", "dict": "object"},
}
_KEY = re.compile(
    r"\s*(?P<name>[^?(]+?)\s*(?P<optional>\?)?\s*(?:\((?P<kind>\w+)\s*(?:,(?P<about>.*))?\))?\s*", re.DOTALL
)
_EMPTY: Mapping[Any, Any] = {None: "", "string": "", "boolean": False, "array": [], "object": {}}
_MOST_EXAMPLES = 3


def picoschema(given: Any, where: str = "input.schema") -> dict[str, Any]:
    """A Picoschema, or a JSON Schema as it is, as a JSON Schema. Raises PromptInvalidError that names the part."""
    if isinstance(given, str):
        kind, _, about = given.partition(",")
        return {**_type(kind.strip(), where), **({"description": about.strip()} if about.strip() else {})}
    if not isinstance(given, Mapping):
        raise PromptInvalidError(f"{where} is a type or a mapping of names to types, not {shown(given)}", param=where)
    if "properties" in given or given.get("type") in _TYPES.values():
        return dict(given)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for key, value in given.items():
        match = _KEY.fullmatch(str(key))
        if match is None:
            raise PromptInvalidError(f"{where}: {shown(key)} is no name of Picoschema", param=where)
        name = match["name"]
        about = (match["about"] or "").strip()
        schema = _child(match["kind"], value, f"{where}.{name}")
        properties[name] = {**schema, **({"description": about} if about else {})}
        if not match["optional"]:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def declared(
    content: Content, schema: Mapping[str, Any], defaults: Mapping[str, Any], notes: list[str], *, lenient: bool = True
) -> dict[str, Any]:
    """The variables of a version, from an object schema and defaults, both as the origin has them.

    With `lenient`, what the origin prints as nothing when it is missing, and the schema or an `if` marks as optional, gets an
    empty default, so that leaving it out stays no mistake.
    """
    properties = {
        name: dict(sub) if isinstance(sub, Mapping) else {} for name, sub in schema.get("properties", {}).items()
    }
    for name, value in defaults.items():
        properties.setdefault(name, {})["default"] = value
    optional = [name for name in properties if "required" in schema and name not in schema["required"]]
    if lenient:
        used = compile_content(content, Limits()).check.required
        optional += [name for name in _tested(content) if name in used]
        for name in dict.fromkeys(optional):
            own = properties.setdefault(name, {})
            kind = own.get("type")
            if (
                "default" not in own
                and "enum" not in own
                and (kind is None or isinstance(kind, str))
                and kind in _EMPTY
            ):
                own["default"] = _EMPTY[kind]
                notes.append(f"variable '{name}' may be left out; it is {shown(_EMPTY[kind])} then")
    if not properties:
        return {}
    required = [name for name in schema.get("required", ()) if name in properties and "default" not in properties[name]]
    listed = {"required": required} if "required" in schema else {}
    return {"type": "object", "properties": properties, **listed}


def with_examples(
    variables: Mapping[str, Any], samples: Mapping[str, Sequence[Any]], names: Sequence[str]
) -> dict[str, Any]:
    """The declaration with examples for those of these names that have samples."""
    properties = dict(variables.get("properties", {}))
    for name in names:
        found: list[Any] = []
        for value in samples.get(name, ()):
            if value not in found:
                found.append(value)
        if found:
            properties[name] = {**properties.get(name, {}), "examples": found[:_MOST_EXAMPLES]}
    return {"type": "object", **variables, "properties": properties} if properties else dict(variables)


def _child(kind: str | None, value: Any, where: str) -> dict[str, Any]:
    if kind is None:
        return picoschema(value, where)
    if kind == "enum":
        if not isinstance(value, list):
            raise PromptInvalidError(f"{where} lists the values that it may have, not {shown(value)}", param=where)
        return {"enum": value}
    if kind in ("array", "list"):
        return {"type": "array", "items": picoschema(value, where)}
    if kind == "object":
        return picoschema(value, where)
    return _type(kind, where)


def _type(word: str, where: str) -> dict[str, Any]:
    if word == "any":
        return {}
    if word not in _TYPES:
        raise PromptInvalidError(f"{where} has the type '{word}'; there are any, {', '.join(_TYPES)}", param=where)
    return {"type": _TYPES[word]}


def _tested(content: Content) -> list[str]:
    """Names whose value an `if` asks for, so that templates are ready for an empty one."""
    texts = [content.text or ""] if content.kind == "text" else texts_of(content.messages)
    found: list[str] = []
    for text in texts:
        tree = Sandbox(most_nodes=Limits().nodes).parse(text)
        tests = [choice.test for choice in tree.find_all(nodes.If)] + [
            choice.test for choice in tree.find_all(nodes.CondExpr)
        ]
        found += [name for test in tests for name in _asked(test)]
    return found


def _asked(test: nodes.Node) -> list[str]:
    match test:
        case nodes.Name():
            return [test.name]
        case nodes.Not():
            return _asked(test.node)
        case nodes.And() | nodes.Or():
            return [*_asked(test.left), *_asked(test.right)]
        case _:
            return []
