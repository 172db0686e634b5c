"""The filters that templates may use, each bounded before it allocates.

Knows the allowed names and what each can grow to. Refuses to know how templates are parsed. Left out on purpose:
what is not deterministic (random), what makes HTML (urlize, xmlattr, safe, forceescape), what reaches around the
sandbox (attr), and what prompts have no use for (pprint, batch, slice).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from jinja2 import pass_context
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context, Undefined

from registry.templates import operations
from registry.templates.budget import Budget

BUDGET = " budget"
"""Where a render keeps its Budget among the template's variables; no template can spell a name with a space."""

# Taken from Jinja as they are: their result is about as large as their input.
_FROM_JINJA = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "filesizeformat", "first", "float", "groupby", "int"),
    *("items", "last", "length", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select"),
    *("selectattr", "sort", "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount"),
)
# Of these, the ones that hand out what was there already: nothing new to weigh.
_PICKS = frozenset({"d", "default", "first", "last", "max", "min"})

_PASSED: Mapping[str, Callable[[Context], Any]] = {
    "context": lambda context: context,
    "eval_context": lambda context: context.eval_ctx,
    "environment": lambda context: context.environment,
}

Filter = Callable[..., Any]


def allowed_filters() -> dict[str, Filter]:
    """Every filter by name, ready for an Environment: charged to the render's budget on the way in and out."""
    bounded: dict[str, Filter] = {
        "center": operations.center,
        "e": operations.escape_html,
        "escape": operations.escape_html,
        "format": operations.printf,
        "indent": operations.indent,
        "list": _list,
        "replace": operations.replace,
        "round": operations.round_number,
        "string": Budget.text,
        "tojson": operations.tojson,
        "wordwrap": operations.wordwrap,
    }
    table = {name: _charged(_with_context(FILTERS[name]), makes=name not in _PICKS) for name in _FROM_JINJA}
    table.update({name: _charged(_with_budget(function)) for name, function in bounded.items()})
    table.update(join=_charged(_join), sum=_charged(_sum))
    return table


def budget_of(context: Context) -> Budget:
    """The budget of the render that this context belongs to."""
    return cast("Budget", context.parent[BUDGET])


def _charged(function: Filter, *, makes: bool = True) -> Filter:
    @pass_context
    def charged(context: Context, value: Any, /, *args: Any, **kwargs: Any) -> Any:
        budget = budget_of(context)
        budget.step(1 + (len(value) >> 8) if isinstance(value, str) else 1)
        result = function(context, value, *args, **kwargs)
        return budget.hold(result) if makes else result

    return charged


def _with_budget(function: Filter) -> Filter:
    def call(context: Context, /, *args: Any, **kwargs: Any) -> Any:
        return function(budget_of(context), *args, **kwargs)

    return call


def _with_context(function: Filter) -> Filter:
    passed = getattr(function, "jinja_pass_arg", None)
    if passed is None:
        return lambda context, *args, **kwargs: function(*args, **kwargs)
    lead = _PASSED[passed.name]
    return lambda context, *args, **kwargs: function(lead(context), *args, **kwargs)


def _list(budget: Budget, value: Iterable[Any]) -> list[Any]:
    return list(budget.iterate(value))


def _join(context: Context, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> str:
    return operations.join(budget_of(context), _picked(context, value, attribute), d)


def _sum(context: Context, iterable: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> float:
    total = _number(start)
    for item in budget_of(context).iterate(_picked(context, iterable, attribute)):
        total += _number(item)
    return total


def _picked(context: Context, items: Iterable[Any], attribute: str | int | None) -> Iterable[Any]:
    return items if attribute is None else map(make_attrgetter(context.environment, attribute), items)


def _number(value: Any) -> float:
    if isinstance(value, Undefined):
        str(value)  # raises, and says which name or attribute is missing
    if not isinstance(value, (int, float)):
        raise FilterArgumentError(f"'sum' adds numbers, not {type(value).__name__}: join text and lists with 'join'")
    return value
