"""Traces: which there were, and one as a tree with a waterfall, each span beside it; calls among them with their prompt versions.

Knows the pages. Refuses to know how a tree is made (`tracing.telemetry.tree`) and drawn (`dashboards.waterfall`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.call_address import DEFAULT, PRESETS, CallsAsked, read_address
from dashboards.call_reading import Reading, read_call
from dashboards.frame import HEADERS, Frame
from dashboards.spreadsheets import as_csv
from dashboards.waterfall import PART, SCALE, waterfall
from dashboards.zones import zone_of
from evaluation.errors import AnalysisError
from registry.errors import AuthPromptNotAllowedError
from registry.roles import Principal, permit
from tracing.clickhouse import ClickHouse
from tracing.search.errors import CallNotFoundError, SearchError
from tracing.search.filters import Sight
from tracing.search.find import MOST_ROWS, Page, find_call, find_traces
from tracing.telemetry.api import TRACE_ID, TraceModel
from tracing.telemetry.tree import Trace, calls_in, trace_tree

ROWS = 50
_MOST_ATTRIBUTES = 200
_LONGEST = 20_000


def add_traces(router: APIRouter, frame: Frame, clickhouse: ClickHouse) -> None:
    """`/traces` and `/traces/{trace_id}`, and their twins."""
    _add_list(router, frame, clickhouse)

    async def found(me: Principal, trace_id: str) -> Trace:
        if not TRACE_ID.fullmatch(trace_id):
            raise CallNotFoundError(
                f"no trace {trace_id[:80]} on record: a trace's id is 32 hex digits, as in traceparent"
            )
        trace = await trace_tree(clickhouse, trace_id)
        if trace is None:
            raise CallNotFoundError(f"nothing of trace {trace_id} is on record (it shows about a second after it came)")
        _check_seen(me, trace)
        return trace

    @router.get("/traces/{trace_id}.json")
    async def get_json(trace_id: str, request: Request) -> Response:
        trace = await found(frame.visitor(request), trace_id)
        told = TraceModel.model_validate(trace, from_attributes=True).model_dump(mode="json")
        return JSONResponse(told, headers=HEADERS)

    @router.get("/traces/{trace_id}")
    async def get_trace(
        trace_id: str, request: Request, span: str = "", first: Annotated[int | None, Query(ge=0, le=100_000)] = None
    ) -> HTMLResponse:
        me = frame.visitor(request)
        trace = await found(me, trace_id)
        drawn = waterfall(trace.nodes, chosen=span, first=first)
        node, reading = drawn.row.node, Reading()
        if node.call is not None:
            call = await find_call(clickhouse, node.call["call_id"], Sight(prompts=me.prompts), with_spans=False)
            reading = read_call(call)
        calls = calls_in(trace)
        costs = [float(call["cost"]) for call in calls if call["cost"] is not None]
        told: dict[str, Any] = {
            "trace": trace,
            "drawn": drawn,
            "calls": calls,
            "cost": sum(costs) if costs else None,
            "tokens": [sum(call[name] or 0 for call in calls) for name in ("input_tokens", "output_tokens")],
            "failed": sum(each.status == "error" for each in trace.nodes),
            "reading": reading,
            "attributes": [
                (name, value[:_LONGEST]) for name, value in list(node.attributes.items())[:_MOST_ATTRIBUTES]
            ],
            "title": trace.nodes[0].name,
            "started": min(each.start for each in trace.nodes),
            "scale": SCALE,
            "part": PART,
        }
        return frame.page(request, "trace.html", **told)


def _add_list(router: APIRouter, frame: Frame, clickhouse: ClickHouse) -> None:
    async def page_of(request: Request, asked: CallsAsked, *, limit: int, cursor: str) -> Page:
        sight = Sight(prompts=frame.visitor(request).prompts)
        if asked.problem:
            raise AnalysisError(asked.problem)
        return await find_traces(clickhouse, asked.filter, sight, limit=limit, cursor=cursor, now=frame.now())

    def asked_by(request: Request) -> CallsAsked:
        return read_address("/traces", request.query_params.multi_items(), frame.now(), zone_of(request))

    @router.get("/traces.json")
    async def list_json(request: Request, cursor: str = "") -> Response:
        page = await page_of(request, asked_by(request), limit=MOST_ROWS, cursor=cursor)
        return JSONResponse({"traces": page.rows, "next_cursor": page.next_cursor}, headers=HEADERS)

    @router.get("/traces.csv")
    async def list_csv(request: Request, cursor: str = "") -> Response:
        page = await page_of(request, asked_by(request), limit=MOST_ROWS, cursor=cursor)
        names = list(page.rows[0]) if page.rows else ["trace_id"]
        text = as_csv([names, *([row[name] for name in names] for row in page.rows)])
        headers = {**HEADERS, "x-slugline-next-cursor": page.next_cursor} if page.next_cursor else HEADERS
        return PlainTextResponse(text, headers=headers, media_type="text/csv; charset=utf-8")

    @router.get("/traces")
    async def list_traces(request: Request, cursor: str = "") -> HTMLResponse:
        frame.visitor(request)
        asked = asked_by(request)
        page, problem = Page(rows=[], next_cursor=""), asked.problem
        try:
            if not problem:
                page = await page_of(request, asked, limit=ROWS, cursor=cursor)
        except SearchError as error:
            problem = str(error)
        told: dict[str, Any] = {
            "rows": [(row, _began(row), _lasted(row)) for row in page.rows],
            "next_cursor": page.next_cursor,
            "cursor": cursor,
            "asked": asked,
            "address": asked.address,
            "problem": problem,
            "presets": PRESETS,
            "default": DEFAULT,
        }
        return frame.page(request, "traces.html", status=400 if problem else 200, **told)


def _check_seen(me: Principal, trace: Trace) -> None:
    """A trace is seen by whoever sees all of its calls: spans say what stood around them."""
    for slug in {str(call["prompt"]) for call in calls_in(trace)} or {""}:
        if slug:
            permit(me, "inspect", slug=slug)
        elif me.prompts:
            raise AuthPromptNotAllowedError(
                f"{me.name} may see calls of the prompts {', '.join(me.prompts[:20])} only, and this trace has others",
                param="prompt",
            )


def _began(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["first_ts"])


def _lasted(row: Mapping[str, Any]) -> float:
    """From the first call's beginning to the last one's, in milliseconds."""
    return (datetime.fromisoformat(row["last_ts"]) - _began(row)) / timedelta(milliseconds=1)
