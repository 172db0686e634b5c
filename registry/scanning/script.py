"""JavaScript and TypeScript source as the shapes in which prompts are written, read by tree-sitter's TypeScript grammar.

Pure. JavaScript is read as TSX, whose grammar has all of it. Error messages, log lines, markup and tagged templates of
other languages (`sql`, `html`, `gql`, `css`) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import tree_sitter_typescript
from tree_sitter import Language, Parser
from tree_sitter import Node as Tree

from registry.scanning.draft import Hole, joined
from registry.scanning.names import names_a_prompt
from registry.scanning.script_text import (
    addends,
    callee_of,
    children,
    has_substitution,
    key_of,
    lines_of,
    pieces,
    source_of,
    unescaped,
)
from registry.scanning.syntax import MORE, RETURNS, Bind, Block, Call, Formatted, Joined, Node, Record, Ref, Row, Words

_SPOKEN = re.compile(
    r"^(?:console|log|logger|alert|toast\w*|\w*[Ll]og(?:ger)?)\b|\b(?:describe|it|test|expect|assert)\b"
)
_OTHER_LANGUAGES = re.compile(
    r"^(?:sql|html|svg|css|gql|graphql|styled\b.*|keyframes|injectGlobal|createGlobalStyle|raw|String\.raw)"
)
_LEFT_OUT = frozenset(
    {
        *(
            "throw_statement",
            "import_statement",
            "comment",
            "jsx_text",
            "jsx_attribute",
            "type_annotation",
            "type_arguments",
        ),
        *("type_alias_declaration", "interface_declaration", "enum_declaration", "literal_type", "regex", "decorator"),
    }
)
_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function_declaration",
    }
)
_SCOPES = _FUNCTIONS | {"class_body", "statement_block"}
_TRANSPARENT = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression", "await_expression", "type_assertion"}
)  # fmt: skip


def read_script(source: str, *, typed: bool = False) -> Node:
    """The shapes of a script; `typed` for TypeScript without JSX, where `<T>x` is a cast. Never fails: what doesn't parse is skipped."""
    language = tree_sitter_typescript.language_typescript() if typed else tree_sitter_typescript.language_tsx()
    tree = Parser(Language(language)).parse(source.encode("utf-8", "replace"))
    return _Reader().read(tree.root_node)


