"""`GET /api/traces/{trace_id}`: a trace as one tree, over HTTP.

Knows the address and the shape of the answer. Refuses to know roles: it is handed a check of who may see which prompts' calls.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from tracing.clickhouse import ClickHouse
from tracing.telemetry.tree import calls_in, trace_tree

TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")


class NodeModel(BaseModel):
    """A call or a span."""

    kind: Literal["call", "span"]
    depth: int = Field(description="0 for a root; a node's parent is the nearest one before it with a smaller depth")
    span_id: str
    parent_span_id: str = Field(description="empty for the trace's beginning; may name a span that nobody sent")
    name: str
    service: str = Field(description="service.name of the app that sent the span")
    start: datetime
    duration_ms: float
    status: Literal["unset", "ok", "error"]
    status_message: str
    attributes: dict[str, str]
    call: dict[str, Any] | None = Field(description="for a call: its id, prompt, version, model, tokens, cost and more")


class TraceModel(BaseModel):
    """A trace, in the order of its tree."""

    trace_id: str
    nodes: list[NodeModel]
    truncated: bool = Field(description="true where the trace is too large and nodes were left out")


def build_router(clickhouse: ClickHouse, permitted: Callable[[Request, Iterable[str]], None]) -> APIRouter:
    """The router; `permitted` raises for who may not see a trace with calls of these prompts ('' where a call names none, no prompt at
    all where the trace has no call)."""
    router = APIRouter(tags=["traces"])

    @router.get("/api/traces/{trace_id}", summary="A trace as one tree of spans and calls")
    async def trace(request: Request, trace_id: str) -> TraceModel:
        permitted(request, ())
        if not TRACE_ID.fullmatch(trace_id):
            raise HTTPException(422, "a trace id is 32 hex digits, as in traceparent")
        found = await trace_tree(clickhouse, trace_id)
        if found is None:
            raise HTTPException(
                404, f"nothing of trace {trace_id} is on record (it shows about a second after it came)"
            )
        permitted(request, {call["prompt"] for call in calls_in(found)} or {""})
        return TraceModel.model_validate(found, from_attributes=True)

    return router
