"""Checks of structure: is an answer JSON, does it fit the schema that was asked for, do a tool's arguments fit the tool. Pure."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from evaluation.scorers.subject import Scored, Subject, unparsed

_SHOWN = 3


class JsonOptions(BaseModel):
    """Options of `is-json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    always: bool = Field(True, description="false: only where the call asked for JSON")


class SchemaOptions(BaseModel):
    """Options of `json-schema`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    json_schema: dict[str, Any] | None = Field(
        None, alias="schema", description="the schema; without one, the response format that the call asked for"
    )

    @field_validator("json_schema")
    @classmethod
    def _valid(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None and isinstance(found := validator(schema), str):
            raise ValueError(found)
        return schema


class NoOptions(BaseModel):
    """A scorer that takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_json(options: JsonOptions) -> Callable[[Subject], Scored | None]:
    """Is the whole answer JSON?"""

    def check(subject: Subject) -> Scored | None:
        if not options.always and not (subject.wants_json or subject.schema is not None):
            return None
        if not subject.text and subject.tool_calls:
            return None  # the model called a tool instead of answering
        _, problem = _loaded(subject.text)
        return Scored(value=not problem, comment=problem)

    return check


def fits_schema(options: SchemaOptions) -> Callable[[Subject], Scored | None]:
    """Does the answer fit a JSON Schema: the option's, or the one that the call asked for? Calls without one are not scored."""

    def check(subject: Subject) -> Scored | None:
        schema = options.json_schema if options.json_schema is not None else subject.schema
        if schema is None or (not subject.text and subject.tool_calls):
            return None
        checker = validator(schema)
        if isinstance(checker, str):
            return unparsed(checker)
        value, problem = _loaded(subject.text)
        problem = problem or problems(checker, value)
        return Scored(value=not problem, comment=problem)

    return check


def tool_arguments(_: NoOptions) -> Callable[[Subject], Scored | None]:
    """Do the arguments of every tool that was called fit its schema, and was it offered? Calls that called none are not scored."""

    def check(subject: Subject) -> Scored | None:
        if not subject.tool_calls:
            return None
        wrong = []
        for call in subject.tool_calls:
            problem = _tool_problem(subject, call.name, call.arguments)
            if problem:
                wrong.append(f"{call.name}: {problem}")
        return Scored(value=not wrong, comment="; ".join(wrong))

    return check


def validator(schema: Any) -> jsonschema_rs.Validator | str:
    """A compiled schema, or why there can't be one. Patterns take time linear in what they read, and no URL is ever fetched."""
    if not isinstance(schema, dict):
        return "not a JSON Schema: it is no object"
    try:
        return jsonschema_rs.validator_for(
            schema, mask="it", offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        said = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
        return f"not a JSON Schema: {said[:300]}"


def problems(checker: jsonschema_rs.Validator, value: Any) -> str:
    """What is wrong with a value, a few things of it; "" for nothing. Values themselves are not repeated."""
    found = []
    for error in checker.iter_errors(value):
        where = ".".join(str(part) for part in error.instance_path)
        found.append(f"{where}: {error.message}" if where else error.message)
        if len(found) > _SHOWN:
            return "; ".join(found[:_SHOWN]) + "; and more"
    return "; ".join(found)


def _tool_problem(subject: Subject, name: str, arguments: Any) -> str:
    if name not in subject.tools:
        return f"no such tool was offered ({', '.join(sorted(subject.tools)) or 'none was'})"
    value, problem = _loaded(arguments) if isinstance(arguments, str) else (arguments, "")
    if problem:
        return f"the arguments are not JSON: {problem}"
    schema = subject.tools[name]
    if schema is None:
        return "" if value in ({}, None) else "it takes no arguments"
    checker = validator(schema)
    return checker if isinstance(checker, str) else problems(checker, value)


def _loaded(text: str) -> tuple[Any, str]:
    """The value, and what is wrong with the text: "" where it is JSON."""
    if not text.strip():
        return None, "the answer is empty"
    try:
        return orjson.loads(text), ""
    except orjson.JSONDecodeError as error:
        fenced = text.lstrip().startswith("```")
        return None, f"{error.msg} (line {error.lineno}, column {error.colno})" + (
            ": a code fence stands around it" if fenced else ""
        )
