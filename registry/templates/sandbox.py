"""Jinja2 for templates that nobody has reviewed: what they may reach, and what each operation is charged.

Knows how to turn template text into a bounded, compiled piece. Refuses to know messages, variables' schemas and
versions. The rules, all enforced here:

1. No loader, no imports, no blocks; only the filters of `registry.templates.filters` and a handful of globals. Fragments come in before,
   as syntax trees (`registry.templates.inlining`).
2. Attributes and methods are allowed by type; everything else is a missing attribute.
3. What Jinja compiles to bare Python is charged by `registry.templates.bounding`; calls and arithmetic come through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

from registry.errors import nearest
from registry.templates.bounding import CONCAT, EACH, HELD, TICK
from registry.templates.filters import allowed_filters, budget_of
from registry.templates.operations import join, printf, replace

_GLOBALS = ("range", "dict", "namespace", "cycler", "joiner")
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii"),
            *("isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "lower"),
            *("lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rpartition"),
            *("rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"),
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index", "grouper", "list"}),  # the last two: what `groupby` yields
}
_JINJA_OBJECTS = (LoopContext, Macro, Namespace, Cycler, Joiner)

REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Import: "{% import %} isn't supported: define the macro in this template, or {% include %} a fragment's text",
    nodes.FromImport: "{% from … import %} isn't supported: define the macro in this template",
    nodes.Extends: "{% extends %} isn't supported: {% include %} the fragments that prompts have in common",
    nodes.Block: "{% block %} isn't supported: there is nothing to extend; leave the tag out",
    nodes.ScopedEvalContextModifier: "{% autoescape %} isn't supported: prompts are text, not HTML",
}
"""Tags that Jinja would parse and a prompt can't use, with what to do instead."""


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment whose templates can't reach, allocate or run beyond their Budget."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, most_nodes: int) -> None:
        super().__init__(
            undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, loader=None, finalize=_print
        )
        self.filters = allowed_filters()
        self.public_filters = frozenset(self.filters)
        self.filters.update({EACH: _each, HELD: _held, TICK: _tick, CONCAT: _concat})
        self.globals = {name: self.globals[name] for name in _GLOBALS}

        self._room = most_nodes

    def admit(self, tree: nodes.Template) -> bool:
        """Count a parsed template's parts; False once all templates together have more than this sandbox compiles."""
        self._room -= sum(1 for _ in tree.find_all(nodes.Node))
        return self._room >= 0

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow what the table above names, and the plain attributes of Jinja's own helpers."""
        if isinstance(obj, _JINJA_OBJECTS):
            return not attr.startswith("_")
        return any(attr in _METHODS[kind] for kind in type(obj).__mro__ if kind in _METHODS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja does, but keys of mappings win over methods that templates may not call anyway."""
        if isinstance(obj, dict) and attribute not in _METHODS[dict]:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is refused as any other method that isn't in the table."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Say which attribute is out of bounds, and for text what to use instead."""
        hint = "; use '~' or the filter 'format'" if isinstance(obj, str) else ""
        return self.undefined(
            f"templates may not use '{attribute}' of a value of type {type(obj).__name__}{hint}",
            name=attribute,
            obj=obj,
            exc=SecurityError,
        )

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Filters named as text, as in `map('upper')`, are held to the same list."""
        if name not in self.public_filters:
            raise TemplateRuntimeError(unknown_filter(name, self.public_filters))
        return super().call_filter(name, *args, **kwargs)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Charge every call; the methods of text that can grow run in their charged form."""
        budget = budget_of(context)
        budget.step()
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            if obj.__name__ == "replace":
                return replace(budget, owner, *args, **kwargs)
            if obj.__name__ == "join":
                (items,) = args
                return join(budget, items, owner)
            budget.step(len(owner) >> 8)
        elif isinstance(obj, LoopContext) and args:  # loop(children) of a recursive loop
            args = (budget.iterate(args[0]), *args[1:])
        result = super().call(context, obj, *args, **kwargs)
        return result if isinstance(owner, dict) else budget.hold(result)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, refused before its result would be large."""
        budget = budget_of(context)
        budget.step()
        if operator == "%" and isinstance(left, str):
            named = isinstance(right, dict)
            return printf(budget, left, **right) if named else printf(budget, left, *_several(right))
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            budget.hold_bits(left.bit_length() * abs(right))
        elif operator == "*":
            if isinstance(left, int) and isinstance(right, int):
                budget.hold_bits(left.bit_length() + right.bit_length())
            elif isinstance(left, int) != isinstance(right, int):
                value, times = (right, left) if isinstance(left, int) else (left, right)
                if not isinstance(value, float):
                    budget.build(budget.weigh(value) * max(0, times))
        elif operator == "+" and not isinstance(left, (int, float)):
            budget.build(budget.weigh(left) + budget.weigh(right))
        return budget.hold(super().call_binop(context, operator, left, right))


def unknown_filter(name: str, allowed: Iterable[str]) -> str:
    """The sentence for a filter that templates don't have."""
    names = sorted(allowed)
    guess = nearest(name, names)
    return (
        f"no filter named '{name}'"
        + (f"; did you mean '{guess}'?" if guess else "")
        + f" (there are: {', '.join(names)})"
    )


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@pass_context
def _print(context: Context, value: Any) -> str:
    budget = budget_of(context)
    text = value if type(value) is str else budget.text(value)
    budget.emit(len(text))
    return text


@pass_context
def _each(context: Context, value: Any) -> Iterable[Any]:
    return budget_of(context).iterate(value)


@pass_context
def _held(context: Context, value: Any) -> Any:
    return budget_of(context).hold(value)


@pass_context
def _tick(context: Context, value: Any) -> Any:
    budget_of(context).step()
    return value


@pass_context
def _concat(context: Context, parts: tuple[Any, ...]) -> str:
    return join(budget_of(context), parts)
