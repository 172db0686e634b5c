"""`slugline tail`: calls as they are recorded."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.call_table import line
from slugline.commands.filters import read_filters, with_filters
from slugline.commands.options import Config, Data, Server

if TYPE_CHECKING:
    from slugline.call_records import CallRecords
    from tracing.search.filters import CallFilter
    from tracing.search.follow import Follower

_SECONDS = 1.0
_PAGE = 1000
_MOST_PAGES = 5


def _tail(
    filters: Mapping[str, Any],
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, max=1000, help="Earlier calls to begin with.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each call.")] = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Follow calls as they are recorded, until Ctrl-C."""
    asked = read_filters(filters)

    def show(row: Mapping[str, Any]) -> None:
        print(jsonlib.dumps(row, ensure_ascii=False) if json else line(row), flush=True)

    try:
        asyncio.run(_follow(asked, lines, show, data, config, server))
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever read this has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


tail = with_filters(_tail, leave_out=frozenset({"until"}))


async def _follow(
    asked: CallFilter,
    lines: int,
    show: Callable[[Mapping[str, Any]], None],
    data: Path | None,
    config: Path | None,
    server: str | None,
) -> None:
    from slugline.call_records import open_calls
    from slugline.client import ServerError
    from tracing.clickhouse import ClickHouseRefused, ClickHouseUnavailable
    from tracing.search.follow import Follower

    follower = Follower()
    begun, waiting = False, False
    async with open_calls(data, config, server, follow=True) as records:
        while True:
            try:
                new = await (_look(records, asked, follower) if begun else _begin(records, asked, follower, lines))
            except (ClickHouseUnavailable, ClickHouseRefused, ServerError) as error:
                if isinstance(error, ServerError) and not begun:
                    raise  # an address or a key that never worked won't by waiting
                follower.failed()
                if not waiting:
                    print(f"slugline: waiting: {error}", file=sys.stderr, flush=True)
                waiting = True
            else:
                begun = True
                if waiting:
                    print("slugline: going on", file=sys.stderr, flush=True)
                waiting = False
                for row in new:
                    show(row)
            await asyncio.sleep(_SECONDS)


async def _begin(records: CallRecords, asked: CallFilter, follower: Follower, lines: int) -> list[Mapping[str, Any]]:
    """The last calls there are; those before them count as shown."""
    first = follower.take((await records.page(asked, limit=_PAGE)).rows)
    await _look(records, asked, follower)
    return first[len(first) - min(lines, len(first)) :]


async def _look(records: CallRecords, asked: CallFilter, follower: Follower) -> list[Mapping[str, Any]]:
    """What is new. Of more than some thousand calls at a time, the newest."""
    look = asked.model_copy(update={"ended_since": follower.since})
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = await records.page(look, limit=_PAGE, cursor=cursor)
        rows += page.rows
        cursor = page.next_cursor
        if not cursor:
            break
    return follower.take(rows)
