"""The order of a trace's tree, whatever comes in whatever order."""

import random
from datetime import UTC, datetime, timedelta
from typing import Literal

from tracing.telemetry.tree import Node, in_order

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


def node(span_id: str, parent: str = "", at: int = 0, kind: Literal["call", "span"] = "span") -> Node:
    return Node(
        kind=kind,
        span_id=span_id,
        parent_span_id=parent,
        name=span_id,
        service="",
        start=BEGIN + timedelta(milliseconds=at),
        duration_ms=1,
        status="unset",
        status_message="",
        attributes={},
    )


def shown(*nodes: Node) -> list[tuple[str, int]]:
    return [(each.span_id, each.depth) for each in in_order(nodes)]


def test_children_stand_behind_their_parent_in_the_order_of_their_start() -> None:
    nodes = [node("root"), node("b", "root", 2), node("a", "root", 1), node("a1", "a", 5), node("other", at=9)]
    expected = [("root", 0), ("a", 1), ("a1", 2), ("b", 1), ("other", 0)]
    for seed in range(20):
        random.Random(seed).shuffle(nodes)
        assert shown(*nodes) == expected


def test_a_parent_that_nobody_sent_makes_a_root() -> None:
    assert shown(node("a", "missing"), node("b", "a", 1)) == [("a", 0), ("b", 1)]


def test_circles_are_cut_and_nothing_is_lost() -> None:
    assert shown(node("self", "self")) == [("self", 0)]
    found = shown(node("a", "c", 0), node("b", "a", 1), node("c", "b", 2), node("d", "b", 3))
    assert found == [("a", 0), ("b", 1), ("c", 2), ("d", 2)]


def test_what_hangs_on_an_id_of_a_span_and_a_call_hangs_on_the_call() -> None:
    found = in_order([node("x"), node("x", kind="call", at=1), node("child", "x", 2)])
    assert [(each.kind, each.span_id, each.depth) for each in found] == [
        ("span", "x", 0),
        ("call", "x", 0),
        ("span", "child", 1),
    ]


def test_a_very_deep_trace_is_no_problem() -> None:
    found = in_order([node(str(number), str(number - 1), number) for number in range(5000)])
    assert found[-1].depth == 4999
