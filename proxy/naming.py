"""How a call names its prompt (wire.md, "Naming a prompt in a call"). Pure: a parsed body and headers in, a value out.

A body that tries to name a prompt and doesn't succeed is refused; it never travels on as if it had named none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.errors import RequestRefused
from registry.reference import Reference, parse_reference

MODEL_PREFIX = "prompt/"
SLUG_KEYS = ("id", "slug", "prompt_id")
VERSION_KEYS = ("version", "_version", "channel")
PROMPT_KEYS = frozenset({*SLUG_KEYS, *VERSION_KEYS, "variables"})
VARIABLES_HEADER = "x-slugline-variables"
VERSION_HEADER = "x-slugline-version"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPrompt:
    """A prompt that a call named: the reference, its variables, and the body keys that only Slugline reads."""

    reference: Reference
    variables: Mapping[str, Any]
    own_keys: frozenset[str]
    model_names_prompt: bool


def named_prompt(
    body: Mapping[str, Any], headers: Mapping[str, str], *, text_prompt: bool = False, default: str | None = None
) -> NamedPrompt | None:
    """The prompt that a call names, or None for a call that names none.

    A call that names no version means the one in the header x-slugline-version, else `default`, the channel of the caller's key.
    With `text_prompt`, a `prompt` that is no object is the endpoint's own (`/v1/completions`).

    Raises RequestRefused, or RegistryError for a reference that can't be one.
    """
    given = body.get("prompt")
    model = body.get("model")
    by_model = isinstance(model, str) and model.startswith(MODEL_PREFIX)
    default = headers.get(VERSION_HEADER) or default
    if given is not None and not (text_prompt and not isinstance(given, dict)):
        if by_model:
            raise RequestRefused(
                f"the prompt is named twice, by 'prompt' and by the model {model!r}: say it once",
                code="prompt_parameter_invalid",
                param="model",
            )
        if not isinstance(given, dict):
            raise RequestRefused(
                '\'prompt\' must be an object such as {"id": "support-agent", "version": "stable", "variables": {}}, '
                f"not {_kind(given)}",
                code="prompt_parameter_invalid",
                param="prompt",
            )
        return NamedPrompt(
            reference=_reference_of(given, default),
            variables=_variables_of(given.get("variables"), "prompt.variables") or _header_variables(headers),
            own_keys=frozenset({"prompt"}),
            model_names_prompt=False,
        )
    if not by_model:
        return None
    assert isinstance(model, str)  # noqa: S101 - narrows the type for the reader and the checker
    metadata = body.get("metadata")
    variables = {
        **(metadata if isinstance(metadata, dict) else {}),
        **_header_variables(headers),
        **_variables_of(body.get("variables"), "variables"),
    }
    return NamedPrompt(
        reference=_with_default(parse_reference(model.removeprefix(MODEL_PREFIX)), default),
        variables=variables,
        own_keys=frozenset({"variables"}),
        model_names_prompt=True,
    )


def _reference_of(given: Mapping[str, Any], default: str | None) -> Reference:
    unknown = given.keys() - PROMPT_KEYS
    if unknown:
        raise RequestRefused(
            f"unknown key {sorted(unknown)[0]!r} in 'prompt': it takes id, version and variables",
            code="prompt_parameter_invalid",
            param=f"prompt.{sorted(unknown)[0]}",
        )
    slug = _one_of(given, SLUG_KEYS)
    if not isinstance(slug, str) or not slug:
        raise RequestRefused(
            "'prompt.id' must be the prompt's slug, such as \"support-agent\"",
            code="prompt_parameter_invalid",
            param="prompt.id",
        )
    reference = parse_reference(slug)
    version = _one_of(given, VERSION_KEYS)
    if version is None or version == "":
        return _with_default(reference, default)
    if isinstance(version, bool) or not isinstance(version, int | str):
        raise RequestRefused(
            f"'prompt.version' must be a channel's name or a version number, not {_kind(version)}",
            code="prompt_parameter_invalid",
            param="prompt.version",
        )
    chosen = parse_reference(f"{reference.slug}@{version}")
    if reference.selector is not None and reference.selector != chosen.selector:
        raise RequestRefused(
            f"'prompt.id' asks for {slug!r} but 'prompt.version' for {version!r}: say it once",
            code="prompt_parameter_invalid",
            param="prompt.version",
        )
    return chosen


def _with_default(reference: Reference, default: str | None) -> Reference:
    if reference.selector is None and default:
        return parse_reference(f"{reference.slug}@{default}")
    return reference


def _one_of(given: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((given[key] for key in keys if given.get(key) is not None), None)


def _variables_of(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestRefused(
            f"'{where}' must be an object of names and values, not {_kind(value)}",
            code="prompt_parameter_invalid",
            param=where,
        )
    return value


def _header_variables(headers: Mapping[str, str]) -> dict[str, Any]:
    text = headers.get(VARIABLES_HEADER)
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(
            f"the header {VARIABLES_HEADER} must be a JSON object: {error}",
            code="prompt_parameter_invalid",
            param=VARIABLES_HEADER,
        ) from error
    return _variables_of(value, VARIABLES_HEADER)


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
