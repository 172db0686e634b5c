"""YAML as the shapes in which prompts are written.

Pure. The documents are composed, not loaded: nothing in them becomes an object, and every text keeps its lines.
"""

from __future__ import annotations

import re

import yaml

from registry.scanning.syntax import Block, Call, Node, Record, Row, Words

_WORTH_READING = re.compile(r"prompt|system|instruction|template|message|persona|input|preamble|you are", re.IGNORECASE)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 100_000


def read_yaml(source: str) -> Node:
    """The shapes of a file of any number of documents. Raises ValueError for what isn't YAML (a Helm template, for one)."""
    if not _WORTH_READING.search(source):
        return Block(line=1, end=1)
    try:
        documents = list(yaml.compose_all(source, Loader=_Loader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    reader = _Reader()
    return Block(inside=tuple(reader.read(document) for document in documents if document is not None), line=1, end=1)


class _Reader:
    def __init__(self) -> None:
        self._left = _MOST_NODES

    def read(self, node: yaml.Node) -> Node:
        """A mapping counts as a call's arguments, since nothing else says what its keys are for."""
        line, end = _lines(node)
        self._left -= 1  # an alias is walked wherever it stands, so a small file can be a large tree
        if self._left < 0:
            return Block(line=line, end=end)
        match node:
            case yaml.ScalarNode(tag="tag:yaml.org,2002:str"):
                return Words(parts=(node.value,) if node.value else (), line=line, end=end)
            case yaml.SequenceNode():
                return Row(items=tuple(self.read(item) for item in node.value), line=line, end=end)
            case yaml.MappingNode():
                entries = tuple((_key(key), self.read(value)) for key, value in node.value)
                return Call(callee="", args=(Record(entries=entries, line=line, end=end),), line=line, end=end)
            case _:
                return Block(line=line, end=end)


def _key(node: yaml.Node) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _lines(node: yaml.Node) -> tuple[int, int]:
    """A block's end mark stands at the start of what follows it."""
    start, end = node.start_mark.line + 1, node.end_mark.line + 1
    return start, max(start, end - 1 if node.end_mark.column == 0 else end)
