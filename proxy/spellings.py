"""Every way of spelling a prompt in a call, as one table, and one normal form that each of them is read into.

Knows which keys say what, in Slugline's own spellings and in other products' (wire.md, "Naming a prompt in a call"). Refuses to
know what the registry holds. Adding a product is adding a row. Formats: OpenAI's prompt object
(https://platform.openai.com/docs/api-reference/responses/create), LiteLLM (https://docs.litellm.ai/docs/proxy/prompt_management),
Helicone (https://docs.helicone.ai/gateway/prompt-integration), Portkey (https://portkey.ai/docs/api-reference/inference-api/prompts).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.errors import RequestRefused

MODEL_PREFIX = "prompt/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One way of spelling a prompt; `param` is what errors about it point at.

    `ids`, `selectors` and `variables` are the keys that hold each; of several ids the first that is given counts. Where
    `first_wins` selectors stand in order of precedence, else two that differ are refused. `foreign`: selectors are another
    product's labels, and a slug may carry a number as in `name.v2`. `switches` turn off what the version would say beside its
    messages: the key and what it turns off. `ignored` keys are the spelling's own and say nothing. `closed`: no other keys may
    stand beside them.
    """

    name: str
    param: str
    ids: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    switches: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    first_wins: bool = False
    foreign: bool = False
    closed: bool = False

    keys: frozenset[str] = field(init=False)
    """All keys of this spelling."""

    def __post_init__(self) -> None:
        said = (*self.ids, *self.selectors, *self.variables, *self.ignored, *(key for key, _ in self.switches))
        object.__setattr__(self, "keys", frozenset(said))

    def beside_id(self, body: Mapping[str, Any]) -> list[str]:
        """The keys of this spelling that a body gives beside the id."""
        return sorted(key for key in self.keys.difference(self.ids) if body.get(key) is not None)


PROMPT_OBJECT = Spelling(
    name="the object 'prompt'",
    param="prompt",
    ids=("id", "slug", "prompt_id"),
    selectors=("version", "_version", "channel"),
    variables=("variables",),
    closed=True,
)
MODEL_NAME = Spelling(name="the model's name", param="model", variables=("variables",))
# The Node SDK repeats in the body the id that it put into the path.
PATH = Spelling(name="the path", param="path", variables=("variables",), ignored=("promptID",), foreign=True)
LITELLM = Spelling(
    name="LiteLLM's 'prompt_id'",
    param="prompt_id",
    ids=("prompt_id",),
    selectors=("prompt_version", "prompt_label", "prompt_environment"),
    variables=("prompt_variables",),
    switches=(
        ("ignore_prompt_manager_model", "model"),
        ("ignore_prompt_manager_optional_params", "parameters"),
    ),
    first_wins=True,
    foreign=True,
)
HELICONE = Spelling(
    name="Helicone's 'prompt_id'",
    param="prompt_id",
    ids=("prompt_id",),
    selectors=("environment", "version_id", "prompt_version_id"),
    variables=("inputs",),
    first_wins=True,
    foreign=True,
)
BY_PROMPT_ID = (LITELLM, HELICONE)
PROMPT_ID_KEYS = LITELLM.keys | HELICONE.keys
"""Own keys of both: whichever a call means, none of them is for a provider."""
UNMISTAKABLE = frozenset(
    {"prompt_variables", "prompt_version", "prompt_label", "prompt_environment", "prompt_version_id"}
)
"""Keys that nothing but a prompt's spelling has, so that they try to name one even where `prompt_id` is missing."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a call says of its prompt, in one form whatever the spelling."""

    spelling: Spelling
    id: str
    selector: int | str | None
    variables: Mapping[str, Any]
    ignored: frozenset[str]
    own_keys: frozenset[str]


def spelled(body: Mapping[str, Any], *, text_prompt: bool, in_path: str | None) -> list[Spelling]:
    """The spellings that a call uses; a call that makes sense uses one or none.

    Raises RequestRefused for a call that mixes the two products that share `prompt_id`.
    """
    found = []
    if in_path is not None:
        found.append(PATH)
    given = body.get("prompt")
    if given is not None and not (text_prompt and not isinstance(given, dict)):
        found.append(PROMPT_OBJECT)
    model = body.get("model")
    if isinstance(model, str) and model.startswith(MODEL_PREFIX):
        found.append(MODEL_NAME)
    if body.get("prompt_id") is not None or any(body.get(key) is not None for key in UNMISTAKABLE):
        found.append(_by_prompt_id(body))
    return found


