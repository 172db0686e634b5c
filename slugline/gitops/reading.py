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
from registry.files import message_lines, read_prompt_file
from registry.reference import check_slug, suggest_slug
from slugline.gitops.comparing import as_saved
from slugline.gitops.values import FileError, PromptSource

ENDINGS = (".prompty", ".yaml", ".yml")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_YAML_LINE = re.compile(r" in line (\d+)$")
_TEMPLATE_LINE = re.compile(r"(?P<where>text|messages\[(?P<index>\d+)\]\.content)[^,:]*, line (?P<line>\d+): ")


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
    """Where in a file each template begins: its place in content to a line."""
    nodes = _yaml_lines(path, text)
    if nodes or not path.lower().endswith(".prompty"):
        return nodes
    lines = message_lines(text)
    body = text.replace("\r\n", "\n")
    start = body.find("\n---", 3)
    text_at = body.count("\n", 0, start) + 3 if body.startswith("---") else 1
    return {"text": text_at, **{f"messages[{index}].content": line for index, line in enumerate(lines)}}


def _yaml_lines(path: str, text: str) -> dict[str, int]:
    """The same for what stands in YAML: in a YAML file, or under `messages` in front matter."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    front, first = text, 1
    if path.lower().endswith(".prompty"):
        if not text.startswith("---"):
            return {}
        front, first = text[text.find("\n") + 1 : text.find("\n---", 3) + 1], 2
    try:
        root = yaml.compose(front, yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    found: dict[str, int] = {}
    top = _pairs(root)
    if "text" in top:
        found["text"] = _line(top["text"], first)
    messages = top.get("messages")
    for index, message in enumerate(messages.value if isinstance(messages, yaml.SequenceNode) else ()):
        content = _pairs(message).get("content")
        if isinstance(content, yaml.ScalarNode):
            found[f"messages[{index}].content"] = _line(content, first)
    return found


def _pairs(node: yaml.Node | None) -> dict[str, yaml.Node]:
    pairs: Sequence[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else ()
    return {str(key.value): value for key, value in pairs}


def _line(node: yaml.Node, first: int) -> int:
    """The line on which a scalar's text begins; a block's begins below its `|`."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + first + (1 if block else 0)


def _decoded(data: bytes) -> str:
    return data.decode(errors="replace")
