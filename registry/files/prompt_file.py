"""Prompts as files: read a .prompty, YAML, JSON or plain text file, and write a .prompty back.

Knows the formats. Refuses to touch the disk: it takes and gives text. Role markers (`system:` on a line of its own)
count in a file's body only; in a value of a variable they are text like any other.

The Prompty format: front matter in YAML between two lines of `---`, then a Jinja2 body with role markers
(https://www.prompty.ai/docs/prompty-file-spec). A body line that merely looks like a marker is written `\\system:`.
What a body can't carry (parts, names, tool calls, text that starts or ends with an empty line) is written under
`messages` in the front matter instead, so that a prompt always comes back as it was. Of the fragments that a prompt includes a file
keeps the numbers, `includes: {tone-guide: 3}`; saving it locks them again (`registry.writing.locking`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.content import ROLES, as_mapping, parse_content
from registry.errors import PromptInvalidError
from registry.files.frontmatter import content_fields
from registry.files.yaml_text import dump_yaml, load_yaml
from registry.values import Content, Version
from registry.writing.locking import short

_MARKER = re.compile(rf"#?\s*({'|'.join(ROLES)})\s*:\s*", re.IGNORECASE)
_FENCE = re.compile(r"---[ \t]*\n((?:.*?\n)?)---[ \t]*(?:\n|$)", re.DOTALL)
_BODY_FIELDS = {"role", "content"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """What a file says: the content, and what it calls itself."""

    content: Content
    name: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    version: int | None = None
    """The version of the prompt that the file was made from, where it says so."""


def read_prompt_file(source: str, name: str) -> PromptFile:
    """Read a file's text; the ending of `name` tells the format (.prompty, .yaml, .yml, .json, else plain text).

    Plain text becomes one system message; text that begins with front matter is read as .prompty, whatever it is called.
    Raises PromptInvalidError that says what is wrong and where.
    """
    source = _plain(source)
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    try:
        if ending in ("yaml", "yml"):
            return _read_mapping(load_yaml(source))
        if ending == "json":
            return _read_mapping(json.loads(source))
        if ending == "prompty" or _FENCE.match(source):
            return _read_prompty(source)
    except json.JSONDecodeError as error:
        raise PromptInvalidError(f"{name} is not JSON: {error.msg} in line {error.lineno}", param="file") from error
    except PromptInvalidError as error:
        raise PromptInvalidError(f"{name}: {error.message}", param=error.param) from error
    return PromptFile(content=text_content(source))


def text_content(text: str) -> Content:
    """Plain text as a prompt of one system message."""
    return Content(messages=({"role": "system", "content": text},))


def to_prompty(version: Version, *, description: str = "", about: Mapping[str, Any] | None = None) -> str:
    """The version as a .prompty file; `read_prompt_file` gives equal content back, once its fragments are locked again.

    `about` stands in front, in place of the name and the description: fields that describe a file, in the order that they are to have.
    """
    fields = _fields(version.content)
    body = body_of(version.content)
    if body is not None:
        fields.pop("messages", None)
        fields.pop("text", None)
    if about is None:
        about = {"name": version.slug, **({"description": description} if description else {})}
    return f"---\n{dump_yaml({**about, **fields})}---\n{body or ''}"


def to_yaml(version: Version, *, about: Mapping[str, Any]) -> str:
    """The version as a YAML file, with `about` in front; what `to_prompty` says holds for it, too."""
    return dump_yaml({**about, **_fields(version.content)})


def front_of(source: str, name: str) -> Mapping[str, Any]:
    """The front matter of a .prompty file, or all of a YAML file, as it stands there. Raises PromptInvalidError."""
    source = _plain(source)
    if not name.lower().endswith(".prompty"):
        found = load_yaml(source)
    else:
        fence = _FENCE.match(source)
        found = load_yaml(fence.group(1), first=2) if fence else {}
    return found if isinstance(found, Mapping) else {}


def split_front(source: str) -> tuple[str | None, str]:
    """The text of a .prompty file's front matter, None where it has none, and its body."""
    source = _plain(source)
    fence = _FENCE.match(source)
    return (fence.group(1), source[fence.end() :]) if fence else (None, source)


