"""Python source as the shapes in which prompts are written; what can't be one (docstrings, errors, log lines) is left out.

Pure. Knows Python's syntax tree and which methods of text matter: `format`, `join`, `strip`, `textwrap.dedent`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from typing import Any

from registry.scanning.draft import Hole, joined
from registry.scanning.names import names_a_prompt
from registry.scanning.syntax import MORE, RETURNS, Bind, Block, Call, Formatted, Joined, Node, Record, Ref, Row, Words

# What a person reads: their texts are never sent to a model.
_SPOKEN = frozenset(
    {"print", "warn", "debug", "info", "warning", "error", "exception", "critical", "log", "echo", "secho", "fail"}
)
_ABOUT = frozenset(
    {"help", "description", "doc", "epilog", "metavar", "placeholder", "title", "msg", "reason", "summary"}
)
_DEDENT = {"dedent": "dedent", "cleandoc": "cleandoc"}
_STRIPS = frozenset({"strip", "lstrip", "rstrip"})
_UNCHANGED = frozenset({"replace", "removeprefix", "removesuffix", "expandtabs"})


def read_python(source: str) -> Node:
    """The shapes of a module. Raises SyntaxError, ValueError or RecursionError for what isn't Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the compiler thinks of somebody's escapes
        tree = ast.parse(source)
    return _Reader().block(tree, tree.body, scope=False)


