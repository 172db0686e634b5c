"""Langfuse's prompts: its JSON export and the answers of its public API, as versions of this registry.

Knows a prompt's fields as the API gives them (https://api.reference.langfuse.com, "Prompts"), in camel and in snake case, the
tags of composed prompts (`@@@langfusePrompt:name=…|label=…@@@`) and message placeholders. Refuses to fetch anything.

The export's fields are documented nowhere; Langfuse's own import takes an array of `{name, type?, prompt, config?, tags?,
labels?, commitMessage?}`, and a file that has `version` or `createdAt` beside them is put in that order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.braces import filled, left_as_text, names_in, scanned
from registry.importing.documents import read_json, read_time
from registry.importing.imported import Imported, Reading, checked, joined, refusal, unique
from registry.importing.messages import read_messages, texts_of, with_texts
from registry.importing.naming import channel_for, channels_for, identifiers, renamed, slug_for
from registry.importing.settings import call_settings, shown
from registry.importing.writing import Include, Part, jinja
from registry.values import Content

_TAG = re.compile(r"@@@langfusePrompt:(.*?)@@@")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One version as Langfuse has it."""

    name: str
    version: int | None
    body: Any
    config: Any
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    message: str
    author: str
    created_at: datetime | None

    @property
    def origin(self) -> str:
        return f"'{self.name}'" + (f" version {self.version}" if self.version else "")


def read_export(text: str, *, prefix: str = "") -> Reading:
    """Every prompt version of a JSON export. Raises PromptInvalidError if the file as a whole is none."""
    return read_prompts(_items(read_json(text)), prefix=prefix)


