"""Helicone's prompts: the body of a chat completion with typed tags, as a version of this registry.

Knows the tags `{{hc:name:type}}` and, for parts of other prompts, `{{hcp:id:index:environment}}`
(https://docs.helicone.ai/features/advanced-usage/prompts), and the objects that Helicone's API wraps a body in. Refuses to fetch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.documents import read_json
from registry.importing.imported import Imported, Reading, checked, refusal, unique
from registry.importing.messages import read_messages, texts_of, with_texts
from registry.importing.naming import channel_for, identifiers, renamed, slug_for
from registry.importing.settings import call_settings, shown
from registry.importing.writing import Include, Part, Print, jinja
from registry.values import Content

# The SDK's own pattern (TEMPLATE_REGEX in packages/prompts/templates.ts, Apache-2.0), spaces and all.
_TAG = re.compile(r"\{\{\s*hc\s*:\s*([a-zA-Z_-][a-zA-Z0-9_-]*)\s*:\s*([a-zA-Z_-][a-zA-Z0-9_-]*)\s*\}\}")
_PARTIAL = re.compile(r"\{\{\s*hcp\s*:\s*([\w-]+)\s*:\s*(\d+)\s*(?::\s*([\w-]+)\s*)?\}\}")
_TYPES = {"string": "string", "number": "number", "boolean": "boolean"}
_WRAPPERS = ("prompt_body", "promptBody", "body", "data")
_NOT_SETTINGS = frozenset({"messages", "prompt_id", "inputs", "environment", "version_id", "stream", "stream_options"})


def read_body(text: str, name: str, *, slug: str = "", prefix: str = "") -> Reading:
    """One prompt from the JSON of its body. Its slug is `slug`, else made of its id in the file, else of `name`.

    Raises PromptInvalidError if the file is no JSON.
    """
    data = read_json(text)
    about: dict[str, Any] = {}
    while isinstance(data, Mapping) and "messages" not in data:
        inside = next((data[key] for key in _WRAPPERS if isinstance(data.get(key), Mapping)), None)
        if inside is None:
            break
        about |= {key: value for key, value in data.items() if isinstance(value, (str, int))}
        data = inside
    try:
        return Reading(imported=(checked(_convert(data, about, name, slug, prefix)),))
    except PromptInvalidError as error:
        return refusal("", error)


def _convert(body: Any, about: Mapping[str, Any], name: str, slug: str, prefix: str) -> Imported:
    if not isinstance(body, Mapping) or "messages" not in body:
        raise PromptInvalidError(
            f"a prompt of Helicone is an object with 'messages', not {shown(body)}", param="messages"
        )
    title = slug or str(about.get("name") or about.get("prompt_id") or body.get("prompt_id") or name)
    notes: list[str] = []
    messages = read_messages(body["messages"], notes)
    texts = texts_of(messages)
    tags = [tag for text in texts for tag in _TAG.findall(text)]
    names = identifiers(tag[0] for tag in tags)
    notes += renamed(names)
    types = _types(tags, names, notes)
    includes: list[str] = []

    def template(text: str) -> str:
        parts = _parts(text, names, types, prefix, notes)
        includes.extend(part.reference for part in parts if isinstance(part, Include))
        return jinja(parts)

    settings = call_settings(body, what="body", silent=_NOT_SETTINGS)
    notes += [*settings.notes, *_left_alone(body)]
    content = settings.onto(Content(messages=with_texts(messages, template)))
    if types:
        content = replace(content, variables={"type": "object", "properties": types})
    return Imported(
        slug=slug_for(title, prefix),
        content=content,
        message=str(about.get("commit_message") or ""),
        notes=unique(notes),
        origin=f"'{title}'",
        source={"imported_from": "helicone", "name": title},
        includes=tuple(dict.fromkeys(includes)),
    )


def _parts(text: str, names: Mapping[str, str], types: Mapping[str, Any], prefix: str, notes: list[str]) -> list[Part]:
    parts: list[Part] = []
    position = 0
    for match in re.finditer(f"{_TAG.pattern}|{_PARTIAL.pattern}", text):
        variable, _, prompt, index, environment = match.groups()
        parts.append(text[position : match.start()])
        position = match.end()
        if variable is not None:
            name = names[variable]
            # Helicone prints a boolean as JavaScript does: true, not True.
            parts.append(Print(expression=f"{name}|tojson" if types[name].get("type") == "boolean" else name))
            continue
        reference = f"{slug_for(prompt, prefix)}@{channel_for(environment or 'production')}"
        notes.append(
            f"message {index} of prompt '{prompt}' is included as '{reference}': save that message there as a text"
        )
        parts.append(Include(reference=reference))
    return [*parts, text[position:]]


def _types(tags: list[tuple[str, str]], names: Mapping[str, str], notes: list[str]) -> dict[str, dict[str, Any]]:
    types: dict[str, dict[str, Any]] = {}
    for name, kind in tags:
        known = _TYPES.get(kind)
        schema = {"type": known} if known else {}
        if types.setdefault(names[name], schema) != schema:
            notes.append(f"variable '{name}' has several types, so any value is taken")
            types[names[name]] = {}
    if any(schema.get("type") in ("number", "boolean") for schema in types.values()):
        notes.append('Helicone takes the text "5" for a number and "yes" for a boolean; here the type counts')
    return types


def _left_alone(body: Mapping[str, Any]) -> list[str]:
    """Tags where this registry has no templates."""
    found = []
    for key in ("tools", "response_format"):
        for match in _TAG.finditer(json.dumps(body.get(key), ensure_ascii=False)):
            found.append(f"'{match.group()}' in {key} stays as it is: variables are not filled in there")
    return found
