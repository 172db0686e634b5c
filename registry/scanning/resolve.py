"""What text a piece of code gives: constants followed by their names, pieces put together, placeholders turned into holes.

Pure. Names are looked up in the scopes around them, in this file only; one that stands for no text there is a hole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from registry.scanning.draft import Hole, Part, Parts, Style, dedented, fields, joined, literal
from registry.scanning.syntax import Bind, Block, Call, Formatted, Joined, Node, Record, Ref, Row, Words

_DEEPEST = 8
_MOST_STEPS = 2_000  # for one text: constants that double each other would have no end
_MOST_TEXTS = 200

Anchor = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text with its place: the lines of its largest literal, and the ids of all literals that it is made of."""

    parts: Parts
    line: int
    end: int
    anchors: tuple[int, ...]
    raw: bool

    @property
    def holes(self) -> int:
        """How many places the code fills in."""
        return sum(1 for part in self.parts if isinstance(part, Hole))


class Scopes:
    """Which names are bound to what, and where; made once for a file."""

    def __init__(self, root: Node) -> None:
        self._bound: dict[tuple[int, str], list[Node]] = {}
        self._scope_of: dict[int, tuple[int, ...]] = {}
        self._kept: list[Node] = [root]  # ids stay valid as long as the nodes live
        self._steps = 0
        self._read(root)

    def text(self, node: Node, *, style: Style | None = None) -> Text | None:
        """The text that `node` gives, or None where it gives none, or one with nothing but holes.

        `style` is how whoever takes the text spells placeholders.
        """
        self._steps = _MOST_STEPS
        found = self._text(node, 0)
        if found is None or not literal(tuple(part for part in found.parts if isinstance(part, str))).strip():
            return None
        if style is not None and found.raw:
            return replace(found, parts=fields(found.parts, style), raw=False)
        return found

    def _text(self, node: Node, depth: int) -> Text | None:
        self._steps -= 1
        if depth > _DEEPEST or self._steps < 0:
            return None
        match node:
            case Words():
                parts = self._filled(node, depth)
                return Text(parts=parts, line=node.line, end=node.end, anchors=(id(node),), raw=node.raw)
            case Ref():
                value = self.bound(node)
                return None if value is None else self._text(value, depth + 1)
            case Joined():
                return self._together(node, depth)
            case Formatted():
                base = self._text(node.base, depth + 1)
                return None if base is None else _formatted(base, node)
            case _:
                return None

    def bound(self, ref: Ref) -> Node | None:
        """What a name stands for where `ref` stands: the last value bound before that line, else the first one after it.

        The nearest scope decides. A value that `ref` is part of (`prompt = prompt + "…"`) is not it.
        """
        for scope in reversed(self._scope_of.get(id(ref), (0,))):
            values = self._bound.get((scope, ref.name))
            if values:
                before = [value for value in values if value.end < ref.line]
                after = [value for value in values if value.line > ref.end]
                return before[-1] if before else after[0] if after else None
        return None

    def _filled(self, node: Words, depth: int) -> Parts:
        """An f-string with the constants that it names."""
        out: list[Part] = []
        for part in node.parts:
            if isinstance(part, Hole) and part.refers is not None:
                ref = Ref(name=part.refers, line=node.line, end=node.end)
                self._scope_of[id(ref)] = self._scope_of.get(id(node), (0,))
                self._kept.append(ref)
                inner = self._text(ref, depth + 1)
                out.extend(inner.parts if inner is not None else (part,))
            else:
                out.append(part)
        return joined(out)

    def _together(self, node: Joined, depth: int) -> Text | None:
        out: list[Part] = []
        texts: list[Text] = []
        for index, item in enumerate(node.items):
            if index and node.glue:
                out.append(node.glue)
            text = self._text(item, depth + 1)
            if text is not None:
                texts.append(text)
                out.extend(text.parts)
            else:
                out.append(Hole(item.name if isinstance(item, Ref) else "value"))
        if not texts:
            return None
        inside = [text for text in texts if node.line <= text.line <= node.end]
        line = min((text.line for text in inside), default=node.line)
        end = max((text.end for text in inside), default=node.end)
        anchors = tuple(anchor for text in texts for anchor in text.anchors)
        return Text(parts=joined(out), line=line, end=end, anchors=anchors, raw=all(text.raw for text in texts))

    def _read(self, root: Node) -> None:
        stack: list[tuple[Node, tuple[int, ...]]] = [(root, (0,))]
        while stack:
            node, scope = stack.pop()
            self._scope_of[id(node)] = scope
            match node:
                case Bind(name=name, value=value):
                    self._bound.setdefault((scope[-1], name), []).append(value)
                    stack.append((value, scope))
                case Block(inside=inside):
                    within = (*scope, id(node)) if node.scope else scope
                    stack.extend((child, within) for child in reversed(inside))
                case Record(entries=entries):
                    stack.extend((value, scope) for _, value in entries)
                case Row(items=items) | Joined(items=items):
                    stack.extend((item, scope) for item in items)
                case Formatted(base=base):
                    stack.append((base, scope))
                case Call():
                    below = [*node.args, *(value for _, value in node.named), *([node.base] if node.base else [])]
                    stack.extend((child, scope) for child in below)
                case _:
                    pass


def texts_inside(node: Node, scopes: Scopes) -> Iterator[Text]:
    """The text of `node`, or those of the list or mapping that it is, up to a bound."""
    stack, count = [node], 0
    while stack and count < _MOST_TEXTS:
        node, count = stack.pop(), count + 1
        text = None if isinstance(node, Ref) else scopes.text(node)
        if text is not None:
            yield text
        elif isinstance(node, Row):
            stack.extend(node.items)
        elif isinstance(node, Record):
            stack.extend(value for _, value in node.entries)
        elif isinstance(node, Call) and not node.callee:  # a mapping of YAML
            stack.extend(node.args)


def _formatted(base: Text, node: Formatted) -> Text:
    match node.style:
        case "dedent":
            return replace(base, parts=dedented(base.parts))
        case "strip":
            return replace(base, parts=_stripped(base.parts))
        case "cleandoc":
            return replace(base, parts=dedented(base.parts, strip=True))
        case style:
            return replace(base, parts=fields(base.parts, style, node.given), raw=False)


def _stripped(parts: Parts) -> Parts:
    out = list(parts)
    if out and isinstance(out[0], str):
        out[0] = out[0].lstrip()
    if out and isinstance(out[-1], str):
        out[-1] = out[-1].rstrip()
    return joined(out)
