"""Files' bytes to prompts, or to what is wrong with them, by file and line. Pure.

The rules: a file is named for its prompt, `support-agent.prompty` (.yaml, .yml), in the folder or below it. If it also says a `name`
inside, the two agree, unless the file's name can't be a prompt's. Two files for one prompt are an error of both: nobody knows which one
counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import yaml

from registry.errors import PromptInvalidError, PromptReferenceInvalidError, RegistryError
from registry.files.prompt_file import message_lines, read_prompt_file, split_front
from registry.reference import check_slug, suggest_slug
from slugline.gitops.comparing import as_saved
from slugline.gitops.values import FileError, PromptSource

ENDINGS = (".prompty", ".yaml", ".yml")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_YAML_LINE = re.compile(r" in line (\d+)$")
_TEMPLATE_LINE = re.compile(r"(?P<where>text|messages\[\d+\]\.content[^\s,:]*), line (?P<line>\d+): ")
_PLACE = re.compile(r"(messages\[\d+\]|\w+)")


def read_files(files: Iterable[tuple[str, bytes]]) -> tuple[tuple[PromptSource, ...], tuple[FileError, ...]]:
    """Prompts by slug, and what can't be read, from paths and bytes."""
    sources: dict[str, list[PromptSource]] = {}
    errors: list[FileError] = []
    for path, data in files:
        try:
            source = read_source(path, data)
            sources.setdefault(source.slug, []).append(source)
        except RegistryError as error:
            errors.append(at_line(path, _decoded(data), error))
    for slug, found in sources.items():
        if len(found) > 1:
            paths = ", ".join(source.path for source in found)
            errors += [
                FileError(
                    path=source.path, message=f"prompt '{slug}' has {len(found)} files: {paths}; keep one", slug=slug
                )
                for source in found
            ]
    alone = (found[0] for _, found in sorted(sources.items()) if len(found) == 1)
    return tuple(alone), tuple(sorted(errors, key=lambda error: error.path))


def read_source(path: str, data: bytes) -> PromptSource:
    """One file. Raises PromptInvalidError or PromptReferenceInvalidError that says what is wrong."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        kind = "UTF-16" if data.startswith(_UTF16) else f"not UTF-8 (byte {error.start + 1})"
        raise PromptInvalidError(f"the file is {kind}: save it as UTF-8", param="file") from error
    found = read_prompt_file(text, "." + path.rpartition(".")[2])
    content, hashed = as_saved(found.content)
    return PromptSource(
        slug=_slug(path, found.name),
        path=path,
        text=text,
        content=content,
        content_hash=hashed,
        base=found.version,
        description=found.description,
        tags=found.tags,
        owner=found.owner,
    )


def at_line(path: str, text: str, error: RegistryError) -> FileError:
    """The error with the line of the file that it is about."""
    message = error.message.removeprefix(f".{path.rpartition('.')[2]}: ")
    line = None
    if found := _YAML_LINE.search(message):
        line, message = int(found.group(1)), message[: found.start()]
    elif found := _TEMPLATE_LINE.match(message):
        first = _first_lines(path, text).get(found["where"])
        line = first + int(found["line"]) - 1 if first else None
    elif error.param and (found := _PLACE.match(error.param)):
        line = _first_lines(path, text).get(found.group(1))
    return FileError(path=path, message=message, line=line, slug=slug_in(path))


def slug_in(path: str) -> str | None:
    """The prompt that a file is named for, if that can be one's slug."""
    try:
        return check_slug(stem(path))
    except PromptReferenceInvalidError:
        return None


def stem(path: str) -> str:
    """A file's name without its ending."""
    name = PurePosixPath(path).name
    return next((name[: -len(ending)] for ending in ENDINGS if name.lower().endswith(ending)), name)


def _slug(path: str, name: str | None) -> str:
    try:
        slug = check_slug(stem(path))
    except PromptReferenceInvalidError:
        if name is None:
            hint = suggest_slug(stem(path)) or "my-prompt"
            raise PromptReferenceInvalidError(
                f"'{stem(path)}' can't be a prompt's slug: rename the file, or say 'name: {hint}' in it"
            ) from None
        return check_slug(name)
    if name is not None and name != slug:
        raise PromptInvalidError(
            f"the file is named for prompt '{slug}', and says 'name: {name}' inside: rename the file, or correct the name",
            param="name",
        )
    return slug


def _first_lines(path: str, text: str) -> Mapping[str, int]:
    """Where in a file each field, message and template begins: its place in content to a line."""
    if not path.lower().endswith(".prompty"):
        return _yaml_lines(text.removeprefix("\ufeff").replace("\r\n", "\n"), 1)
    front, _ = split_front(text)
    found = _yaml_lines(front or "", 2)
    for index, line in enumerate(message_lines(text)):
        found.setdefault(f"messages[{index}]", line)
        found.setdefault(f"messages[{index}].content", line)
    found.setdefault("text", 1 if front is None else front.count("\n") + 3)
    return found


def _yaml_lines(text: str, first: int) -> dict[str, int]:
    """The same for what stands in YAML whose first line is number `first` of its file."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    found = {name: _line(value, first) for name, (_, value) in _pairs(root).items()}
    found |= {name: key.start_mark.line + first for name, (key, _) in _pairs(root).items() if name != "text"}
    messages = _pairs(root).get("messages", (None, None))[1]
    for index, message in enumerate(messages.value if isinstance(messages, yaml.SequenceNode) else ()):
        where = f"messages[{index}]"
        found[where] = _line(message, first)
        content = _pairs(message).get("content", (None, None))[1]
        if isinstance(content, yaml.ScalarNode):
            found[f"{where}.content"] = _line(content, first)
        for place, part in enumerate(content.value if isinstance(content, yaml.SequenceNode) else ()):
            if "text" in _pairs(part):
                found[f"{where}.content[{place}].text"] = _line(_pairs(part)["text"][1], first)
    return found


def _pairs(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    pairs: Sequence[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else ()
    return {str(key.value): (key, value) for key, value in pairs}


def _line(node: yaml.Node, first: int) -> int:
    """The line on which a scalar's text begins; a block's begins below its `|`."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + first + (1 if block else 0)


def _decoded(data: bytes) -> str:
    return data.decode(errors="replace")
