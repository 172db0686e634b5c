"""A trace as one tree: the app's own spans, and the calls among them, each with its prompt version.

Knows the tables `calls` and `spans`. Bodies stay where they are; a call's id leads to them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Literal

from tracing.clickhouse import ClickHouse

MAX_NODES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One call or span, at its place in the tree.

    `depth` is 0 for a root. `parent_span_id` may name a span that nobody sent: then the node is a root with a parent. `duration_ms` is in
    milliseconds. `call` holds what is known of a call, None for a span.
    """

    kind: Literal["call", "span"]
    depth: int = 0
    span_id: str
    parent_span_id: str
    name: str
    service: str
    start: datetime
    duration_ms: float
    status: Literal["unset", "ok", "error"]
    status_message: str
    attributes: Mapping[str, str]
    call: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace's nodes in the order of the tree: each behind its parent, siblings by their start.

    `truncated`: it has more than `MAX_NODES` calls or spans, and some were left out.
    """

    trace_id: str
    nodes: tuple[Node, ...]
    truncated: bool = False


async def trace_tree(clickhouse: ClickHouse, trace_id: str) -> Trace | None:
    """The tree of a trace, None where nothing of it is on record. Raises ClickHouseUnavailable and ClickHouseRefused."""
    parameters = {"trace_id": trace_id.lower(), "limit": MAX_NODES + 1}
    calls = (await clickhouse.query(_sql("trace_calls"), parameters)).dicts()
    spans = (await clickhouse.query(_sql("trace_spans"), parameters)).dicts()
    if not calls and not spans:
        return None
    nodes = [*map(_call_node, calls[:MAX_NODES]), *map(_span_node, spans[:MAX_NODES])]
    return Trace(
        trace_id=trace_id.lower(),
        nodes=in_order(nodes),
        truncated=len(calls) > MAX_NODES or len(spans) > MAX_NODES,
    )


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes in the order of their tree, with their depths. A span and a call with one id are two nodes; what hangs on the id hangs on the
    call. Spans that are each other's ancestors are cut apart at the earliest."""
    known = sorted(nodes, key=lambda node: (node.start, node.span_id))
    by_id: dict[str, int] = {}
    for place, node in enumerate(known):
        if node.span_id not in by_id or node.kind == "call":
            by_id[node.span_id] = place
    children: dict[int | None, list[int]] = {}
    for place, node in enumerate(known):
        parent = by_id.get(node.parent_span_id) if node.parent_span_id else None
        children.setdefault(None if parent == place else parent, []).append(place)
    ordered: list[Node] = []
    seen: set[int] = set()
    for root in [*children.get(None, []), *range(len(known))]:  # the second round finds what only circles lead to
        waiting = [(root, 0)]
        while waiting:
            place, depth = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            ordered.append(replace(known[place], depth=depth))
            waiting.extend((child, depth + 1) for child in reversed(children.get(place, [])))
    return tuple(ordered)


_OF_A_CALL = (
    *("call_id", "prompt", "version", "version_id", "channel", "variant", "endpoint", "purpose", "outcome", "error_code"),
    *("provider", "model_requested", "model_served", "input_tokens", "output_tokens", "cost", "first_chunk_ms"),
    *("finish_reason", "caller", "user", "session"),
)  # fmt: skip


def _call_node(row: Mapping[str, Any]) -> Node:
    model = row["model_requested"] or row["model_served"]
    failed = row["outcome"] not in {"ok", "client_left"}
    return Node(
        kind="call",
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=f"{row['endpoint']} {model}".strip(),
        service="slugline",
        start=_in_utc(row["ts"]),
        duration_ms=row["duration_ms"],
        status="error" if failed else "ok",
        status_message=row["error_message"],
        attributes={},
        call={name: str(row[name]) if name in {"call_id", "cost"} and row[name] is not None else row[name]
              for name in _OF_A_CALL},
    )  # fmt: skip


def _span_node(row: Mapping[str, Any]) -> Node:
    return Node(
        kind="span",
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        service=row["service"],
        start=_in_utc(row["ts"]),
        duration_ms=row["duration_ns"] / 1e6,
        status=row["status"],
        status_message=row["status_message"],
        attributes=row["attributes"],
    )


def _in_utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _sql(name: str) -> str:
    return (resources.files("tracing.telemetry") / f"{name}.sql").read_text("utf-8")


def calls_in(trace: Trace) -> Sequence[Mapping[str, Any]]:
    """What is known of each call of a trace."""
    return [node.call for node in trace.nodes if node.call is not None]
