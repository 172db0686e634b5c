"""Fragments in a template: `{% include "tone-guide" %}` becomes the fragment's own syntax tree, in a scope of its own.

Knows what an include may say, and how locked fragments stand in for it. Refuses to know which version a reference means: that was
locked when the version was saved (`registry.writing.locking`), so compiling looks nothing up. The rules:

1. A fragment is inlined before anything else looks at the tree. So what holds for a template holds for its fragments, too:
   discovery of variables, bounds on work and output, allowed filters, errors that name the line.
2. The fragment sees what the template has at that place. What it sets, or defines as a macro, is gone after it.
3. Lines of a fragment are told from the template's by their number: those of the k-th fragment lie above k * _STRIDE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.visitor import NodeTransformer

DEEPEST = 8
"""How deep fragments may stand in fragments; one that a prompt includes itself is at depth 1."""

_STRIDE = 1 << 22  # more lines than any source has characters
_LINE_END = re.compile(r"\r\n|\r|\n")
_INCLUDED = ("name", "include")


class Lines:
    """Tells a line of the template from one of a fragment's, and says which it is."""

    def __init__(self) -> None:
        self._fragments: list[str] = []

    def offset(self, fragment: str) -> int:
        """What to add to the lines of a fragment, given its pinned reference: `tone-guide@3`."""
        if fragment not in self._fragments:
            self._fragments.append(fragment)
        return (self._fragments.index(fragment) + 1) * _STRIDE

    def say(self, line: int) -> str:
        """`line 3`, or `line 3 of fragment 'tone-guide@3'`."""
        fragment, line = divmod(line, _STRIDE)
        return f"line {line} of fragment '{self._fragments[fragment - 1]}'" if fragment else f"line {line}"


class Inlining:
    """Puts locked fragments in place of the includes of one content's templates.

    `includes` are the content's locks; `room` is how many characters the fragments may have together, counted as often as they
    are included.
    """

    def __init__(self, environment: Environment, includes: Mapping[str, Any], *, room: int) -> None:
        self._environment = environment
        self._includes = includes
        self._room = room

    def into(self, tree: nodes.Template, lines: Lines) -> nodes.Template:
        """The tree with all fragments in it. Raises TemplateSyntaxError whose line is for `lines` to say."""
        expanded: nodes.Template = _Inliner(self, self._includes, lines, depth=1).visit(tree)
        return expanded

    def fragment(self, reference: str, lock: Mapping[str, Any], lines: Lines, depth: int) -> list[nodes.Node]:
        """The body of one fragment, with the fragments inside it."""
        text = lock["text"]
        self._room -= len(text)
        if self._room < 0:
            raise TemplateSyntaxError("the templates and the fragments in them are too large together", 1)
        offset = lines.offset(f"{slug_of(reference)}@{lock['version']}")
        try:
            tree = self._environment.parse(text)
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(error.message or "syntax error", error.lineno + offset) from error
        for node in tree.find_all(nodes.Node):
            node.lineno = (node.lineno or 1) + offset
        inlined: nodes.Template = _Inliner(self, lock.get("includes", {}), lines, depth=depth + 1).visit(tree)
        return inlined.body


class _Inliner(NodeTransformer):
    def __init__(self, inlining: Inlining, includes: Mapping[str, Any], lines: Lines, *, depth: int) -> None:
        self._inlining = inlining
        self._includes = includes
        self._lines = lines
        self._depth = depth

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802
        """A scope with the fragment's body."""
        reference = reference_of(node)
        lock = self._includes.get(reference)
        if not isinstance(lock, Mapping) or "text" not in lock:
            raise TemplateSyntaxError(
                f"fragment '{reference}' isn't locked to a version here: that is done when the prompt is saved",
                node.lineno,
            )
        if self._depth > DEEPEST:
            raise TemplateSyntaxError(f"fragments stand in fragments at most {DEEPEST} deep", node.lineno)
        body = self._inlining.fragment(reference, lock, self._lines, self._depth)
        return nodes.Scope(body, lineno=node.lineno)


def reference_of(node: nodes.Include) -> str:
    """The fragment that an include names, as written. Raises TemplateSyntaxError for forms that a prompt can't have."""
    name = node.template
    if not isinstance(name, nodes.Const) or not isinstance(name.value, str):
        several = isinstance(name, (nodes.List, nodes.Tuple))
        raise TemplateSyntaxError(
            "{% include %} takes "
            + ("one fragment, not a list" if several else "the name of a fragment in quotes, not an expression")
            + ': write {% include "tone-guide" %}; it is locked to a version when the prompt is saved',
            node.lineno,
        )
    if node.ignore_missing:
        raise TemplateSyntaxError(
            "'ignore missing' isn't supported: a fragment that doesn't exist is refused at save, and can't go later",
            node.lineno,
        )
    if not node.with_context:
        raise TemplateSyntaxError(
            "'without context' isn't supported: a fragment sees the prompt's variables", node.lineno
        )
    return name.value


def slug_of(reference: str) -> str:
    """The slug in a reference."""
    return reference.partition("@")[0]


def expanded(environment: Environment, source: str, includes: Mapping[str, Any]) -> str:
    """A template's source with the text of its fragments in place of their tags, for people to read and compare.

    Raises TemplateSyntaxError for what isn't a template, and for a fragment that isn't locked.
    """
    source = _LINE_END.sub("\n", source)
    pieces, end = [], 0
    for start, stop, line, reference in _tags(environment, source):
        lock = includes.get(reference)
        if not isinstance(lock, Mapping) or "text" not in lock:
            raise TemplateSyntaxError(f"fragment '{reference}' isn't locked", line)
        pieces += [source[end:start], expanded(environment, lock["text"], lock.get("includes", {}))]
        end = stop
    return "".join([*pieces, source[end:]])


def _tags(environment: Environment, source: str) -> Iterator[tuple[int, int, int, str]]:
    """The includes of a source: where each tag starts and ends, its line, and what it names."""
    position, tag = 0, None
    for line, kind, value in environment.lex(source):
        # Whitespace that a tag's `-` takes away is in no token, so the place of each is looked up.
        start = source.index(value, position)
        position = start + len(value)
        if kind == "block_begin":
            tag = (start, line, list[tuple[str, str]]())
        elif kind == "block_end" and tag is not None:
            start, first_line, words = tag
            tag = None
            if words and words[0] == _INCLUDED:
                written = environment.parse(source[start:position])
                found = written.find(nodes.Include)
                if found is not None:
                    yield start, position, first_line, reference_of(found)
        elif tag is not None and kind != "whitespace":
            tag[2].append((kind, value))
