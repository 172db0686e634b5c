"""promptfoo's prompts of any form as content: plain text, a chat in JSON or YAML, and JSON with tags between its values.

Knows how promptfoo makes messages of a prompt: JSON is filled in string by string, other text first and read as JSON or YAML
after (`renderPrompt` in src/evaluatorHelpers.ts and `parseChatPrompt` in src/providers/shared.ts, MIT); text that is neither is
one message of the user. Refuses messages that a loop makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.documents import read_json, read_yaml
from registry.importing.messages import read_messages, with_texts
from registry.importing.rewriting import from_nunjucks
from registry.importing.settings import CallSettings, call_settings
from registry.importing.writing import unified
from registry.values import Content

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_DUMPED = re.compile(r"\{\{-?\s*(.+?)\s*\|\s*(?:dump|tojson)\s*(?:\(\s*\))?\s*-?\}\}", re.DOTALL)
_MARK = "\ue000{}\ue001"  # private-use characters: no prompt has them, and JSON and YAML let them be
_MARKED = re.compile("\ue000(\\d+)\ue001")
_YAML_CHAT = re.compile(r"\s*-\s+[\"']?role[\"']?\s*:")
Samples = Mapping[str, Sequence[Any]]


def read_chat(body: Any, samples: Samples) -> tuple[Content, list[str]]:
    """The content of one prompt, and notes. `body` is its text, or the value of a YAML file.

    Raises PromptInvalidError for a chat that can't be taken apart into messages.
    """
    notes: list[str] = []

    def rewritten(text: str) -> str:
        written, about = from_nunjucks(text, samples=samples)
        notes.extend(about)
        return written

    value = _value(unified(body)) if isinstance(body, str) else body
    settings = CallSettings()
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        settings = call_settings({key: item for key, item in value.items() if key != "messages"}, what="prompt")
        value = value["messages"]
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "role" in item for item in value):
        messages = with_texts(read_messages(value, notes), rewritten)
    elif isinstance(value, str):
        messages = ({"role": "user", "content": rewritten(value)},)
    else:
        raise PromptInvalidError(
            "it is JSON or YAML, but no list of messages with 'role' and 'content'", param="prompts"
        )
    notes.extend(settings.notes)
    return settings.onto(Content(messages=messages)), notes


def _value(text: str) -> Any:
    """What the text is: a value of JSON or YAML with templates in its strings, or the text itself."""
    stripped = text.strip()
    if stripped.startswith(("[", "{")) and not stripped.startswith(("{{", "{%", "{#")):
        try:
            return read_json(stripped)
        except PromptInvalidError:
            return _filled_json(stripped) if '"role"' in stripped else text
    if _YAML_CHAT.match(text):
        tags: list[str] = []
        marked = _TAG.sub(lambda tag: _kept(tags, tag.group()), text)
        return _restored(read_yaml(marked), tags)
    return text


def _filled_json(text: str) -> Any:
    """JSON that becomes JSON only once its tags are filled in: `{"role": "user", "content": {{ question | dump }}}`."""
    tags: list[str] = []
    written, position, quoted = [], 0, False
    for tag in _TAG.finditer(text):
        between = text[position : tag.start()]
        written.append(between)
        quoted ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', between)) % 2 == 1
        position = tag.end()
        if quoted:
            written.append(_kept(tags, tag.group()))
            continue
        dumped = _DUMPED.fullmatch(tag.group())
        if dumped is None:
            raise PromptInvalidError(
                f"'{tag.group()[:60]}' stands between the values of JSON, so what messages there are is known only when it is "
                "filled in; here messages stand firm",
                param="prompts",
            )
        written.append(f'"{_kept(tags, "{{ " + dumped[1] + " }}")}"')
    return _restored(read_json("".join([*written, text[position:]])), tags)


def _kept(tags: list[str], tag: str) -> str:
    tags.append(tag)
    return _MARK.format(len(tags) - 1)


def _restored(value: Any, tags: Sequence[str]) -> Any:
    def walk(item: Any) -> Any:
        if isinstance(item, str):
            return _MARKED.sub(lambda mark: tags[int(mark[1])], item)
        if isinstance(item, Mapping):
            return {walk(key): walk(child) for key, child in item.items()}
        return [walk(child) for child in item] if isinstance(item, list) else item

    found: Callable[[Any], Any] = walk
    return found(value)