class _Reader:
    def __init__(self) -> None:
        self._functions: list[str] = []

    def read(self, node: Tree) -> Node:  # noqa: PLR0911, PLR0912 - one return for each shape
        line, end = lines_of(node)
        match node.type:
            case "string":
                return Words(parts=joined([unescaped(source_of(node)[1:-1])]), line=line, end=end)
            case "template_string":
                return Words(parts=joined(pieces(node)), raw=not has_substitution(node), line=line, end=end)
            case "identifier" | "member_expression" | "shorthand_property_identifier":
                return self._reference(node)
            case "binary_expression":
                return self._binary(node)
            case "object":
                return Record(entries=tuple(self._entries(node)), line=line, end=end)
            case "array":
                return Row(items=tuple(map(self.read, children(node))), line=line, end=end)
            case "ternary_expression":
                chosen = [node.child_by_field_name(name) for name in ("consequence", "alternative")]
                return Row(items=tuple(self.read(child) for child in chosen if child), line=line, end=end)
            case "call_expression" | "new_expression":
                return self._call(node)
            case "variable_declarator" | "public_field_definition" | "required_parameter" | "optional_parameter":
                return self._bound(
                    node, node.child_by_field_name("name") or node.child_by_field_name("pattern"), "value"
                )
            case "assignment_expression" | "assignment_pattern":
                return self._bound(node, node.child_by_field_name("left"), "right")
            case "augmented_assignment_expression":
                return self._bound(node, node.child_by_field_name("left"), "right", more=True)
            case kind if kind in _TRANSPARENT and children(node):
                inner = children(node)[-1] if kind == "type_assertion" else children(node)[0]
                return self.read(inner)
            case kind if kind in _LEFT_OUT:
                return Block(line=line, end=end)
            case "expression_statement" if children(node) and children(node)[0].type == "string":
                return Block(line=line, end=end)  # 'use strict'
            case _:
                return self._block(node)

    def _block(self, node: Tree) -> Node:
        line, end = lines_of(node)
        name = node.child_by_field_name("name") if node.type in _FUNCTIONS else None
        if name is not None:
            self._functions.append(source_of(name))
        inside = [self.read(child) for child in children(node)]
        if node.type == "return_statement" and self._functions and names_a_prompt(self._functions[-1]):
            inside = [Bind(name=f"{self._functions[-1]}{RETURNS}", value=value, line=line, end=end) for value in inside]
        if name is not None:
            self._functions.pop()
        return Block(inside=tuple(inside), scope=node.type in _SCOPES, line=line, end=end)

    def _reference(self, node: Tree) -> Node:
        line, end = lines_of(node)
        name = node.child_by_field_name("property") or node
        ref = Ref(name=source_of(name), line=line, end=end)
        below = node.child_by_field_name("object")
        if below is not None and below.type not in {"identifier", "member_expression", "this"}:
            return Block(inside=(self.read(below), ref), line=line, end=end)
        return ref

    def _binary(self, node: Tree) -> Node:
        line, end = lines_of(node)
        operator = node.child_by_field_name("operator")
        sign = source_of(operator) if operator else ""
        if sign == "+":
            return Joined(items=tuple(self._piece(item) for item in addends(node)), line=line, end=end)
        if sign in {"||", "??"}:
            return Row(items=tuple(map(self.read, children(node))), line=line, end=end)
        if sign in {"==", "===", "!=", "!=="}:
            return Block(line=line, end=end)
        return self._block(node)

    def _entries(self, node: Tree) -> Iterable[tuple[str | None, Node]]:
        for child in children(node):
            if child.type == "pair":
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                if value is not None:
                    yield key_of(key), self.read(value)
            elif child.type == "shorthand_property_identifier":
                yield source_of(child), self.read(child)
            else:
                yield None, self.read(child)

    def _bound(self, node: Tree, target: Tree | None, field: str, *, more: bool = False) -> Node:
        line, end = lines_of(node)
        value = node.child_by_field_name(field)
        if value is None:
            return Block(line=line, end=end)
        name = source_of((target.child_by_field_name("property") or target) if target is not None else node)[:200]
        if value.type == "arrow_function" and target is not None:
            body = value.child_by_field_name("body")
            if body is not None and body.type != "statement_block":
                return Bind(name=f"{name}{RETURNS}", value=self.read(body), line=line, end=end)
            self._functions.append(name)
            shape = self.read(value)
            self._functions.pop()
            return Bind(name=name, value=shape, line=line, end=end)
        return Bind(name=f"{name}{MORE}" if more else name, value=self.read(value), line=line, end=end)

    def _call(self, node: Tree) -> Node:  # noqa: PLR0911 - one return for each shape
        line, end = lines_of(node)
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        arguments = node.child_by_field_name("arguments")
        callee = callee_of(function)
        method = callee.rpartition(".")[2]
        base = function.child_by_field_name("object") if function is not None else None
        if _SPOKEN.search(callee):
            return Block(line=line, end=end)
        if arguments is not None and arguments.type == "template_string":
            if _OTHER_LANGUAGES.match(callee):
                return Block(line=line, end=end)
            words = self.read(arguments)
            return Formatted(base=words, style="dedent", line=line, end=end) if "dedent" in callee else words
        given = list(children(arguments)) if arguments is not None else []
        if base is not None and method in {"trim", "trimStart", "trimEnd"}:
            return Formatted(base=self.read(base), style="strip", line=line, end=end)
        if base is not None and method in {"replace", "replaceAll", "normalize"}:
            return self.read(base)
        if base is not None and method == "join" and base.type == "array" and len(given) <= 1:
            glue = unescaped(source_of(given[0])[1:-1]) if given and given[0].type == "string" else ","
            return Joined(items=tuple(map(self._piece, children(base))), glue=glue, line=line, end=end)
        below = self.read(base) if base is not None else None
        return Call(callee=callee, args=tuple(map(self.read, given)), base=below, line=line, end=end)

    def _piece(self, node: Tree) -> Node:
        shape = self.read(node)
        if isinstance(shape, Words | Ref | Joined | Formatted):
            return shape
        return Words(parts=(Hole(source_of(node)),), raw=False, line=shape.line, end=shape.end)
