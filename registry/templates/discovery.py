"""Which variables a template takes, and which of them it can't do without; read from its syntax tree alone.

A name is a variable when it is used before anything in the template binds it. It is required unless every use is
guarded: by the filter `default`, or by having been found defined on the way there (`{% if x is defined %}`,
`x is defined and x > 3`, `{% if x is undefined %}{% set x = … %}{% endif %}`). Where Jinja's own rules are looser than
that, this module errs on the side of a variable too many, never one too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jinja2 import nodes

Names = frozenset[str]
_NONE: Names = frozenset()
_DEFAULTS = frozenset({"default", "d"})
_IN_LOOPS = frozenset({"loop"})
_IN_MACROS = frozenset({"caller", "varargs", "kwargs"})


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is known at a point: names bound by the template, and variables known to be given."""

    bound: Names
    given: Names = _NONE

    def bind(self, names: Iterable[str]) -> _Scope:
        return _Scope(self.bound | frozenset(names), self.given)

    def knowing(self, names: Names) -> _Scope:
        return _Scope(self.bound, self.given | names)


@dataclass(slots=True)
class Discovery:
    """Collects variables over any number of templates, in the order of their first use."""

    globals: Names
    found: dict[str, bool] = field(default_factory=dict)
    """Name to whether it is required."""

    def read(self, template: nodes.Template) -> None:
        """Add one template's variables."""
        self._body(template.body, _Scope(self.globals))

    def _use(self, name: str, scope: _Scope, *, guarded: bool = False) -> None:
        if name not in scope.bound:
            required = not guarded and name not in scope.given
            self.found[name] = self.found.get(name, False) or required

    def _body(self, body: Sequence[nodes.Node], scope: _Scope) -> _Scope:
        for node in body:
            scope = self._statement(node, scope)
        return scope

    def _statement(self, node: nodes.Node, scope: _Scope) -> _Scope:
        match node:
            case nodes.Assign():
                self._expression(node.node, scope)
                return scope.bind(self._targets(node.target, scope))
            case nodes.AssignBlock():
                self._body(node.body, scope)
                self._filter_arguments(node.filter, scope)
                return scope.bind(self._targets(node.target, scope))
            case nodes.If():
                return self._branches(node, scope)
            case nodes.For():
                self._expression(node.iter, scope)
                inside = scope.bind(self._targets(node.target, scope)).bind(_IN_LOOPS)
                if node.test is not None:
                    self._expression(node.test, inside)
                self._body(node.body, inside)
                self._body(node.else_, scope)
            case nodes.With():
                inside = scope
                for target, value in zip(node.targets, node.values, strict=True):
                    self._expression(value, scope)
                    inside = inside.bind(self._targets(target, scope))
                self._body(node.body, inside)
            case nodes.Macro():
                self._function(node, scope.bind([node.name]))
                return scope.bind([node.name])
            case nodes.CallBlock():
                self._expression(node.call, scope)
                self._function(node, scope)
            case nodes.Scope():  # a fragment: what it sets stays inside
                self._body(node.body, scope)
            case nodes.FilterBlock():
                self._body(node.body, scope)
                self._filter_arguments(node.filter, scope)
            case _:
                self._expression(node, scope)
        return scope

    def _branches(self, node: nodes.If, scope: _Scope) -> _Scope:
        """After an if, known is what every way through it made known."""
        ends, rest = [], scope
        for test, body in [(node.test, node.body), *((elif_.test, elif_.body) for elif_ in node.elif_)]:
            self._expression(test, rest)
            if_true, if_false = _defined_by(test)
            ends.append(self._body(body, rest.knowing(if_true)))
            rest = rest.knowing(if_false)
        ends.append(self._body(node.else_, rest))
        settled = frozenset.intersection(*(end.bound | end.given for end in ends))
        bound = frozenset.intersection(*(end.bound for end in ends))
        return _Scope(bound, scope.given | (settled - bound))

    def _function(self, node: nodes.Macro | nodes.CallBlock, scope: _Scope) -> None:
        for default in node.defaults:
            self._expression(default, scope)
        self._body(node.body, scope.bind(argument.name for argument in node.args).bind(_IN_MACROS))

    def _targets(self, target: nodes.Node, scope: _Scope) -> list[str]:
        for namespace in target.find_all(nodes.NSRef):
            self._use(namespace.name, scope)
        names = [target, *target.find_all(nodes.Name)]
        return [name.name for name in names if isinstance(name, nodes.Name)]

    def _filter_arguments(self, node: nodes.Node | None, scope: _Scope) -> None:
        if node is not None:
            self._expression(node, scope)

    def _expression(self, node: nodes.Node, scope: _Scope) -> None:
        match node:
            case nodes.Name():
                self._use(node.name, scope)
            case nodes.NSRef():
                self._use(node.name, scope)
            case nodes.Test(name="defined" | "undefined", node=nodes.Name() as name):
                self._use(name.name, scope, guarded=True)
            case nodes.Filter(node=nodes.Name() as name) if node.name in _DEFAULTS:
                self._use(name.name, scope, guarded=True)
                for argument in [*node.args, *node.kwargs]:
                    self._expression(argument, scope)
            case nodes.And():
                self._expression(node.left, scope)
                self._expression(node.right, scope.knowing(_defined_by(node.left)[0]))
            case nodes.Or():
                self._expression(node.left, scope)
                self._expression(node.right, scope.knowing(_defined_by(node.left)[1]))
            case nodes.CondExpr():
                self._expression(node.test, scope)
                if_true, if_false = _defined_by(node.test)
                self._expression(node.expr1, scope.knowing(if_true))
                if node.expr2 is not None:
                    self._expression(node.expr2, scope.knowing(if_false))
            case _:
                for child in node.iter_child_nodes():
                    self._expression(child, scope)


def _defined_by(test: nodes.Node) -> tuple[Names, Names]:
    """Names that are surely defined when the test is true, and when it is false."""
    match test:
        case nodes.Test(name="defined", node=nodes.Name() as name):
            return frozenset({name.name}), _NONE
        case nodes.Test(name="undefined", node=nodes.Name() as name):
            return _NONE, frozenset({name.name})
        case nodes.Not():
            if_true, if_false = _defined_by(test.node)
            return if_false, if_true
        case nodes.And():
            left, right = _defined_by(test.left), _defined_by(test.right)
            return left[0] | right[0], left[1] & right[1]
        case nodes.Or():
            left, right = _defined_by(test.left), _defined_by(test.right)
            return left[0] & right[0], left[1] | right[1]
        case _:
            return _NONE, _NONE
