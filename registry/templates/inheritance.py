"""What a prompt declares about its variables together with what its fragments declare.

Knows declarations and whose counts. Refuses to know templates and values. The prompt's own declaration of a variable wins over a
fragment's, and a fragment's own over those of the fragments inside it. Two fragments side by side that declare one variable
differently are refused until the prompt declares it itself: no order of theirs could say which is meant.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.errors import PromptInvalidError

_DEFINITIONS = ("$defs", "definitions")
_REMARKS = frozenset({"title", "description", "examples", "$comment", "deprecated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a JSON Schema for an object says of its names.

    `optional` are declared names that a call may leave out because a `required` list is without them, `listed` those in it.
    """

    schema: Mapping[str, Any]
    properties: Mapping[str, Any]
    optional: frozenset[str]
    listed: tuple[str, ...]


def declaration(schema: Mapping[str, Any]) -> Declaration:
    """Read a declared schema. Raises PromptInvalidError if it isn't one for an object with named properties."""
    properties = schema.get("properties", {})
    if schema.get("type", "object") != "object" or not isinstance(properties, Mapping):
        raise PromptInvalidError(
            'variables are declared as a JSON Schema of type "object" with the variables under "properties"',
            param="variables",
        )
    listed = schema.get("required")
    if not isinstance(listed, (list, tuple, type(None))) or not all(isinstance(name, str) for name in listed or ()):
        raise PromptInvalidError('"required" of the variables is a list of their names', param="variables")
    optional = frozenset() if listed is None else frozenset(properties) - frozenset(listed)
    return Declaration(schema=schema, properties=properties, optional=optional, listed=tuple(listed or ()))


def inherited(own: Declaration, includes: Mapping[str, Any], used: Container[str]) -> Declaration:
    """The declaration with what locked fragments declare about variables in `used` beside it.

    Raises PromptInvalidError where two fragments contradict each other.
    """
    found: dict[str, tuple[str, Any]] = {}
    optional: dict[str, bool] = {}
    listed: list[str] = []
    definitions = {key: dict(_mapping(own.schema, key)) for key in _DEFINITIONS}
    for fragment, lock in includes.items():
        theirs = inherited(declaration(lock.get("variables", {})), lock.get("includes", {}), used)
        taken = [name for name in theirs.properties if name in used and name not in own.properties]
        for name in taken:
            other, before = found.setdefault(name, (fragment, theirs.properties[name]))
            if _rules(before) != _rules(theirs.properties[name]):
                raise _contradicting(f"fragments '{other}' and '{fragment}' declare variable '{name}' differently")
            optional[name] = optional.get(name, True) and name in theirs.optional
            if name in theirs.listed:
                listed.append(name)
        for key in _DEFINITIONS if taken else ():
            for name, schema in _mapping(theirs.schema, key).items():
                if definitions[key].setdefault(name, schema) != schema:
                    raise _contradicting(
                        f"fragment '{fragment}' defines '#/{key}/{name}' differently than it is defined already"
                    )
    if not found:
        return own
    return replace(
        own,
        schema={**own.schema, **{key: value for key, value in definitions.items() if value}},
        properties={**own.properties, **{name: schema for name, (_, schema) in found.items()}},
        optional=own.optional | {name for name, is_optional in optional.items() if is_optional},
        listed=tuple(dict.fromkeys((*own.listed, *listed))),
    )


def _rules(schema: Any) -> Any:
    """A schema without what only describes."""
    if not isinstance(schema, Mapping):
        return schema
    return {key: value for key, value in schema.items() if key not in _REMARKS}


def _mapping(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, Mapping) else {}


def _contradicting(what: str) -> PromptInvalidError:
    return PromptInvalidError(
        f"variables: {what}: declare the variables in question in this prompt's own schema", param="variables"
    )
