"""LiteLLM's way of reading prompts, for those who keep LiteLLM as their gateway and move its prompts here.

Knows the one path of LiteLLM's "generic prompt management"
(https://docs.litellm.ai/docs/adding_provider/generic_prompt_management_api). Refuses to know LiteLLM itself.

LiteLLM fills in a message's text by replacing `{name}`, then `{{name}}`, with the value of each variable that a call gives. In
that order `{{name}}` would come out as `{value}`, so blanks are written `{name}`. It fills in no list of content parts. A prompt
that it can't fill in is refused, unless the query carries `variables`: then it is rendered here, and nothing is left to fill in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from registry.compat.plain import Plain, PlainTemplates, Writing
from registry.compat.readings import labelled, resolve_first, versioned
from registry.content import CALLERS_OWN, body_keys
from registry.errors import PromptInvalidError, PromptReferenceInvalidError, nearest
from registry.http.api import readable
from registry.http.terms import By
from registry.reference import Reference, parse_reference, parse_selector
from registry.roles import permit
from registry.serving.live import LiveRegistry, Resolved
from registry.templates.parts import leaves, place_of, with_leaf
from registry.templates.template import render

PATH = "/beta/litellm_prompt_management"
_VERSION_KEYS = ("_version", "version", "label")
_KEYS = ("prompt_id", *_VERSION_KEYS, "variables")

Json = dict[str, Any]


def build_router(live: LiveRegistry, by: By) -> APIRouter:
    """LiteLLM's route; `by` says who asks."""
    router = APIRouter(tags=["litellm"])

    @router.get(PATH)
    def get_prompt(request: Request) -> Json:
        """A prompt as LiteLLM's generic prompt manager takes it.

        `prompt_id` is a reference such as `support-agent@latest`. The rest comes from LiteLLM's
        `provider_specific_query_params`: `_version`, `version` or `label` instead of a reference's `@…`, and `variables`, a JSON
        object, to have the prompt rendered here.
        """
        query = dict(request.query_params)
        reference = _reference(query)
        given = _variables(query.get("variables"))
        me = by(request)
        readings = tuple(each for each in (*labelled(reference), *versioned(reference)[1:]) if me.sees(each.slug))
        permit(me, "read", slug=None if readings else reference.slug)
        resolved = readable(me, resolve_first(live, readings), live)
        return answer_of(resolved, prompt_id=query["prompt_id"], variables=given)

    return router


def answer_of(resolved: Resolved, *, prompt_id: str, variables: Mapping[str, Any] | None) -> Json:
    """A version in LiteLLM's format; with `variables` it is rendered.

    Raises PromptNotPlainError where LiteLLM could not fill it in as Slugline does.
    """
    content = resolved.version.content
    templates = PlainTemplates(resolved, LITELLM)
    messages: Sequence[Mapping[str, Any]]
    if variables is not None:
        messages = render(resolved.compiled, variables).messages
    elif content.kind == "text":
        messages = [{"role": "system", "content": templates.text(content.text or "", "text")}]
    else:
        messages = [_message(message, templates, f"messages[{i}]") for i, message in enumerate(content.messages)]
    return {
        "prompt_id": prompt_id,
        "prompt_template": _without_placeholder(messages, templates),
        "prompt_template_model": content.model,
        "prompt_template_optional_params": body_keys(content),
    }


def _message(message: Mapping[str, Any], templates: PlainTemplates, where: str) -> Json:
    body = message.get("content")
    if isinstance(body, str):
        return {**message, "content": templates.text(body, f"{where}.content")}
    if isinstance(body, list | tuple):
        return {**message, "content": [_part(part, templates, f"{where}.content[{i}]") for i, part in enumerate(body)]}
    return dict(message)


def _part(part: Any, templates: PlainTemplates, where: str) -> Any:
    for path, source in leaves(part):
        part = with_leaf(part, path, templates.fixed(source, place_of(where, path)))
    return part


def _without_placeholder(messages: Sequence[Mapping[str, Any]], templates: PlainTemplates) -> list[Json]:
    """LiteLLM puts the caller's messages at the end; a version that wants them elsewhere can't be given."""
    named = next(
        (
            message["name"]
            for message in messages
            if message["role"] == "placeholder" and message["name"] != CALLERS_OWN
        ),
        None,
    )
    if named is not None:
        raise templates.refusal(
            "messages", f"places the messages of variable '{named}', and LiteLLM fills in text only"
        )
    kept = [dict(message) for message in messages if message["role"] != "placeholder"]
    if any(message["role"] == "placeholder" for message in messages[: len(kept)]):
        raise templates.refusal(
            "messages", "places the caller's messages in the middle, and LiteLLM adds them at the end"
        )
    return kept


def _misread(plain: Plain, names: Sequence[str]) -> str:
    """A text that reads `{name}` of one of the prompt's variables without being its blank."""
    text = "".join(part if isinstance(part, str) else "\0" for part in plain)
    return next(("{" + name + "}" for name in names if "{" + name + "}" in text), "")


LITELLM = Writing(client="LiteLLM", blank=lambda name: "{" + name + "}", misread=_misread)


def _reference(query: Mapping[str, str]) -> Reference:
    for key in query:
        if key not in _KEYS:
            guess = nearest(key, _KEYS)
            hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(_KEYS)}"
            raise PromptInvalidError(f"unknown query parameter '{key[:80]}'; {hint}", param=key[:80])
    if not query.get("prompt_id"):
        raise PromptInvalidError("'prompt_id' must name a prompt, such as support-agent@latest", param="prompt_id")
    reference = parse_reference(query["prompt_id"])
    named = {parse_selector(query[key]) for key in _VERSION_KEYS if query.get(key)}
    if reference.selector is not None:
        named.add(reference.selector)
    if len(named) > 1:
        raise PromptReferenceInvalidError(
            f"the version is named more than once, and differently: {', '.join(sorted(map(str, named)))}",
            param="version",
        )
    return Reference(slug=reference.slug, selector=next(iter(named), None))


def _variables(text: str | None) -> Json | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PromptInvalidError(f"'variables' must be a JSON object: {error}", param="variables") from error
    if not isinstance(value, dict):
        raise PromptInvalidError("'variables' must be a JSON object", param="variables")
    return value
