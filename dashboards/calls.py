"""Calls: which there were, by whatever one knows of them, with counts for narrowing down; the same for machines, and as they come in.

Knows the pages. Refuses to know SQL (`tracing.search`), how a list is put together (`dashboards.call_list`) and what an address means
(`dashboards.call_address`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.call_address import DEFAULT, PRESETS, CallsAsked, read_address
from dashboards.call_bars import HEIGHT, WIDTH
from dashboards.call_list import CallList, list_calls, shown_value, with_scores
from dashboards.examples import Example, example
from dashboards.frame import HEADERS, Frame, base_url
from dashboards.spreadsheets import as_csv
from dashboards.zones import zone_of
from evaluation.errors import AnalysisError
from registry.errors import RegistryError
from registry.roles import Principal
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.search.errors import SearchError
from tracing.search.filters import Sight
from tracing.search.find import MOST_ROWS, Page, find_calls
from tracing.search.rows import LISTED
from tracing.search.scored import scores_of

ROWS = 50
MOST_IN_CSV = 10_000
_MOST_NEWER = 200
_LIVE = timedelta(hours=1)
_TYPED = ("user", "session", "tag", "score", "min_cost", "min_ms", "status", "trace_id", "external_id")
"""Filters with a field of their own; others are chosen by their counts, or come with the address."""


def add_calls(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    """`/calls`, its twins, and `/calls/newer`, which the page asks for what came in since."""
    _add_twins(router, frame, clickhouse)

    @router.get("/calls/newer")
    async def get_newer(request: Request, ended_since: str = "") -> HTMLResponse:
        """Rows alone, of calls that ended since."""
        asked, sight = _asked(frame, request, but="ended_since")
        looked = asked.filter.model_copy(update={"since": None, "until": None, "ended_since": _moment(ended_since)})
        page = await find_calls(clickhouse, looked, sight, limit=_MOST_NEWER, now=frame.now())
        rows = await with_scores(clickhouse, page)
        return frame.page(request, "calls_newer.html", rows=rows, address=asked.address.at("/calls"), shown=shown_value)

    @router.get("/calls")
    async def get_calls(request: Request, cursor: str = "", live: str | None = None) -> HTMLResponse:
        me, now = frame.visitor(request), frame.now()
        asked = read_address("/calls", request.query_params.multi_items(), now, zone_of(request))
        sight, problem, found, ways = Sight(prompts=me.prompts), asked.problem, CallList(), None
        try:
            if live is not None and not problem:
                looked = asked.filter.model_copy(update={"since": now - _LIVE, "until": None})
                page = await find_calls(clickhouse, looked, sight, limit=ROWS, now=now)
                found = CallList(rows=await with_scores(clickhouse, page))
            elif not problem:
                found = await list_calls(clickhouse, asked, sight, limit=ROWS, cursor=cursor, now=now)
        except SearchError as error:
            problem = str(error)
        if not found.rows and not asked.narrow:
            ways = await to_thread.run_sync(lambda: _example(store, me, base_url(request)))
        told: dict[str, Any] = {
            "found": found,
            "asked": asked,
            "address": asked.address,
            "problem": problem,
            "example": ways,
            "presets": PRESETS,
            "default": DEFAULT,
            "typed": _TYPED,
            "live": live is not None,
            "most_in_csv": MOST_IN_CSV,
            "size": (WIDTH, HEIGHT),
            "shown": shown_value,
            "cursor": cursor,
        }
        return frame.page(request, "calls.html", status=400 if problem else 200, **told)


def _add_twins(router: APIRouter, frame: Frame, clickhouse: ClickHouse) -> None:
    async def page_of(asked: CallsAsked, sight: Sight, cursor: str) -> tuple[Page, dict[str, list[dict[str, Any]]]]:
        page = await find_calls(clickhouse, asked.filter, sight, limit=MOST_ROWS, cursor=cursor, now=frame.now())
        return page, await scores_of(clickhouse, page.rows)

    @router.get("/calls.json")
    async def get_json(request: Request, cursor: str = "") -> Response:
        asked, sight = _asked(frame, request)
        page, scores = await page_of(asked, sight, cursor)
        rows = [{**row, "scores": scores[row["call_id"]]} for row in page.rows]
        window = {"since": asked.window.since.isoformat(), "until": asked.window.until.isoformat()}
        return JSONResponse({**window, "calls": rows, "next_cursor": page.next_cursor}, headers=HEADERS)

    @router.get("/calls.csv")
    async def get_csv(request: Request, cursor: str = "") -> Response:
        asked, sight = _asked(frame, request)
        table: list[Sequence[Any]] = [[*LISTED, "scores"]]
        while True:
            page, scores = await page_of(asked, sight, cursor)
            for row in page.rows:
                said = {each["name"]: shown_value(each) for each in scores[row["call_id"]]}
                table.append([*(row[name] for name in LISTED), said or ""])
            cursor = page.next_cursor
            if not cursor or len(table) > MOST_IN_CSV:
                break
        headers = {**HEADERS, "x-slugline-next-cursor": cursor} if cursor else HEADERS
        return PlainTextResponse(as_csv(table), headers=headers, media_type="text/csv; charset=utf-8")


def _asked(frame: Frame, request: Request, *, but: str = "") -> tuple[CallsAsked, Sight]:
    """What a program asks for, and what it may see. Raises AnalysisError for an address that can't be read."""
    me = frame.visitor(request)
    query = [each for each in request.query_params.multi_items() if each[0] != but]
    asked = read_address("/calls", query, frame.now(), zone_of(request))
    if asked.problem:
        raise AnalysisError(asked.problem)
    return asked, Sight(prompts=me.prompts)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise AnalysisError(f"ended_since is a time such as 2026-11-05T09:00:00Z, not '{text[:40]}'")
    return found


def _example(store: Store, me: Principal, base: str) -> Example | None:
    """How to make the first call, of the first prompt that somebody sees; None where there is none."""
    slug = next((each.slug for each in store.prompts() if me.sees(each.slug)), None)
    if slug is None:
        return None
    try:
        prompt = store.prompt(slug)
        selector = "" if STABLE in prompt.channels else LATEST
        version = store.version(slug, prompt.channels.get(STABLE, prompt.latest))
        return example(version, selector, base_url=base, keyed=me.identity.startswith("key:"))
    except RegistryError:  # gone meanwhile
        return None
