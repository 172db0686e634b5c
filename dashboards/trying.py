"""What stands in the playground: a prompt, what its variables and the caller say, and the sides that are tried. From an address, a
recorded call, or the form itself.

Knows how one becomes the other without losing what was typed. Refuses to know HTML and to make calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboards.call_reading import asked_of
from dashboards.forms import Form
from dashboards.playing import Try
from dashboards.try_fields import (
    VariableField,
    fields_of,
    messages_of,
    split_messages,
    typed_again,
    variables_of,
)
from registry.errors import PromptInvalidError, RegistryError
from registry.files.prompt_file import read_prompt_file, to_prompty
from registry.importing.cases.from_call import case_of_call
from registry.roles import Principal, permit
from registry.storage.reader import STABLE
from registry.values import Content, Prompt, Version
from registry.writing.store import Store

SIDES = ("a", "b")
_MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of what is compared. `text` is the version's file, edited or not; `original` as the version has it."""

    name: str
    version: int = 0
    model: str = ""
    own_model: str = ""
    text: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """All that stands in the form. `problem` says what of a call could not be taken over."""

    slug: str = ""
    prompt: Prompt | None = None
    versions: Sequence[Version] = ()
    sides: tuple[Side, ...] = (Side(name="a"),)
    fields: Sequence[VariableField] = ()
    earlier: str = ""
    says: str = ""
    problem: str = ""
    bad_messages: str = ""
    messages: Sequence[Mapping[str, Any]] = ()

    @property
    def models(self) -> list[str]:
        """Models that the prompt's versions name."""
        return [each.content.model for each in self.versions if each.content.model]

    def content(self, side: Side) -> Content:
        """What a side says: its edited text, else its version."""
        try:
            draft = draft_in(side)
        except PromptInvalidError:  # whoever runs it is told; until then the version's variables stand
            draft = None
        return draft or next((each.content for each in self.versions if each.number == side.version), Content())

    def asked(self, side: Side) -> Try:
        """A side as it is tried. Raises PromptInvalidError."""
        if self.bad_messages:
            raise PromptInvalidError(self.bad_messages, param="earlier")
        if not self.slug and not self.messages:
            raise PromptInvalidError(
                "there is nothing to ask: choose a prompt, or write what the user says", param="says"
            )
        own = {each.name for each in fields_of(self.content(side), {})} if self.slug else set()
        return Try(
            slug=self.slug,
            version=str(side.version) if self.slug else "",
            draft=draft_in(side) if self.slug else None,
            variables=variables_of([each for each in self.fields if each.name in own]),
            messages=self.messages,
            model=side.model,
        )


def tried_of_address(store: Store, me: Principal, query: Mapping[str, str], call: Mapping[str, Any] | None) -> Tried:
    """What an address asks to try, filled from a recorded call where it names one. Raises RegistryError for a prompt that isn't there."""
    slug = query.get("prompt", "") or (str(call["prompt"]) if call else "")
    version = query.get("version", "") or (str(call["version"]) if call and slug else "")
    base = _base(store, me, slug, version, query.get("model", ""))
    if slug and (query.get("two") is not None or query.get("other")):
        other = query.get("other") or (STABLE if base.prompt and STABLE in base.prompt.channels else "latest")
        base = replace(base, sides=(*base.sides, _side(store, base, "b", other, query.get("model_b", ""))))
        base = replace(base, fields=_fields(base, {}))
    if call is None:
        return base
    variables = call["variables"] if isinstance(call.get("variables"), Mapping) else {}
    base = replace(base, fields=_fields(base, variables))
    try:
        content = base.content(base.sides[0]) if slug else None
        messages = list(case_of_call(_as_recorded(call), content).messages)
    except RegistryError as error:
        return replace(base, problem=f"What the call said could not be taken over: {error.message}")
    if not slug:
        model = query.get("model", "") or str(call["model_requested"])
        base = replace(base, sides=(replace(base.sides[0], model=model),))
        messages = messages or [{"role": each.role, "content": each.text} for each in asked_of(call.get("request"))]
    earlier, says = split_messages(messages)
    return replace(base, earlier=earlier, says=says)


def tried_of_form(store: Store, me: Principal, form: Form) -> Tried:
    """What was sent. Raises RegistryError for a prompt or version that isn't there."""
    slug = form.text("prompt")
    base = _base(store, me, slug, form.text("version_a"), form.text("model_a"))
    sides = list(base.sides)
    if form.text("two"):
        sides.append(_side(store, base, "b", form.text("version_b"), form.text("model_b")))
    # A text that was edited stays with the version that it was made from.
    sides = [
        replace(side, text=form.fields.get(f"text_{side.name}", side.text))
        if form.text(f"base_{side.name}") == str(side.version)
        else side
        for side in sides
    ]
    messages: list[dict[str, Any]] = []
    bad = ""
    try:
        messages = messages_of(form)
    except PromptInvalidError as error:
        bad = error.message
    base = replace(base, sides=tuple(sides))
    return replace(
        base,
        fields=typed_again(_fields(base, {}), form),
        earlier=form.raw("earlier"),
        says=form.raw("says"),
        messages=messages,
        bad_messages=bad,
    )


def draft_in(side: Side) -> Content | None:
    """The content that a side's text says, None where it is the version's own. Raises PromptInvalidError."""
    if not side.text.strip() or side.text.strip() == side.original.strip():
        return None
    return read_prompt_file(side.text, f"the text of side {side.name.upper()}.prompty").content


def _base(store: Store, me: Principal, slug: str, version: str, model: str) -> Tried:
    if not slug:
        return Tried(sides=(Side(name="a", model=model),))
    permit(me, "inspect", slug=slug)
    prompt = store.prompt(slug)
    tried = Tried(slug=slug, prompt=prompt, versions=store.versions(slug)[:_MOST_VERSIONS])
    side = _side(store, tried, "a", version or "latest", model)
    tried = replace(tried, sides=(side,))
    return replace(tried, fields=_fields(tried, {}))


def _side(store: Store, tried: Tried, name: str, version: str, model: str) -> Side:
    prompt = tried.prompt
    if prompt is None:
        return Side(name=name, model=model)
    number = (
        int(version)
        if version.isascii() and version.isdigit() and len(version) < 10
        else prompt.channels.get(version or "latest")
    )
    if number is None:
        raise PromptInvalidError(
            f"'{prompt.slug}' has no version or channel '{version[:40]}'; its channels are {', '.join(prompt.channels)}",
            param="version",
        )
    found = store.version(prompt.slug, number)
    text = to_prompty(found)
    return Side(name=name, version=number, model=model, own_model=found.content.model or "", text=text, original=text)


def _fields(tried: Tried, given: Mapping[str, Any]) -> list[VariableField]:
    """The variables of all sides, each once."""
    found: dict[str, VariableField] = {}
    for side in tried.sides if tried.slug else ():
        for each in fields_of(tried.content(side), given):
            found.setdefault(each.name, each)
    return list(found.values())


def _as_recorded(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call with its bodies as the record has them: text."""
    bodies = {name: call.get(name) for name in ("request", "variables")}
    return {
        **call,
        **{name: json.dumps(each) if isinstance(each, dict | list) else each or "" for name, each in bodies.items()},
    }
