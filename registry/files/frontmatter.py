"""The front matter of a prompt file, in the spellings that tools use, as the fields of content.

Knows Prompty's `model.configuration`, `model.parameters`, `inputs` and the plain names of content. Refuses to know
bodies. Names that only describe a file (authors, version, sample) are passed over; a misspelt one is refused, because
silently dropping a temperature would change what the prompt does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.errors import PromptInvalidError, nearest

_AS_THEY_ARE = ("kind", "messages", "text", "tools", "locked", "fallbacks", "includes")
_SAMPLING = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "stop", "seed", "n"),
    *("frequency_penalty", "presence_penalty", "reasoning_effort", "reasoning", "verbosity", "top_k"),
    *("parallel_tool_calls", "tool_choice", "logprobs", "top_logprobs", "logit_bias"),
)
DESCRIBES = (
    *("name", "description", "tags", "authors", "author", "version", "sample", "metadata", "base", "owner", "$schema"),
)
_READ_HERE = ("model", "parameters", "inputs", "variables", "response_format", "template")
_ALL = (*_AS_THEY_ARE, *_SAMPLING, *DESCRIBES, *_READ_HERE)
_TYPES = {"list": "array", "dict": "object", "bool": "boolean", "float": "number", "int": "integer", "str": "string"}
_ABOUT_AN_INPUT = ("required", "sample", "example", "kind", "strict")
_MODEL_NAMES = ("model", "name", "id", "azure_deployment")


def content_fields(front: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of content that a front matter sets.

    Raises PromptInvalidError for a name that it doesn't know, with the nearest it does, and for templates that
    aren't Jinja2's.
    """
    for name in front:
        if name not in _ALL:
            guess = nearest(str(name), _ALL)
            raise PromptInvalidError(
                f"'{name}' is no field of a prompt file" + (f"; did you mean '{guess}'?" if guess else ""),
                param=str(name),
            )
    _check_template(front.get("template"))
    fields = {name: front[name] for name in _AS_THEY_ARE if front.get(name) is not None}
    model, parameters = _model(front.get("model"))
    parameters |= _mapping(front, "parameters")
    parameters |= {name: front[name] for name in _SAMPLING if name in front}
    inside = parameters.pop("response_format", None)
    found = {
        "model": model,
        "parameters": parameters,
        "variables": _variables(front),
        "response_format": front.get("response_format", inside),
        "tools": fields.pop("tools", parameters.pop("tools", None)),
    }
    return fields | {name: value for name, value in found.items() if value is not None and value != {}}


def _model(value: Any) -> tuple[str | None, dict[str, Any]]:
    """A model's name and its parameters; Prompty writes a mapping, people write a name."""
    if value is None or isinstance(value, str):
        return value, {}
    if not isinstance(value, Mapping):
        raise PromptInvalidError("'model' is a name, or a mapping with 'configuration' and 'parameters'", param="model")
    configuration = _mapping(value, "configuration") or value
    name = next((configuration[key] for key in _MODEL_NAMES if isinstance(configuration.get(key), str)), None)
    options = _mapping(value, "parameters") or _mapping(value, "options")
    return name, dict(options)


def _variables(front: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema as it is; a mapping or list of inputs is made into one."""
    declared = front.get("variables", front.get("inputs"))
    if declared is None:
        return {}
    if isinstance(declared, (list, tuple)):
        named = {item["name"]: item for item in declared if isinstance(item, Mapping) and "name" in item}
        if len(named) != len(declared):
            raise PromptInvalidError("a list of inputs holds mappings, each with its own 'name'", param="inputs")
        declared = {name: {k: v for k, v in item.items() if k != "name"} for name, item in named.items()}
    if not isinstance(declared, Mapping):
        raise PromptInvalidError("variables are a JSON Schema, or a mapping of names", param="variables")
    if "variables" in front and ("properties" in declared or declared.get("type") == "object"):
        return dict(declared)
    properties = {name: _input(value) for name, value in declared.items()}
    required = [
        name for name, value in declared.items() if isinstance(value, Mapping) and value.get("required") is True
    ]
    optional = [
        name for name, value in declared.items() if isinstance(value, Mapping) and value.get("required") is False
    ]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required or optional:
        schema["required"] = [name for name in properties if name not in optional and "default" not in properties[name]]
    return schema


def _input(value: Any) -> dict[str, Any]:
    """One input: a mapping is its schema; anything else is an example of it, as in Prompty's first version."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return {"examples": [value]}
    schema = {
        key: item for key, item in value.items() if key not in ("required", "sample", "example", "kind", "strict")
    }
    if "kind" in value and "type" not in value:
        schema["type"] = value["kind"]
    for key in ("sample", "example"):
        if key in value:
            schema["examples"] = [value[key]]
    if isinstance(schema.get("type"), str):
        schema["type"] = _TYPES.get(schema["type"], schema["type"])
    return schema


def _check_template(value: Any) -> None:
    kind = value.get("format", value.get("type", "jinja2")) if isinstance(value, Mapping) else value
    if isinstance(kind, Mapping):
        kind = kind.get("kind", "jinja2")
    if kind not in (None, "jinja2"):
        raise PromptInvalidError(f"templates are Jinja2's here, not {kind}'s", param="template")


def _mapping(front: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = front.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise PromptInvalidError(f"'{name}' is a mapping", param=name)
    return dict(value)
