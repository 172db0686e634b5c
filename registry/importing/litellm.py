"""LiteLLM's `.prompt` files, and the same as JSON, as versions of this registry.

Knows the format that LiteLLM reads (https://docs.litellm.ai/docs/proxy/prompt_management, after Dotprompt,
https://google.github.io/dotprompt/reference/frontmatter/): front matter, then a Jinja2 body in which lines that begin with
`System:`, `User:` or `Assistant:` begin a message. Refuses what only Dotprompt itself can do (Handlebars' blocks).

LiteLLM splits into messages after rendering, and strips each line; here each message is a template of its own, so that no
value can make one. A tag that opens in one message and closes in another is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.documents import read_json, read_yaml
from registry.importing.imported import Imported, Reading, Refused, checked, joined, refusal, unique
from registry.importing.naming import slug_for
from registry.importing.rewriting import without_safe
from registry.importing.settings import call_settings, shown
from registry.importing.variables import declared, picoschema
from registry.importing.writing import unified
from registry.templates.template import compile_content
from registry.values import Content

_FRONT = re.compile(r"---[ \t]*\n((?:.*?\n)?)---[ \t]*(?:\n|\Z)", re.DOTALL)
_ROLES = {"System:": "system", "User:": "user", "Assistant:": "assistant"}
_VERSION = re.compile(r"(.+)\.v(\d+)")
_ROLE_TAG = re.compile(r"\{\{\s*role\s+[\"'](system|user|model|assistant)[\"']\s*\}\}")
_HISTORY_TAG = re.compile(r"\{\{\s*history\s*\}\}")
_HANDLEBARS = re.compile(r"\{\{\s*([#/^>&!][^}]*|else|media [^}]*|section [^}]*)\}\}")
_LEADING_COMMENTS = re.compile(
    r"\A(?:(?!\{# the caller)\{#.*?#\}\s*)+", re.DOTALL
)  # they would be a message of their own
_HIDDEN = re.compile(r"(?>(?:\{%.*?%\}|\{#.*?#\})\s*)+(?:System|User|Assistant):")
_PLACE = "{# the caller's messages #}"  # where it goes, once the tag is known to mean that
_ABOUT = frozenset(
    {"name", "description", "tags", "version", "author", "authors", "input", "output", "config", "ext", "metadata"}
)


def read_prompt(text: str, name: str, *, prefix: str = "") -> Reading:
    """One `.prompt` file, or a JSON file of prompts (`{id: {content, metadata}}`); `name` is the file's name.

    Raises PromptInvalidError if the file is neither.
    """
    stem = re.sub(r"\.(prompt|json)\Z", "", name.replace("\\", "/").rpartition("/")[2])
    if not name.endswith(".json"):
        front, body = _split(text)
        return _converted(stem, front, body, prefix)
    data = read_json(text)
    if isinstance(data, Mapping) and "content" in data:
        data = {stem: data}
    if not isinstance(data, Mapping) or not all(isinstance(item, Mapping) for item in data.values()):
        raise PromptInvalidError('a file of prompts is an object: {"id": {"content": …, "metadata": …}}', param="file")
    return joined(
        _converted(key, item.get("metadata") or {}, str(item.get("content", "")), prefix) for key, item in data.items()
    )


def in_order(reading: Reading) -> Reading:
    """The versions of several files in their order: `support.prompt` before `support.v1.prompt`, `v2` before `v10`."""
    versions: dict[tuple[str, int], Imported] = {}
    refused = list(reading.refused)
    for version in reading.imported:
        key = (version.slug, version.source.get("version", 0))
        if versions.setdefault(key, version) is not version:
            reason = (
                f"its slug '{version.slug}' is that of another file; import the folders apart, each with its --prefix"
            )
            refused.append(Refused(origin=version.origin, reason=reason))
    ordered = sorted(versions.values(), key=lambda version: version.source.get("version", 0))
    return Reading(imported=tuple(ordered), refused=tuple(refused))


def _split(text: str) -> tuple[Any, str]:
    text = unified(text.removeprefix("\ufeff"))
    match = _FRONT.match(text)
    return (read_yaml(match.group(1)) or {}, text[match.end() :]) if match else ({}, text)


def _converted(name: str, front: Any, body: str, prefix: str) -> Reading:
    try:
        return Reading(imported=(checked(_convert(name, front, body, prefix)),))
    except PromptInvalidError as error:
        return refusal("", error)


def _convert(name: str, front: Any, body: str, prefix: str) -> Imported:
    if not isinstance(front, Mapping):
        raise PromptInvalidError(f"the front matter is a mapping, not {shown(front)}", param="file")
    versioned = _VERSION.fullmatch(name)
    title = versioned.group(1) if versioned else name
    notes: list[str] = []
    content = Content(messages=tuple(_messages(body, notes)))
    own, also = _inside(front, "input"), _inside(front, "output")
    schema = picoschema(own["schema"]) if own.get("schema") else {}
    variables = declared(content, schema, _inside(own, "default", "input.default"), notes)
    settings = call_settings({**_inside(front, "config"), **front}, what="front matter", silent=_ABOUT)
    content = replace(
        settings.onto(content),
        variables=variables,
        response_format=settings.response_format or _response_format(also, notes),
    )
    source = {"imported_from": "litellm", "name": name, **({"version": int(versioned.group(2))} if versioned else {})}
    return Imported(
        slug=slug_for(title, prefix),
        content=content,
        tags=tuple(tag for tag in front.get("tags") or () if isinstance(tag, str)),
        description=str(front.get("description") or ""),
        notes=unique([*notes, *settings.notes]),
        origin=f"'{name}'",
        source=source,
    )


def _messages(body: str, notes: list[str]) -> list[dict[str, Any]]:
    body = _LEADING_COMMENTS.sub("", without_safe(_from_handlebars(unified(body)).strip()))
    found = _by_role(body, notes)
    messages = []
    for role, text in found:
        if role == "placeholder":
            messages.append({"role": role, "name": "messages"})
        else:
            edges = text.startswith(("{%", "{#")) or text.endswith(("%}", "#}"))
            messages.append({"role": role, "content": f"{{% filter trim %}}{text}{{% endfilter %}}" if edges else text})
    _check_apart(body, messages)
    return messages


def _by_role(body: str, notes: list[str]) -> list[tuple[str, str]]:
    """Messages as LiteLLM finds them: by the first word of a line, each line stripped, the last one left out if it is empty."""
    found: list[tuple[str, list[str]]] = []
    for line in body.split("\n"):
        stripped = line.strip()
        if stripped == _PLACE:
            found.append(("placeholder", []))
            continue
        marker = next((marker for marker in _ROLES if stripped.startswith(marker)), None)
        if marker is not None:
            found.append((_ROLES[marker], [stripped.removeprefix(marker).strip()]))
            continue
        if not found or (found[-1][0] == "placeholder" and stripped):
            found.append(("user", []))
        if _HIDDEN.match(stripped):
            raise PromptInvalidError(
                f"'{stripped[:60]}' makes a message only sometimes; here messages stand firm", param="file"
            )
        if line[:1].isspace() and stripped:
            notes.append("spaces at the start of lines are gone: LiteLLM strips each line before it sends it")
        found[-1][1].append(stripped)
    texts = [(role, "\n".join(lines).strip()) for role, lines in found]
    if texts and not texts[-1][1] and texts[-1][0] != "placeholder":
        texts.pop()
    return texts


def _from_handlebars(body: str) -> str:
    """What a Dotprompt file has in Handlebars and LiteLLM's files have as lines; the rest of Handlebars is refused."""
    if _ROLE_TAG.search(body):  # without, `{{ history }}` is a variable like any other
        body = _ROLE_TAG.sub(
            lambda tag: f"\n{'Assistant' if tag[1] in ('model', 'assistant') else tag[1].title()}:", body
        )
        body = _HISTORY_TAG.sub(f"\n{_PLACE}\n", body)
    if block := _HANDLEBARS.search(body):
        raise PromptInvalidError(
            f"'{block.group()}' is Handlebars', which LiteLLM doesn't render either; write it in Jinja2", param="file"
        )
    return body


def _check_apart(body: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Each message has to be a template of its own, with no name that another one sets."""
    whole = compile_content(Content(kind="text", text=body))
    try:
        apart = compile_content(Content(messages=tuple(messages)))
    except PromptInvalidError as error:
        raise PromptInvalidError(
            f"a tag opens in one message and closes in another, or a message is made by a loop or an if; here each message "
            f"is a template of its own ({error.message})",
            param="file",
        ) from error
    shared = [name for name in apart.variables if name not in whole.variables]
    if shared:
        raise PromptInvalidError(
            f"'{shared[0]}' is set in one message and used in another; set it in both", param="file"
        )


def _response_format(output: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any] | None:
    if output.get("schema"):
        notes.append("output.schema is asked for as response_format; LiteLLM doesn't send it")
        schema = picoschema(output["schema"], "output.schema")
        return {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}
    if output.get("format") == "json":
        notes.append("output.format is asked for as response_format; LiteLLM doesn't send it")
        return {"type": "json_object"}
    return None


def _inside(mapping: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    value = mapping.get(key) or {}
    if not isinstance(value, Mapping):
        raise PromptInvalidError(f"'{where or key}' is a mapping, not {shown(value)}", param=key)
    return value
