"""`GET /api/calls`, `/api/calls/{call_id}`, `/api/calls/export`, `/api/traces`.

Knows addresses, parameters and shapes. Refuses to know roles: it is handed `sight`, which says what a request may see, or raises.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from tracing.clickhouse import ClickHouse
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import MOST_ROWS, find_call, find_calls, find_traces
from tracing.transfer.export import Format, export_calls, streamed

_Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="rows on a page")]
_Cursor = Annotated[str, Field(max_length=500, description="next_cursor of the page before")]


class CallsAsked(CallFilter):
    """A filter and a place in what it finds."""

    limit: _Limit = 50
    cursor: _Cursor = ""

    def filter(self) -> CallFilter:
        return CallFilter.model_construct(**{name: getattr(self, name) for name in CallFilter.model_fields})


class ExportAsked(CallFilter):
    """A filter, and the form of what it finds."""

    format: Format = "jsonl"


class CallsModel(BaseModel):
    """A page of calls, newest first, without bodies; the fields are columns of `calls`."""

    calls: list[dict[str, Any]]
    next_cursor: str = Field(description="for the next page; empty on the last one")
    since: datetime | None = Field(
        description="how far back text was looked for, where the search didn't say: a week; null otherwise"
    )


class TracesModel(BaseModel):
    """A page of traces, by their last call, newest first."""

    traces: list[dict[str, Any]]
    next_cursor: str = Field(description="for the next page; empty on the last one")


def build_router(clickhouse: ClickHouse, sight: Callable[[Request], Sight], now: Callable[[], datetime]) -> APIRouter:
    """The router; `sight` says what whoever makes a request may see, and raises where that is nothing."""
    router = APIRouter(tags=["calls"])

    @router.get("/api/calls", summary="Find calls, newest first")
    async def calls(request: Request, asked: Annotated[CallsAsked, Query()]) -> CallsModel:
        page = await find_calls(
            clickhouse, asked.filter(), sight(request), limit=asked.limit, cursor=asked.cursor, now=now()
        )
        return CallsModel(calls=page.rows, next_cursor=page.next_cursor, since=page.since)

    @router.get(
        "/api/calls/export", summary="All calls that fit, streamed in the form that `slugline calls import` reads"
    )
    async def export(request: Request, asked: Annotated[ExportAsked, Query()]) -> StreamingResponse:
        return await streamed(export_calls(clickhouse, asked, sight(request), now=now()), asked.format)

    @router.get("/api/calls/{call_id}", summary="One call in full, with its scores and spans")
    async def call(request: Request, call_id: str) -> dict[str, Any]:
        return await find_call(clickhouse, call_id, sight(request))

    @router.get("/api/traces", summary="Find traces that have a call that fits")
    async def traces(request: Request, asked: Annotated[CallsAsked, Query()]) -> TracesModel:
        page = await find_traces(
            clickhouse, asked.filter(), sight(request), limit=asked.limit, cursor=asked.cursor, now=now()
        )
        return TracesModel(traces=page.rows, next_cursor=page.next_cursor)

    return router
