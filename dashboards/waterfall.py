"""A trace as rows of a tree with a bar each: when a span began within the trace, how long it took, and what kind of work it was. Pure.

Knows geometry and kinds. Refuses to know HTML; a long trace is shown in parts, so that its page stays light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from tracing.telemetry.tree import Node

SCALE = 1000
"""Bars are drawn on a line of this length."""
PART = 400
"""How many rows a page shows at a time."""
_DEEPEST = 12
_THINNEST = 4.0

Kind = Literal["call", "model", "tool", "retrieval", "step"]
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("chat", "text_completion", "generate_content", "llm", "embeddings", "embedding"), "model"),
    **dict.fromkeys(("execute_tool", "tool"), "tool"),
    **dict.fromkeys(("retriever", "retrieval", "reranker", "search"), "retrieval"),
}
_SAID_BY = ("gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "langfuse.observation.type")
"""Attributes that say what a span is about: OpenTelemetry's, OpenInference's, OpenLLMetry's and Langfuse's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A node at its place. `key` names it within its trace; `indent` is its depth, as far as there is room for it."""

    key: str
    node: Node
    kind: Kind
    indent: int
    x: float
    width: float
    offset_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """A trace's rows, all of them, and which one is looked at. `shown` are those of the part around it, from `first` on."""

    rows: tuple[Row, ...]
    place: int
    first: int
    duration_ms: float

    @property
    def shown(self) -> tuple[Row, ...]:
        return self.rows[self.first : self.first + PART]

    @property
    def row(self) -> Row:
        """The one that is looked at."""
        return self.rows[self.place]

    @property
    def before(self) -> Row | None:
        """The one above it."""
        return self.rows[self.place - 1] if self.place else None

    @property
    def after(self) -> Row | None:
        """The one below it."""
        return next(iter(self.rows[self.place + 1 : self.place + 2]), None)


def waterfall(nodes: Sequence[Node], *, chosen: str = "", first: int | None = None) -> Waterfall:
    """The rows of a trace in the order of its tree; there must be one. `chosen` is a row's key, `first` where the part begins.

    Without a choice it is the first call that failed, else the first call, else the root.
    """
    begins = min(node.start for node in nodes)
    ends = max(node.start + timedelta(milliseconds=node.duration_ms) for node in nodes)
    whole = max((ends - begins) / timedelta(milliseconds=1), 0.001)
    taken = {node.span_id for node in nodes if node.kind == "call"}
    rows = []
    for node in nodes:
        offset = (node.start - begins) / timedelta(milliseconds=1)
        width = max(_THINNEST, node.duration_ms / whole * SCALE)
        row = Row(
            key=f"{node.span_id}-span" if node.kind == "span" and node.span_id in taken else node.span_id,
            node=node,
            kind=kind_of(node),
            indent=min(node.depth, _DEEPEST),
            x=round(min(offset / whole * SCALE, SCALE - _THINNEST), 1),
            width=round(min(width, SCALE - min(offset / whole * SCALE, SCALE - _THINNEST)), 1),
            offset_ms=offset,
        )
        rows.append(row)
    place = _place(rows, chosen)
    part = place // PART * PART if first is None else min(max(0, first), len(rows) - 1)
    return Waterfall(rows=tuple(rows), place=place, first=part, duration_ms=whole)


def kind_of(node: Node) -> Kind:
    """What kind of work a node was."""
    if node.kind == "call":
        return "call"
    said = next((node.attributes[name] for name in _SAID_BY if node.attributes.get(name)), "")
    return _KINDS.get(said.lower(), "step")


def _place(rows: Sequence[Row], chosen: str) -> int:
    calls = [place for place, row in enumerate(rows) if row.node.kind == "call"]
    failed = [place for place in calls if rows[place].node.status == "error"]
    named = [place for place, row in enumerate(rows) if row.key == chosen]
    return next(iter((*named, *failed, *calls, 0)))