class _Reader:
    def block(self, at: Any, nodes: Iterable[ast.AST | None], *, scope: bool) -> Block:
        inside = tuple(self.read(node) for node in nodes if node is not None)
        return Block(inside=inside, scope=scope, line=getattr(at, "lineno", 1), end=getattr(at, "end_lineno", 1))

    def read(self, node: ast.AST) -> Node:  # noqa: PLR0911, PLR0912 - one return for each shape
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        match node:
            case ast.Constant(value=str() as text):
                return Words(parts=joined([text]), line=line, end=end)
            case ast.JoinedStr():
                return Words(parts=joined(map(_part, node.values)), raw=False, line=line, end=end)
            case ast.Name():
                return Ref(name=node.id, line=line, end=end)
            case ast.Attribute():
                ref = Ref(name=node.attr, line=line, end=end)
                plain = isinstance(node.value, ast.Name | ast.Attribute)
                return ref if plain else Block(inside=(self.read(node.value), ref), line=line, end=end)
            case ast.BinOp(op=ast.Add()):
                return Joined(items=tuple(self._piece(item) for item in _addends(node)), line=line, end=end)
            case ast.BinOp(op=ast.Mod(), left=left, right=right):
                given = tuple(ast.unparse(item) for item in (right.elts if isinstance(right, ast.Tuple) else [right]))
                return Formatted(base=self.read(left), style="percent", given=given, line=line, end=end)
            case ast.Dict():
                entries = tuple(
                    (_key(key), self.read(value)) for key, value in zip(node.keys, node.values, strict=True)
                )
                return Record(entries=entries, line=line, end=end)
            case ast.List() | ast.Tuple():
                return Row(items=tuple(map(self.read, node.elts)), line=line, end=end)
            case ast.IfExp():
                return Row(items=(self.read(node.body), self.read(node.orelse)), line=line, end=end)
            case ast.BoolOp():
                return Row(items=tuple(map(self.read, node.values)), line=line, end=end)
            case ast.NamedExpr():
                return Bind(name=node.target.id, value=self.read(node.value), line=line, end=end)
            case ast.Call():
                return self._call(node)
            case ast.Await():
                return self.read(node.value)
            case ast.expr():
                return self._expression(node)
            case _:
                return self._statement(node)

    def _expression(self, node: ast.expr) -> Node:
        if isinstance(node, ast.Compare):  # what a text is compared with isn't sent
            return self.block(node, (), scope=False)
        if isinstance(node, ast.Subscript):
            return self.block(node, [node.value], scope=False)
        return self.block(node, ast.iter_child_nodes(node), scope=False)

    def _statement(self, node: ast.AST) -> Node:  # noqa: PLR0911 - one return for each shape
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(node)
            case ast.ClassDef():
                return self.block(node, [*node.decorator_list, *node.body], scope=True)
            case ast.Assign(targets=targets, value=value):
                return self._bound(node, targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._bound(node, [target], value)
            case ast.AugAssign(target=target, value=value):
                name = f"{_name(target)}{MORE}"  # more of a text: named like it, but not all of it
                return Bind(name=name, value=self.read(value), line=node.lineno, end=node.end_lineno or node.lineno)
            case ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
                return self.block(node, (), scope=False)
            case ast.Expr(value=ast.Constant() | ast.JoinedStr()):  # docstrings, and texts that go nowhere
                return self.block(node, (), scope=False)
            case ast.match_case():
                return self.block(node.pattern, node.body, scope=False)
            case _:
                return self.block(node, ast.iter_child_nodes(node), scope=False)

    def _bound(self, node: ast.Assign | ast.AnnAssign, targets: list[ast.expr], value: ast.expr) -> Node:
        line, end = node.lineno, node.end_lineno or node.lineno
        shape = self.read(value)
        if len(targets) == 1 and isinstance(target := targets[0], ast.Tuple) and isinstance(shape, Row):
            pairs = zip(target.elts, shape.items, strict=False)
            inside = tuple(Bind(name=_name(name), value=item, line=line, end=end) for name, item in pairs)
            return Block(inside=inside, line=line, end=end)
        inside = tuple(Bind(name=_name(target), value=shape, line=line, end=end) for target in targets)
        return inside[0] if len(inside) == 1 else Block(inside=inside, line=line, end=end)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Node:
        """A function's defaults are bound inside; what it returns is its name's, or its decorator's, text."""
        line, end = node.lineno, node.end_lineno or node.lineno
        arguments = [*node.args.posonlyargs, *node.args.args]
        defaults = list(zip(reversed(arguments), reversed(node.args.defaults), strict=False))
        defaults += [
            (arg, default) for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default
        ]
        bound = [
            Bind(name=argument.arg, value=self.read(default), line=default.lineno, end=default.end_lineno or line)
            for argument, default in defaults
        ]
        decorators = [_callee(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
        name = next((name for name in [*decorators, node.name] if names_a_prompt(name)), None)
        body = [] if name is None else [
            Bind(name=f"{name}{RETURNS}", value=self.read(found.value), line=found.lineno, end=found.end_lineno or found.lineno)
            for found in _own_returns(node) if found.value is not None
        ]  # fmt: skip
        inside = self.block(node, [*node.decorator_list, *node.body], scope=False)
        return Block(inside=(*bound, *inside.inside, *body), scope=True, line=line, end=end)

    def _call(self, node: ast.Call) -> Node:  # noqa: PLR0911 - one return for each shape
        line, end = node.lineno, node.end_lineno or node.lineno
        callee = _callee(node.func)
        method = callee.rpartition(".")[2]
        base = node.func.value if isinstance(node.func, ast.Attribute) else None
        if method in _SPOKEN:
            return self.block(node, (), scope=False)
        if base is not None and method in {"format", "format_map"}:
            given = tuple(ast.unparse(argument) for argument in node.args)
            return Formatted(base=self.read(base), style="format", given=given, line=line, end=end)
        if base is not None and method in _STRIPS and not node.args:
            return Formatted(base=self.read(base), style="strip", line=line, end=end)
        if base is not None and method in _UNCHANGED:
            return self.read(base)
        if method in _DEDENT and len(node.args) == 1:
            style: Any = _DEDENT[method]
            return Formatted(base=self.read(node.args[0]), style=style, line=line, end=end)
        if method == "join" and isinstance(base, ast.Constant) and isinstance(base.value, str) and len(node.args) == 1:
            argument = node.args[0]
            if isinstance(argument, ast.List | ast.Tuple):
                return Joined(items=tuple(map(self._piece, argument.elts)), glue=base.value, line=line, end=end)
        return Call(
            callee=callee,
            args=tuple(map(self.read, node.args)),
            named=tuple(
                (k.arg, self.read(k.value)) for k in node.keywords if k.arg is not None and k.arg not in _ABOUT
            ),
            base=self.read(base) if base is not None else None,
            line=line,
            end=end,
        )

    def _piece(self, node: ast.expr) -> Node:
        """A part of a concatenation: what is no text itself is a hole with its expression."""
        shape = self.read(node)
        if isinstance(shape, Words | Ref | Joined | Formatted):
            return shape
        return Words(parts=(Hole(ast.unparse(node)),), raw=False, line=shape.line, end=shape.end)


def _part(value: ast.expr) -> str | Hole:
    if isinstance(value, ast.Constant):
        return str(value.value)
    inner = value.value if isinstance(value, ast.FormattedValue) else value
    refers = inner.id if isinstance(inner, ast.Name) else inner.attr if isinstance(inner, ast.Attribute) else None
    return Hole(ast.unparse(inner), refers)


def _addends(node: ast.BinOp) -> list[ast.expr]:
    """The pieces of `a + b + c`, without recursion down its left side."""
    out: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
        out.append(left.right)
        left = left.left
    return [left, *reversed(out)]


def _own_returns(node: ast.AST) -> Iterable[ast.Return]:
    stack = list(ast.iter_child_nodes(node))
    while stack:
        child = stack.pop()
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(child))


def _key(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case _:
            return ""


def _callee(node: ast.expr) -> str:
    """`client.messages.create`; what is called or indexed on the way counts by its name."""
    names: list[str] = []
    while True:
        match node:
            case ast.Attribute():
                names.append(node.attr)
                node = node.value
            case ast.Call():
                node = node.func
            case ast.Subscript():
                node = node.value
            case ast.Name():
                return ".".join(reversed([*names, node.id]))
            case _:
                return ".".join(reversed(names))