def read_prompts(items: Iterable[Any], *, prefix: str = "") -> Reading:
    """Prompt versions from their JSON objects, in any order; versions of one prompt come out oldest first."""
    refused, entries = [], []
    for index, item in enumerate(items):
        try:
            entries.append(_entry(item))
        except PromptInvalidError as error:
            refused.append(refusal(f"prompt {index + 1}", error))
    by_name: dict[str, list[_Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    ordered = {name: _in_order(found) for name, found in by_name.items()}
    numbers = {name: _numbers(found) for name, found in ordered.items()}
    read = []
    slugs: dict[str, str] = {}
    for name, found in ordered.items():
        try:
            slug = slug_for(name, prefix)
            if slugs.setdefault(slug, name) != name:
                raise PromptInvalidError(
                    f"its slug '{slug}' is that of '{slugs[slug]}' already; rename one", param="name"
                )
        except PromptInvalidError as error:
            read.append(refusal(f"'{name}'", error))
            continue
        read += [_converted(entry, slug, prefix, numbers) for entry in found]
    return joined([*refused, *read])


def read_page(answer: Any) -> list[tuple[str, list[int]]]:
    """Names with their version numbers from one page of the API's list. Raises PromptInvalidError for anything else."""
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list):
        raise PromptInvalidError(f"this is no list of Langfuse prompts: {shown(answer)}", param="data")
    found = []
    for entry in data:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        versions = entry.get("versions") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not isinstance(versions, list) or not all(type(v) is int for v in versions):
            raise PromptInvalidError(f"an entry of the list has no name and versions: {shown(entry)}", param="data")
        found.append((name, sorted(versions)))
    return found


def _items(data: Any) -> list[Any]:
    if isinstance(data, Mapping):
        data = next((data[key] for key in ("prompts", "data") if isinstance(data.get(key), list)), [data])
    if not isinstance(data, list):
        raise PromptInvalidError(f"an export of Langfuse is a JSON array of prompts, not {shown(data)}", param="file")
    return data


def _entry(item: Any) -> _Entry:
    if not isinstance(item, Mapping):
        raise PromptInvalidError(f"a prompt is an object, not {shown(item)}", param="prompt")
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        raise PromptInvalidError(f"it has no name: {shown(item)}", param="name")
    body = item.get("prompt")
    if item.get("type") == "chat" and isinstance(body, str):
        body = read_json(body)
    if not isinstance(body, (str, list)):
        raise PromptInvalidError(
            f"'prompt' of '{name}' is a text or a list of messages, not {shown(body)}", param="prompt"
        )
    version = item.get("version")
    author = _text(item, "createdBy", "created_by")
    labels = [*_strings(item.get("labels")), *(["production"] if _field(item, "isActive", "is_active") is True else [])]
    return _Entry(
        name=name,
        version=version if type(version) is int else None,
        body=body,
        config=item.get("config"),
        labels=tuple(labels),
        tags=tuple(_strings(item.get("tags"))),
        message=_text(item, "commitMessage", "commit_message"),
        author="" if author == "API" else author,
        created_at=read_time(_field(item, "createdAt", "created_at")),
    )


def _in_order(entries: Sequence[_Entry]) -> list[_Entry]:
    """Oldest first by number, else by time, else as they stand."""
    if all(entry.version is not None for entry in entries):
        return sorted(entries, key=lambda entry: entry.version or 0)
    if all(entry.created_at is not None for entry in entries):
        return sorted(entries, key=lambda entry: entry.created_at.timestamp() if entry.created_at else 0.0)
    return list(entries)


def _numbers(entries: Sequence[_Entry]) -> dict[int, int]:
    """Langfuse's version numbers to the ones they get in an empty registry, where equal neighbours are one version."""
    numbers: dict[int, int] = {}
    number, before = 0, None
    for entry in entries:
        said = json.dumps([entry.body, entry.config], sort_keys=True, default=str)
        number += said != before
        before = said
        if entry.version is not None:
            numbers[entry.version] = number
    return numbers


def _converted(entry: _Entry, slug: str, prefix: str, numbers: Mapping[str, Mapping[int, int]]) -> Reading:
    try:
        return Reading(imported=(checked(_convert(entry, slug, prefix, numbers)),))
    except PromptInvalidError as error:
        return refusal(entry.origin, error)


def _convert(entry: _Entry, slug: str, prefix: str, numbers: Mapping[str, Mapping[int, int]]) -> Imported:
    notes: list[str] = []
    if slug != prefix + entry.name:
        notes.append(f"its name '{entry.name}' is the slug '{slug}' here")
    messages = None if isinstance(entry.body, str) else read_messages(entry.body, notes)
    texts = [entry.body] if messages is None else texts_of(messages)
    pieces = {text: _composed(text, prefix, numbers, notes) for text in texts}
    blanks = [part for parts in pieces.values() for text in parts if isinstance(text, str) for part in scanned(text)]
    placeholders = [message["name"] for message in messages or () if message["role"] == "placeholder"]
    names = identifiers([*names_in(blanks), *placeholders])
    notes += [*renamed(names), *left_as_text(blanks)]

    def template(text: str) -> str:
        parts: list[Part] = []
        for piece in pieces[text]:
            parts += filled(scanned(piece), names) if isinstance(piece, str) else [piece]
        return jinja(parts)

    if messages is None:
        content = Content(kind="text", text=template(texts[0]))
    else:
        written = with_texts(messages, template)
        content = Content(messages=tuple(_placed(message, names) for message in written))
    settings = call_settings(entry.config)
    channels, about_labels = channels_for(entry.labels)
    includes = [part.reference for parts in pieces.values() for part in parts if isinstance(part, Include)]
    source = {"imported_from": "langfuse", "name": entry.name, "version": entry.version}
    return Imported(
        slug=slug,
        content=settings.onto(content),
        message=entry.message,
        author=entry.author,
        created_at=entry.created_at,
        channels=channels,
        tags=entry.tags,
        notes=unique([*notes, *settings.notes, *about_labels]),
        origin=entry.origin,
        source={name: value for name, value in source.items() if value is not None},
        includes=tuple(dict.fromkeys(includes)),
    )


def _placed(message: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**message, "name": names[message["name"]]} if message["role"] == "placeholder" else message


def _composed(
    text: str, prefix: str, numbers: Mapping[str, Mapping[int, int]], notes: list[str]
) -> list[str | Include]:
    """Text and includes. As in Langfuse, a tag whose first word isn't the name, or with more than two, is text."""
    parts: list[str | Include] = []
    position = 0
    for match in _TAG.finditer(text):
        words = [word.partition("=") for word in match.group(1).split("|")]
        if len(words) != 2 or words[0][0] != "name" or words[1][0] not in ("label", "version"):
            continue
        name, kind, which = words[0][2], words[1][0], words[1][2]
        reference = _reference(name, kind, which, prefix, numbers, notes)
        if reference is None:
            continue
        parts += [text[position : match.start()], Include(reference=reference)]
        position = match.end()
    return [*parts, text[position:]]


def _reference(
    name: str, kind: str, which: str, prefix: str, numbers: Mapping[str, Mapping[int, int]], notes: list[str]
) -> str | None:
    slug = slug_for(name, prefix)
    if kind == "label":
        return f"{slug}@{channel_for(which)}"
    if not which.isdecimal() or int(which) < 1:
        return None
    number = numbers.get(name, {}).get(int(which), int(which))
    notes.append(f"it includes version {which} of '{name}' as '{slug}@{number}': check that this is the one")
    return f"{slug}@{number}"


def _field(item: Mapping[str, Any], *names: str) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _text(item: Mapping[str, Any], *names: str) -> str:
    value = _field(item, *names)
    return value.strip() if isinstance(value, str) else ""


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
