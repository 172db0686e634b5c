"""What JavaScript's syntax tree says in text: literals without their escapes, names, keys, lines.

Pure. Knows tree-sitter's nodes for them (https://github.com/tree-sitter/tree-sitter-typescript). Refuses to know prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node as Tree

from registry.scanning.draft import Hole, Part

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|[\s\S]))")
_SIMPLE = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "0": "\0",
    "\n": "",
    "\r\n": "",
    "\u2028": "",
}


def pieces(node: Tree) -> Iterable[Part]:
    """A template literal: its text between the backticks, and a hole for each substitution."""
    raw, start = node.text or b"", node.start_byte
    at = 1
    for child in children(node):
        if child.type == "template_substitution":
            yield unescaped(raw[at : child.start_byte - start].decode("utf-8", "replace"))
            inner = children(child)[0] if children(child) else child
            name = inner.child_by_field_name("property") or inner
            yield Hole(source_of(inner), source_of(name) if inner.type in {"identifier", "member_expression"} else None)
            at = child.end_byte - start
    yield unescaped(raw[at:-1].decode("utf-8", "replace"))


def has_substitution(node: Tree) -> bool:
    """True for a template literal that has something filled in."""
    return any(child.type == "template_substitution" for child in children(node))


def addends(node: Tree) -> list[Tree]:
    """The pieces of `a + b + c`, without recursion down its left side."""
    out: list[Tree] = []
    left: Tree | None = node
    while (
        left is not None and left.type == "binary_expression" and source_of(left.child_by_field_name("operator")) == "+"
    ):
        right = left.child_by_field_name("right")
        if right is not None:
            out.append(right)
        left = left.child_by_field_name("left")
    return [*([left] if left is not None else []), *reversed(out)]


def callee_of(node: Tree | None) -> str:
    """`client.messages.create`; what is called on the way counts by its name."""
    found: list[str] = []
    while node is not None:
        if node.type == "member_expression":
            found.append(source_of(node.child_by_field_name("property")))
            node = node.child_by_field_name("object")
        elif node.type in {
            "call_expression",
            "non_null_expression",
            "await_expression",
            "parenthesized_expression",
            "new_expression",
        }:
            node = node.child_by_field_name("function") or (children(node)[0] if children(node) else None)
        else:
            if node.type in {"identifier", "this", "super"}:
                found.append(source_of(node))
            break
    return ".".join(reversed(found))


def key_of(node: Tree | None) -> str | None:
    """A key's plain name; None for one that is computed."""
    if node is None or node.type == "computed_property_name":
        return None
    return unescaped(source_of(node)[1:-1]) if node.type == "string" else source_of(node)


def children(node: Tree) -> list[Tree]:
    """What stands inside, without comments."""
    return [child for child in node.named_children if child.type != "comment"]


def lines_of(node: Tree) -> tuple[int, int]:
    """First and last line, counted from 1."""
    return node.start_point.row + 1, node.end_point.row + 1


def source_of(node: Tree | None) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def unescaped(text: str) -> str:
    """What a literal with escapes stands for; half a surrogate pair becomes a replacement character."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3]
        if digits:
            code = int(digits, 16)
            return chr(code) if code <= 0x10FFFF else "\ufffd"
        return _SIMPLE.get(found[4], found[4])

    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
