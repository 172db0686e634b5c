"""A trace's bars: where they begin and end, which row is looked at, and parts of long traces."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards.waterfall import PART, SCALE, waterfall
from tracing.telemetry.tree import Node, in_order

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def node(span_id: str, parent: str = "", ms: float = 0, took: float = 10, **more: Any) -> Node:
    fields: dict[str, Any] = {
        "kind": "span",
        "status": "ok",
        "attributes": {},
        "status_message": "",
        "service": "",
        **more,
    }
    return Node(
        span_id=span_id, parent_span_id=parent, name=span_id, start=START + timedelta(milliseconds=ms), duration_ms=took, **fields
    )  # fmt: skip


def test_bars_lie_where_the_time_went() -> None:
    drawn = waterfall(in_order([node("a", took=1000), node("b", "a", 250, 500), node("c", "a", 990, 1)]))
    assert [(row.x, row.width, row.indent, row.offset_ms) for row in drawn.rows] == [
        (0, SCALE, 0, 0), (250, 500, 1, 250), (990, 4.0, 1, 990),
    ]  # fmt: skip
    assert drawn.duration_ms == 1000


def test_nothing_leaves_the_line() -> None:
    rows = waterfall([node("a", took=0), node("b", "a", 0, 0)]).rows
    assert all(row.x >= 0 and row.x + row.width <= SCALE for row in rows)
    late = waterfall([node("a", took=1), node("b", ms=10**6, took=0)]).rows
    assert all(row.x + row.width <= SCALE for row in late)
    assert waterfall(in_order([node(str(n), str(n - 1), n) for n in range(1, 60)])).rows[-1].indent == 12


@pytest.mark.parametrize(("statuses", "place"), [(("ok", "ok"), 1), (("ok", "error"), 2)])
def test_what_is_looked_at_first(statuses: tuple[str, str], place: int) -> None:
    calls = [node(f"c{n}", "a", n, kind="call", status=status, call={}) for n, status in enumerate(statuses, 1)]
    drawn = waterfall(in_order([node("a"), *calls]))
    assert drawn.place == place
    assert waterfall(in_order([node("a"), *calls]), chosen="a").place == 0
    assert waterfall([node("a"), node("b")]).place == 0
    chosen = waterfall(in_order([node("a"), *calls]), chosen="c1")
    assert (chosen.before and chosen.before.key, chosen.after and chosen.after.key) == ("a", "c2")


def test_a_span_and_a_call_of_one_id_are_two_rows() -> None:
    drawn = waterfall(in_order([node("a"), node("x", "a"), node("x", "a", kind="call", call={})]))
    assert sorted(row.key for row in drawn.rows) == ["a", "x", "x-span"]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "chat"}, "model"),
        ({"openinference.span.kind": "RETRIEVER"}, "retrieval"),
        ({"langfuse.observation.type": "tool"}, "tool"),
        ({}, "step"),
    ],
)
def test_kinds_of_work(attributes: dict[str, str], kind: str) -> None:
    assert waterfall([node("a", attributes=attributes)]).row.kind == kind


def test_parts_of_a_long_trace() -> None:
    nodes = [node(f"{n}", ms=n) for n in range(1000)]
    assert [row.key for row in waterfall(nodes, chosen=str(PART)).shown][:1] == [str(PART)]
    assert len(waterfall(nodes).shown) == PART
    assert waterfall(nodes, chosen="999").first == 2 * PART
    assert waterfall(nodes, chosen="999", first=0).shown[0].key == "0"