def message_lines(source: str) -> list[int]:
    """The lines, from 1, on which the messages in a .prompty file's body begin, after their markers."""
    front, body = split_front(source)
    first = 1 if front is None else front.count("\n") + 3
    return [first + place for place, _ in _blocks(body)]


def _read_prompty(source: str) -> PromptFile:
    fence = _FENCE.match(source)
    front = load_yaml(fence.group(1), first=2) if fence else {}
    front = {} if front is None else front
    body = source[fence.end() :] if fence else source
    if not isinstance(front, Mapping):
        raise PromptInvalidError("the front matter is a mapping of names to values", param="file")
    fields = content_fields(front)
    if "messages" not in fields and "text" not in fields:
        if fields.get("kind") == "text":
            fields["text"] = body.removesuffix("\n")
        else:
            fields["messages"] = _read_body(body)
    elif body.strip():
        raise PromptInvalidError("the messages stand in the front matter and in the body; leave one out", param="file")
    return _file(front, fields)


def _read_mapping(data: Any) -> PromptFile:
    if not isinstance(data, Mapping):
        raise PromptInvalidError("the file holds a mapping with 'messages' or 'text'", param="file")
    return _file(data, content_fields(data))


def _file(front: Mapping[str, Any], fields: Mapping[str, Any]) -> PromptFile:
    tags = front.get("tags") or ()
    return PromptFile(
        content=parse_content(fields),
        name=front["name"] if isinstance(front.get("name"), str) else None,
        description=str(front.get("description") or ""),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, (list, tuple)) else (str(tags),),
        owner=str(front.get("owner") or ""),
        version=_number(front.get("version")),
    )


def _number(version: Any) -> int | None:
    """Other tools put versions of their own there, such as 1.0 and "2024-06-01"."""
    return version if isinstance(version, int) and not isinstance(version, bool) and version > 0 else None


def _plain(source: str) -> str:
    return source.removeprefix("\ufeff").replace("\r\n", "\n")


def _fields(content: Content) -> dict[str, Any]:
    fields = as_mapping(content)
    if content.kind == "chat":
        fields.pop("kind")
    if content.includes:
        fields["includes"] = short(content.includes)
    return fields


def _read_body(body: str) -> list[dict[str, Any]]:
    """Messages between role markers; text before the first marker is the system's."""
    return [_message(role, lines) for _, (role, lines) in _blocks(body)]


def _blocks(body: str) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    """Role and lines of each message, without the empty lines around it, after the place of its first line, from 0."""
    found: list[tuple[int, str, list[str]]] = []
    for place, line in enumerate(body.split("\n")):
        marker = _MARKER.fullmatch(line)
        if marker:
            found.append((place + 1, marker.group(1).lower(), []))
            continue
        if not found:
            if not line.strip():
                continue
            found.append((place, "system", []))
        found[-1][2].append(line[1:] if line.startswith("\\") and _MARKER.fullmatch(line.lstrip("\\")) else line)
    for place, role, lines in found:
        told = [number for number, line in enumerate(lines) if line.strip()]
        first, last = (told[0], told[-1] + 1) if told else (0, 0)
        yield place + first, (role, lines[first:last])


def _message(role: str, lines: list[str]) -> dict[str, Any]:
    if role == "placeholder":
        return {"role": role, "name": "\n".join(lines).strip() or "messages"}
    return {"role": role, "content": "\n".join(lines)}


def body_of(content: Content) -> str | None:
    """The body of a .prompty file, or None where a body would not come back as it was."""
    if content.kind == "text":
        text = content.text or ""
        return None if "\r" in text else f"{text}\n"
    blocks = []
    for message in content.messages:
        role, said = message["role"], message.get("content")
        if role == "placeholder":
            blocks.append(f"placeholder:\n{message['name']}\n")
            continue
        if set(message) != _BODY_FIELDS or not isinstance(said, str) or not _survives(said):
            return None
        lines = [f"\\{line}" if _MARKER.fullmatch(line.lstrip("\\")) else line for line in said.split("\n")]
        blocks.append(f"{role}:\n" + "\n".join(lines) + "\n")
    return "\n".join(blocks)


def _survives(text: str) -> bool:
    lines = text.split("\n")
    return "\r" not in text and text.strip() != "" and lines[0].strip() != "" and lines[-1].strip() != ""
