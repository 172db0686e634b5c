"""promptfoo's prompts: a `promptfooconfig.yaml` and the files it names, as versions of this registry.

Knows the ways a prompt may stand there (https://www.promptfoo.dev/docs/configuration/prompts/): text, files, lists with id,
label and raw; Nunjucks in text and in chat JSON or YAML; the variables of its tests. Refuses prompts that are programs, and to
touch the disk: it says which files it wants, and is given their text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.chat_text import read_chat
from registry.importing.documents import read_yaml
from registry.importing.imported import Imported, Reading, checked, joined, refusal, unique
from registry.importing.naming import slug_for
from registry.importing.promptfoo_suite import provider_settings, samples_in
from registry.importing.settings import CallSettings, call_settings, shown
from registry.importing.variables import declared, with_examples
from registry.importing.writing import unified
from registry.templates.template import compile_content

_ENDINGS = ("txt", "md", "j2", "json", "jsonl", "yaml", "yml")
_PROGRAMS = ("py", "js", "cjs", "mjs", "ts", "cts", "mts", "sh", "bash", "rb", "pl", "exe", "bat", "cmd", "ps1")
_OTHERS = ("csv", "prompty")
_ELSEWHERE = ("langfuse://", "portkey://", "helicone://", "exec:")
_PATH = re.compile(rf"(?P<path>[^\n]*?\.(?P<ending>{'|'.join((*_ENDINGS, *_PROGRAMS, *_OTHERS))}))(?::\w+)?")
_LABEL_LENGTH = 60
Files = Mapping[str, Sequence[tuple[str, str]]]
"""Each path or pattern of a config, with the files it stands for: their names and texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """One prompt before it is read: its text, or the value that a YAML file holds."""

    name: str
    body: Any
    config: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    """What a config says about all its prompts."""

    settings: CallSettings
    samples: Mapping[str, Sequence[Any]]
    prefix: str


def paths_in(text: str) -> list[str]:
    """The paths and patterns that a config names its prompts by, relative to the config's folder.

    Raises PromptInvalidError if the text is no config.
    """
    found = []
    for item in _items(_config(text)):
        raw = _raw_of(item)
        if isinstance(raw, str) and (path := _path(raw)):
            found.append(path)
    return list(dict.fromkeys(found))


def read_config(text: str, files: Files, *, prefix: str = "") -> Reading:
    """Every prompt of a config. `files` has an entry for each of `paths_in` that exists.

    Raises PromptInvalidError if the text is no config.
    """
    config = _config(text)
    samples = samples_in(config)
    suite = _Suite(
        settings=provider_settings(config.get("providers", config.get("targets"))), samples=samples, prefix=prefix
    )
    readings, slugs = [], set[str]()
    for index, item in enumerate(_items(config)):
        origin = f"prompts[{index}]"
        try:
            raws = _raws(item, files, f"prompt-{index + 1}")
        except PromptInvalidError as error:
            readings.append(refusal(origin, error))
            continue
        for raw in raws:
            readings.append(_converted(raw, origin, suite, slugs))
    return joined(readings)


def _config(text: str) -> Mapping[str, Any]:
    config = read_yaml(text)
    if not isinstance(config, Mapping) or "prompts" not in config:
        raise PromptInvalidError("it is no promptfoo config: it has no 'prompts'", param="file")
    return config


def _items(config: Mapping[str, Any]) -> list[Any]:
    given = config["prompts"]
    if isinstance(given, Mapping):  # the older form: paths with their labels
        return [{"raw": raw, "label": label} for raw, label in given.items()]
    return given if isinstance(given, list) else [given]


def _raw_of(item: Any) -> Any:
    return (item.get("raw") or item.get("file") or item.get("id")) if isinstance(item, Mapping) else item


def _path(raw: str) -> str | None:
    """The path that a prompt's text is, or None if it is the prompt itself."""
    if "\n" in raw.strip() or raw.startswith(_ELSEWHERE):
        return None
    if raw.startswith("file://"):
        return raw.removeprefix("file://")
    return raw if _PATH.fullmatch(raw) or ("*" in raw and "/" in raw and " " not in raw) else None


