"""What a prompt's variables must be: the declared JSON Schema, completed by what the templates use, and the check.

Knows schemas and values. Refuses to know templates: it is told which names they use. Formats that JSON Schema defines ("date",
"email", "uri" …) are checked; a format that it doesn't define is a remark, as the standard says
(https://json-schema.org/draft/2020-12/json-schema-validation, section 7).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from registry.errors import PromptInvalidError, PromptVariableInvalidError, PromptVariableMissingError, nearest
from registry.templates.inheritance import Declaration, declaration
from registry.templates.placeholders import schema_of

_TYPE_NAMES = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", dict: "an object"}
_ERRORS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableCheck:
    """The effective schema, compiled. `names` are all variables, `required` those that every call must give."""

    schema: Mapping[str, Any]
    names: tuple[str, ...]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    validator: jsonschema_rs.Validator

    def complete(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The values with defaults filled in, once all of them are what the schema allows.

        Raises PromptVariableMissingError naming every missing variable, or PromptVariableInvalidError. Messages
        never repeat a value: it may be personal data, and errors are logged in many places.
        """
        if not isinstance(variables, Mapping):
            raise PromptVariableInvalidError(
                f"variables are an object of names and values, not {type_name(variables)}", param="variables"
            )
        values = dict(variables)
        for name, default in self.defaults.items():
            if name not in values:
                values[name] = copy.deepcopy(default) if isinstance(default, (dict, list)) else default
        missing = [name for name in self.required if name not in values]
        if missing:
            raise PromptVariableMissingError(_missing(missing, values, self.names), param=missing[0])
        try:
            valid = self.validator.is_valid(values)
        except (TypeError, ValueError) as error:
            raise PromptVariableInvalidError(f"variables must be JSON: {error}", param="variables") from error
        if not valid:
            raise self._invalid(values)
        return values

    def _invalid(self, values: Mapping[str, Any]) -> PromptVariableInvalidError:
        sentences, param = [], None
        for error in self.validator.iter_errors(values):
            path = list(error.instance_path)
            if not path:
                sentences.append(f"variables: {error.message}")
                continue
            param = param or str(path[0])
            sentences.append(f"variable '{_shown(path)}' is {type_name(error.instance)}: {error.message}")
        more = f" (and {len(sentences) - _ERRORS_SHOWN} more)" if len(sentences) > _ERRORS_SHOWN else ""
        return PromptVariableInvalidError("; ".join(sentences[:_ERRORS_SHOWN]) + more, param=param or "variables")


def check_for(
    declared: Mapping[str, Any] | Declaration, used: Mapping[str, bool], *, messages: Sequence[str] = ()
) -> VariableCheck:
    """Complete a declared schema by the names that templates use (name to whether it is required there).

    A used name is required unless it has a default, or the declaration has a `required` list without it. `messages` are the
    names that placeholders stand for. Raises PromptInvalidError if the declaration isn't a JSON Schema for an object, or a
    default or an example isn't what it declares.
    """
    if not isinstance(declared, Declaration):
        declared = declaration(declared)
    properties = {**declared.properties, **{name: {} for name in used if name not in declared.properties}}
    properties |= {name: schema_of(name, properties.get(name)) for name in messages}
    defaults = {
        name: sub["default"] for name, sub in properties.items() if isinstance(sub, Mapping) and "default" in sub
    }
    required = [name for name, needed in used.items() if needed and name not in declared.optional]
    required += [name for name in declared.listed if name not in required]
    required = [name for name in required if name not in defaults]
    schema = {**declared.schema, "type": "object", "properties": properties, "required": required}
    check = VariableCheck(
        schema=schema,
        names=tuple(properties),
        required=tuple(required),
        defaults=defaults,
        validator=_compiled({**schema, "required": []}),
    )
    _check_defaults(check)
    _check_examples(check)
    return check


def type_name(value: Any) -> str:
    """A JSON type in words: "a string", "an array"."""
    if value is None:
        return "null"
    if isinstance(value, (list, tuple)):
        return "an array"
    return _TYPE_NAMES.get(type(value), f"of type {type(value).__name__}")


def _compiled(schema: Mapping[str, Any]) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(
            dict(schema),
            validate_formats=True,
            mask="it",
            offline=True,  # a schema must not make the server fetch a URL
            pattern_options=jsonschema_rs.RegexOptions(),  # linear in the value's length, whatever the pattern
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        said = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
        raise PromptInvalidError(f"variables: not a JSON Schema: {said}", param="variables") from error


def _check_defaults(check: VariableCheck) -> None:
    for name, default in check.defaults.items():
        _check_value(check, name, default, f"the default of variable '{name}'")


def _check_examples(check: VariableCheck) -> None:
    """An example is read by people, and filled in by pages that try a prompt out: one that isn't allowed misleads both."""
    for name, declared in check.schema["properties"].items():
        examples = declared.get("examples", ()) if isinstance(declared, Mapping) else ()
        if not isinstance(examples, (list, tuple)):
            raise PromptInvalidError(
                f"variables: 'examples' of variable '{name}' is a list of values", param="variables"
            )
        for place, example in enumerate(examples):
            _check_value(check, name, example, f"example {place + 1} of variable '{name}'")


def _check_value(check: VariableCheck, name: str, value: Any, what: str) -> None:
    try:
        # On its own: rules about which variables come together aren't about this one. The message repeats no value here either.
        wrong = next((error for error in check.validator.iter_errors({name: value}) if error.instance_path), None)
    except (TypeError, ValueError) as error:
        raise PromptInvalidError(f"variables: {what} must be JSON: {error}", param="variables") from error
    if wrong is not None:
        inside = _shown([*wrong.instance_path])
        where = "" if inside == name else f"'{inside}' is {type_name(wrong.instance)}: "
        raise PromptInvalidError(
            f"variables: {what} is not what it declares: {where}{wrong.message}", param="variables"
        )


def _shown(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def _missing(missing: list[str], given: Mapping[str, Any], names: tuple[str, ...]) -> str:
    quoted = ", ".join(f"'{name}'" for name in missing)
    said = f"variable {quoted} is missing" if len(missing) == 1 else f"variables {quoted} are missing"
    unknown = [name for name in given if name not in names]
    guess = next((name for name in unknown if isinstance(name, str) and nearest(name, missing)), None)
    if guess is not None:
        return f"{said}; '{guess}' was given, was '{nearest(guess, missing)}' meant?"
    return said
