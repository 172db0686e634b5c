"""A version as the text of a file, as near as can be to the file that is there. Pure.

A file that says the same already keeps every byte but its `version:`. Where only words changed, the front matter stays as somebody wrote
it, comments and all. Otherwise the file is written anew in its format, and keeps what describes it (authors, sample, tags …). Line ends
stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from registry.errors import RegistryError
from registry.files.frontmatter import DESCRIBES
from registry.files.prompt_file import body_of, front_of, read_prompt_file, split_front, to_prompty, to_yaml
from registry.values import Prompt, Version
from slugline.gitops.comparing import same

_VERSION = re.compile(r"^version:[ \t]*[^\s#]+", re.MULTILINE)
_NAME = re.compile(r"^name:[^\n]*\n", re.MULTILINE)


def new_file(version: Version, prompt: Prompt) -> str:
    """The version as a .prompty file that nobody wrote yet, with what the registry knows of the prompt."""
    about = {"name": version.slug, "version": version.number}
    known = {"description": prompt.purpose, "owner": prompt.owner, "tags": list(prompt.tags)}
    return to_prompty(version, about={**about, **{name: value for name, value in known.items() if value}})


def changed_file(version: Version, text: str, path: str) -> str:
    """The text of a file, changed to say what the version says, and its number."""
    ends = "\r\n" if "\r\n" in text else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    ways = (_numbered, _with_body, _anew)
    found = next(changed for way in ways if (changed := way(version, plain, path)) is not None)
    return mark + found.replace("\n", ends)


def with_number(text: str, path: str, number: int) -> str:
    """The text of a file with another `version:` and nothing else changed; as it is, where that can't be done."""
    ends = "\r\n" if "\r\n" in text else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    changed = _renumbered(plain, path, number)
    try:
        before, after = (read_prompt_file(each, "." + path.rpartition(".")[2]) for each in (plain, changed))
    except RegistryError:
        return text
    right = after.version == number and after.content == before.content
    return mark + changed.replace("\n", ends) if right else text


def _numbered(version: Version, text: str, path: str) -> str | None:
    """The same with another number, if it says all the rest already."""
    changed = _renumbered(text, path, version.number)
    return next((found for found in (text, changed) if _says(found, path, version)), None)


def _renumbered(text: str, path: str, number: int) -> str:
    if not path.lower().endswith(".prompty"):
        return _with_number(text, number)
    front, body = split_front(text)
    return f"---\n{_with_number(front or '', number)}---\n{body}"


def _with_body(version: Version, text: str, path: str) -> str | None:
    """The front matter as it is, with the version's words below."""
    body = body_of(version.content)
    front, _ = split_front(text)
    if not path.lower().endswith(".prompty") or front is None or body is None:
        return None
    changed = f"---\n{_with_number(front, version.number)}---\n{body}"
    return changed if _says(changed, path, version) else None


def _anew(version: Version, text: str, path: str) -> str:
    try:
        front = front_of(text, path)
    except RegistryError:
        front = {}
    about: dict[str, Any] = {name: value for name, value in front.items() if name in DESCRIBES and name != "version"}
    if not front:
        about = {"name": version.slug}
    about = _after_name(about, version.number)
    return to_prompty(version, about=about) if path.lower().endswith(".prompty") else to_yaml(version, about=about)


def _after_name(about: Mapping[str, Any], number: int) -> dict[str, Any]:
    named = {"name": about["name"]} if "name" in about else {}
    return {**named, "version": number, **{name: value for name, value in about.items() if name != "name"}}


def _with_number(front: str, number: int) -> str:
    said = f"version: {number}"
    if _VERSION.search(front):
        return _VERSION.sub(said, front, count=1)
    name = _NAME.search(front)
    place = name.end() if name else 0
    return f"{front[:place]}{said}\n{front[place:]}"


def _says(text: str, path: str, version: Version) -> bool:
    try:
        found = read_prompt_file(text, "." + path.rpartition(".")[2])
        return found.version == version.number and same(found.content, version)
    except RegistryError:
        return False
