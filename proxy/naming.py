"""How a call names its prompt (wire.md, "Naming a prompt in a call"). Pure: a parsed body and headers in, a value out.

A body that tries to name a prompt and doesn't succeed is refused; it never travels on as if it had named none. The spellings
themselves are the table in `proxy.spellings`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from proxy.spellings import MODEL_NAME, MODEL_PREFIX, Said, read, refused, spelled, variables_of
from registry.compat.readings import labelled, versioned
from registry.reference import Reference, parse_reference

__all__ = ["MODEL_PREFIX", "NamedPrompt", "named_prompt"]

VARIABLES_HEADER = "x-slugline-variables"
VERSION_HEADER = "x-slugline-version"


class NamedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that a call named: the reference, its variables, and the body keys that only Slugline reads.

    `otherwise` is what the reference may mean where it leads nowhere as it stands. `ignored` holds "model" or "parameters" where
    the call doesn't want the version's.
    """

    reference: Reference
    variables: Mapping[str, Any]
    own_keys: frozenset[str]
    model_names_prompt: bool
    otherwise: tuple[Reference, ...] = ()
    ignored: frozenset[str] = frozenset()

    @property
    def readings(self) -> tuple[Reference, ...]:
        """All that the call may mean, in the order to be tried."""
        return (self.reference, *self.otherwise)


def named_prompt(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    text_prompt: bool = False,
    in_path: str | None = None,
    default: str | None = None,
) -> NamedPrompt | None:
    """The prompt that a call names, or None for a call that names none.

    With `text_prompt`, a `prompt` that is no object is the endpoint's own (`/v1/completions`). `in_path` is the reference in the
    request's path, where there is one. A call that names no version means the one in the header x-slugline-version, else `default`,
    the channel of the caller's key.

    Raises RequestRefused, or RegistryError for a reference that can't be one.
    """
    found = spelled(body, text_prompt=text_prompt, in_path=in_path)
    if not found:
        return None
    if len(found) > 1:
        raise refused(
            f"the prompt is named twice, by {found[0].name} and by {found[1].name}: say it once",
            found[1].param,
        )
    said = read(found[0], body, in_path)
    by_model = said.spelling is MODEL_NAME
    metadata = body.get("metadata") if by_model else None
    reference, *otherwise = _readings(said, headers.get(VERSION_HEADER) or default)
    return NamedPrompt(
        reference=reference,
        variables={
            **(metadata if isinstance(metadata, dict) else {}),
            **_header_variables(headers),
            **said.variables,
        },
        own_keys=said.own_keys,
        model_names_prompt=by_model,
        otherwise=tuple(otherwise),
        ignored=said.ignored,
    )


def _readings(said: Said, default: str | None) -> tuple[Reference, ...]:
    """What the call's reference may mean, most literal first; `default` is for a call that names no version."""
    given = parse_reference(said.id)
    chosen = given if said.selector is None else parse_reference(f"{given.slug}@{said.selector}")
    if given.selector not in (None, chosen.selector):
        raise refused(
            f"the prompt's id asks for {said.id!r} but the version beside it is {said.selector!r}: say it once",
            "prompt.version",
        )
    literal = chosen
    if chosen.selector is None and default:
        literal = parse_reference(f"{chosen.slug}@{default}")
    if not said.spelling.foreign:
        return (literal,)
    return (*labelled(literal), *versioned(chosen)[1:])


def _header_variables(headers: Mapping[str, str]) -> dict[str, Any]:
    text = headers.get(VARIABLES_HEADER)
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused(f"the header {VARIABLES_HEADER} must be a JSON object: {error}", VARIABLES_HEADER) from error
    return variables_of(value, VARIABLES_HEADER)
