"""A family of texts as a template with variables, and each text's values as JSON.

Pure. What holds: rendering the template with a text's values gives that text, character by character. Gaps that hold equal
values in every text are one variable. Values are data of calls, maybe of people: none of them becomes part of the proposal
unless asked for, except an enum's, which are few, short, and common to many calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.families.kinds import Kind, kind_of
from registry.families.naming import proposed_name
from registry.families.skeleton import skeleton_of
from registry.scanning.draft import escaped, free_name

MOST_TEXTS = 1_000
"""A family's texts that are put side by side, those with the most calls first."""

_MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 200
_ABOUT_PEOPLE = (
    "name",
    "user",
    "customer",
    "person",
    "client",
    "patient",
    "email",
    "mail",
    "phone",
    "address",
    "account",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`template` is Jinja, `schema` the JSON Schema of its variables, `values` one mapping for each text, in their order."""

    template: str
    schema: Mapping[str, Any]
    values: tuple[Mapping[str, Any], ...]


def propose(texts: Sequence[str], calls: Sequence[int], *, examples: bool = False) -> Proposal:
    """The template that gives all the texts; `calls` says how often each was sent. At most MOST_TEXTS are used.

    With `examples`, variables show a few of their values.
    """
    texts, calls = texts[:MOST_TEXTS], calls[:MOST_TEXTS]
    skeleton = skeleton_of(texts)
    properties: dict[str, Any] = {}
    by_values: dict[tuple[str, ...], str] = {}
    kinds: dict[str, Kind] = {}
    out = [escaped(skeleton.pieces[0], before_tag=len(skeleton.pieces) > 1)]
    before = skeleton.pieces[0]
    for at, piece in enumerate(skeleton.pieces[1:]):
        values = tuple(row[at] for row in skeleton.values)
        name = by_values.get(values)
        if name is None:
            name, kind = _variable(before, values, calls, properties)
            by_values[values], kinds[name] = name, kind
            properties[name] = {**kind.schema, **({"examples": _examples(values, kind)} if examples else {})}
        out.append("{{ " + name + kinds[name].filter + " }}")
        out.append(escaped(piece, before_tag=at + 2 < len(skeleton.pieces)))
        before = piece if piece.strip() else before + piece
    rows = [{name: kinds[name].read(values[at]) for values, name in by_values.items()} for at in range(len(texts))]
    schema = {"type": "object", "properties": properties, "required": list(properties)} if properties else {}
    return Proposal(template="".join(out), schema=schema, values=tuple(rows))


def _variable(before: str, values: Sequence[str], calls: Sequence[int], used: Mapping[str, Any]) -> tuple[str, Kind]:
    kind = kind_of(values, calls)
    name = proposed_name(before, kind.name)
    if kind.name == "enum" and name is not None and any(word in name for word in _ABOUT_PEOPLE):
        kind = kind_of(values, calls, choices=False)
    if name is None:
        number = 1
        while f"value_{number}" in used:
            number += 1
        name = f"value_{number}"
    return free_name(name, used), kind


def _examples(values: Sequence[str], kind: Kind) -> list[Any]:
    distinct = list(dict.fromkeys(value for value in values if len(value) <= _LONGEST_EXAMPLE))
    return [kind.read(value) for value in distinct[:_MOST_EXAMPLES]]
