"""`slugline calls`: the record, newest first, one call in full, and all of it as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands import call_files
from slugline.commands.call_table import print_calls
from slugline.commands.filters import read_filters, with_filters
from slugline.commands.options import Config, Data, Json, Server, print_json

if TYPE_CHECKING:
    from tracing.search.filters import CallFilter

_PAGE = 1000


def build() -> typer.Typer:
    """The group `slugline calls`."""
    group = typer.Typer(help="The recorded calls.", invoke_without_command=True, no_args_is_help=False)
    group.callback(invoke_without_command=True)(with_filters(calls))
    group.command()(show)
    group.command("export")(with_filters(call_files.export))
    group.command("import")(call_files.import_)
    return group


def calls(
    context: typer.Context,
    filters: Mapping[str, Any],
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=100_000, help="How many.")] = 20,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List calls, newest first."""
    if context.invoked_subcommand is not None:
        return
    asked = read_filters(filters)
    rows = asyncio.run(_rows(asked, limit, data, config, server))
    if json:
        print_json(rows)
    else:
        print_calls(rows, csv=csv)


def show(
    call_id: Annotated[str, typer.Argument(help="The call's id.", show_default=False)],
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show one call in full, with its scores and spans, as JSON."""
    from slugline.call_records import open_calls

    async def ask() -> dict[str, Any]:
        async with open_calls(data, config, server) as records:
            return await records.call(call_id)

    print_json(asyncio.run(ask()))


async def _rows(
    asked: CallFilter, limit: int, data: Path | None, config: Path | None, server: str | None
) -> list[dict[str, Any]]:
    from slugline.call_records import open_calls

    rows: list[dict[str, Any]] = []
    async with open_calls(data, config, server) as records:
        cursor, told = "", False
        while len(rows) < limit:
            page = await records.page(asked, limit=min(_PAGE, limit - len(rows)), cursor=cursor)
            rows += page.rows
            cursor = page.next_cursor
            if page.since is not None and not told:
                told = True
                typer.echo(
                    f"text is looked for in calls since {page.since:%Y-%m-%d %H:%M} UTC; --since looks further back",
                    err=True,
                )
            if not cursor:
                break
    return rows