def _raws(item: Any, files: Files, fallback: str) -> list[_Raw]:
    raw = _raw_of(item)
    about = item if isinstance(item, Mapping) else {}
    if not isinstance(raw, (str, list, Mapping)):
        raise PromptInvalidError(
            f"a prompt is a text, a path or a mapping with 'raw', not {shown(item)}", param="prompts"
        )
    title = _title(about.get("id")) or _title(about.get("label"))
    config = about.get("config")
    if not isinstance(raw, str):
        return [_Raw(name=title or fallback, body=raw, config=config)]
    if raw.startswith(_ELSEWHERE):
        raise PromptInvalidError(f"'{raw[:80]}' stands elsewhere: import it from there", param="prompts")
    path = _path(raw)
    found = files.get(path, ()) if path else ()
    if path and not found and (raw.startswith("file://") or _PATH.fullmatch(raw)):
        _check_kind(path)
        raise PromptInvalidError(f"the file '{path}' is not there", param="prompts")
    if not found:
        return [_Raw(name=title or fallback, body=raw, config=config)]
    raws = [replace(each, config=config) for name, text in found for each in _from_file(name, text)]
    if title:
        raws = [
            replace(each, name=title if len(raws) == 1 else f"{title}-{number}") for number, each in enumerate(raws, 1)
        ]
    return raws


def _check_kind(path: str) -> str:
    match = _PATH.fullmatch(path)
    ending = match["ending"] if match else path.rpartition(".")[2]
    if ending in _PROGRAMS:
        raise PromptInvalidError(
            f"'{path}' is a program that makes prompts; save what it gives instead", param="prompts"
        )
    if ending not in _ENDINGS:
        raise PromptInvalidError(
            f"'{path}' is no file that is read here; there are .{', .'.join(_ENDINGS)}", param="prompts"
        )
    return ending


def _from_file(path: str, text: str) -> list[_Raw]:
    """The prompts of one file: several in a text file with lines of ---, and in JSON lines."""
    ending = _check_kind(path)
    stem = path.replace("\\", "/").rpartition("/")[2].removesuffix(f".{ending}")
    text = unified(text.removeprefix("\ufeff"))
    if ending in ("yaml", "yml"):
        return [_Raw(name=stem, body=read_yaml(text))]
    bodies = [text]
    if ending == "txt":
        bodies = [part.strip() for part in re.split(r"^[^\S\n]*---[^\S\n]*$", text, flags=re.MULTILINE) if part.strip()]
    elif ending == "jsonl":
        bodies = [line for line in text.split("\n") if line]
    if not bodies:
        raise PromptInvalidError(f"'{path}' holds no prompt", param="prompts")
    single = len(bodies) == 1
    return [_Raw(name=stem if single else f"{stem}-{number}", body=body) for number, body in enumerate(bodies, 1)]


def _converted(raw: _Raw, origin: str, suite: _Suite, slugs: set[str]) -> Reading:
    place = f"{origin} '{raw.name}'"
    try:
        imported = _apart(checked(_convert(raw, place, suite)), slugs)
    except PromptInvalidError as error:
        return refusal(place, error)
    slugs.add(imported.slug)
    return Reading(imported=(imported,))


def _apart(imported: Imported, slugs: set[str]) -> Imported:
    """The same under a slug of its own: files and labels may share a name, and both are prompts."""
    slug, count = imported.slug, 1
    while slug in slugs:
        count += 1
        slug = f"{imported.slug}-{count}"
    if slug == imported.slug:
        return imported
    note = f"it is called '{slug}', because an earlier one is '{imported.slug}'; an id would set it apart"
    return replace(imported, slug=slug, notes=(note, *imported.notes))


def _convert(raw: _Raw, origin: str, suite: _Suite) -> Imported:
    content, notes = read_chat(raw.body, suite.samples)
    if isinstance(raw.config, Mapping) and raw.config:
        own = call_settings(raw.config)
        both = replace(
            own,
            model=own.model or suite.settings.model,
            parameters={**suite.settings.parameters, **own.parameters},
            tools=own.tools or suite.settings.tools,
            response_format=own.response_format or suite.settings.response_format,
            notes=(*suite.settings.notes, *own.notes),
        )
    else:
        both = suite.settings
    content = both.onto(content)
    content = replace(content, variables=declared(content, {}, {}, notes))
    names = compile_content(content).variables
    content = replace(content, variables=with_examples(content.variables, suite.samples, names))
    if "env" in names:
        notes.append("it reads 'env': give it as a variable, promptfoo takes it from the machine")
    if "_conversation" in names:
        notes.append("it reads '_conversation', which promptfoo fills in: give it as a variable")
    return Imported(
        slug=slug_for(raw.name, suite.prefix),
        content=content,
        notes=unique([*notes, *both.notes]),
        origin=origin,
        source={"imported_from": "promptfoo", "name": raw.name},
    )


def _title(value: Any) -> str:
    """A label that can name a prompt; promptfoo also takes whole prompts and paths for labels."""
    if not isinstance(value, str) or "\n" in value or "{{" in value or len(value) > _LABEL_LENGTH or _path(value):
        return ""
    return value.strip()
