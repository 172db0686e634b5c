"""A rewrite of a template's syntax tree, so that nothing in it runs or grows without being charged.

Knows what Jinja would compile to bare Python: loops, `~`, literals, comparisons and slices go through charged filters
instead. Text that can run more than once (in loops and macros) is charged each time; other text once, by its length.
Refuses to know what the charge is: the sandbox has the filters.
"""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

# Names with brackets can't be written in a template.
EACH, HELD, TICK, CONCAT = "(each)", "(held)", "(tick)", "(concat)"

_COMPARING_TESTS = frozenset(
    {
        *("in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<="),
        *("gt", "greaterthan", ">", "ge", ">="),
    }
)


class Bounding(NodeTransformer):
    """Rewrites a parsed template so that what Jinja would compile to bare Python is charged."""

    def __init__(self) -> None:
        self._repeats = 0

    def visit_For(self, node: nodes.For) -> Any:  # noqa: N802
        """Charge each item; the body may run many times."""
        bounded = self._repeating(node)
        bounded.iter = _through(EACH, bounded.iter)
        return bounded

    def visit_Macro(self, node: nodes.Macro) -> Any:  # noqa: N802
        """The body may run many times."""
        return self._repeating(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> Any:  # noqa: N802
        """The body may run many times."""
        return self._repeating(node)

    def visit_TemplateData(self, node: nodes.TemplateData) -> Any:  # noqa: N802
        """Text that may run many times is printed as a value is, and so charged each time."""
        return nodes.Const(node.data, lineno=node.lineno) if self._repeats else node

    def visit_Concat(self, node: nodes.Concat) -> Any:  # noqa: N802
        """`~` joins its parts in charged steps."""
        parts: Any = self.generic_visit(node)
        return _through(CONCAT, nodes.Tuple(parts.nodes, "load", lineno=node.lineno))

    def visit_List(self, node: nodes.List) -> Any:  # noqa: N802
        """A literal of values is weighed, so that lists of lists can't double unseen."""
        return _held_unless_constant(self.generic_visit(node))

    def visit_Tuple(self, node: nodes.Tuple) -> Any:  # noqa: N802
        """As a list; a tuple of names to assign to is no value."""
        bounded: Any = self.generic_visit(node)
        return bounded if node.ctx == "store" else _held_unless_constant(bounded)

    def visit_Dict(self, node: nodes.Dict) -> Any:  # noqa: N802
        """As a list."""
        return _held_unless_constant(self.generic_visit(node))

    def visit_Compare(self, node: nodes.Compare) -> Any:  # noqa: N802
        """Comparing large values takes time."""
        bounded: Any = self.generic_visit(node)
        if not isinstance(node.expr, nodes.Const):
            bounded.expr = _through(TICK, node.expr)
        return bounded

    def visit_Test(self, node: nodes.Test) -> Any:  # noqa: N802
        """Tests that compare are comparisons."""
        bounded: Any = self.generic_visit(node)
        if node.name in _COMPARING_TESTS:
            bounded.node = _through(TICK, node.node)
        return bounded

    def visit_Getitem(self, node: nodes.Getitem) -> Any:  # noqa: N802
        """A slice is a copy."""
        bounded: Any = self.generic_visit(node)
        return _through(HELD, bounded) if isinstance(node.arg, nodes.Slice) else bounded

    def _repeating(self, node: Any) -> Any:
        self._repeats += 1
        try:
            return self.generic_visit(node)
        finally:
            self._repeats -= 1


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _held_unless_constant(node: nodes.Node) -> nodes.Node:
    return node if all(isinstance(n, nodes.Const) for n in node.iter_child_nodes()) else _through(HELD, node)