def read(spelling: Spelling, body: Mapping[str, Any], in_path: str | None) -> Said:
    """What a call in one spelling says.

    Raises RequestRefused that names the key and what would be right.
    """
    given, where, own = body, "", spelling.keys
    known_id: Any = None
    if spelling is PROMPT_OBJECT:
        given, where, own = _object(body["prompt"]), "prompt.", frozenset({"prompt"})
    elif spelling is MODEL_NAME:
        known_id = body["model"].removeprefix(MODEL_PREFIX)
    elif spelling is PATH:
        known_id = in_path
    else:
        own = PROMPT_ID_KEYS
    if spelling.closed:
        _refuse_unknown(spelling, given, where)
    return Said(
        spelling=spelling,
        id=_id(spelling, given, where) if known_id is None else known_id,
        selector=_selector(spelling, given, where),
        variables=next(
            (variables_of(given[key], where + key) for key in spelling.variables if given.get(key) is not None), {}
        ),
        ignored=frozenset(what for key, what in spelling.switches if _switch(given.get(key), key)),
        own_keys=own,
    )


def refused(message: str, param: str) -> RequestRefused:
    """The error for a prompt that can't be read."""
    return RequestRefused(message, code="prompt_parameter_invalid", param=param)


def variables_of(value: Any, where: str) -> dict[str, Any]:
    """The variables themselves, once they are an object."""
    if not isinstance(value, dict):
        raise refused(f"'{where}' must be an object of names and values, not {kind_of(value)}", where)
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _by_prompt_id(body: Mapping[str, Any]) -> Spelling:
    """Which of the two that share `prompt_id` is meant, told by its companions; alone it means the same in both."""
    used = [(spelling, beside) for spelling in BY_PROMPT_ID if (beside := spelling.beside_id(body))]
    if len(used) > 1:
        (_, first), (_, second) = used
        raise refused(
            f"{first[0]!r} (LiteLLM) and {second[0]!r} (Helicone) don't go together: use the names of one of them",
            second[0],
        )
    return used[0][0] if used else LITELLM


def _object(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise refused(
            '\'prompt\' must be an object such as {"id": "support-agent", "version": "stable", "variables": {}}, '
            f"not {kind_of(given)}",
            "prompt",
        )
    return given


def _refuse_unknown(spelling: Spelling, given: Mapping[str, Any], where: str) -> None:
    unknown = sorted(given.keys() - spelling.keys)
    if unknown:
        raise refused(
            f"unknown key {unknown[0]!r} in '{where.rstrip('.')}': it takes id, version and variables",
            where + unknown[0],
        )


def _id(spelling: Spelling, given: Mapping[str, Any], where: str) -> str:
    slug = next((given[key] for key in spelling.ids if given.get(key) is not None), None)
    param = where + spelling.ids[0]
    if slug is None and spelling in BY_PROMPT_ID:
        raise refused(f"{spelling.beside_id(given)[0]!r} needs a 'prompt_id' beside it that names the prompt", param)
    if not isinstance(slug, str) or not slug:
        raise refused(f"'{param}' must be the prompt's slug, such as \"support-agent\"", param)
    return slug


def _selector(spelling: Spelling, given: Mapping[str, Any], where: str) -> int | str | None:
    named = [(key, given[key]) for key in spelling.selectors if given.get(key) not in (None, "")]
    for key, value in named:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise refused(
                f"'{where}{key}' must be a channel's name or a version number, not {kind_of(value)}", where + key
            )
        if not spelling.first_wins and str(value) != str(named[0][1]):
            raise refused(
                f"'{where}{named[0][0]}' asks for {named[0][1]!r} but '{where}{key}' for {value!r}: say it once",
                where + key,
            )
    return named[0][1] if named else None


def _switch(value: Any, key: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise refused(f"'{key}' must be true or false, not {kind_of(value)}", key)
    return bool(value)
