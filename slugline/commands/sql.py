"""`slugline sql`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, print_rows, settings_for

if TYPE_CHECKING:
    from slugline.settings import Settings

LIMITS = {"readonly": 2, "max_execution_time": 60, "max_memory_usage": 4_000_000_000}


def sql(
    statement: Annotated[
        str, typer.Argument(help="A SELECT over calls, scores and the other tables.", show_default=False)
    ],
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask ClickHouse in SQL, read-only."""
    asyncio.run(_ask(statement, json, settings_for(data, config)))


async def _ask(statement: str, as_json: bool, settings: Settings) -> None:
    from slugline.records import open_records

    async with open_records(settings) as records:
        if as_json:
            rows = await records.raw(statement, fmt="JSONEachRow", output_format_json_quote_64bit_integers=0, **LIMITS)
            print("[" + ",\n ".join(rows.decode("utf-8", "replace").splitlines()) + "]")
            return
        result = await records.query(statement, None, **LIMITS)
    print_rows(result.columns, [["–" if value is None else str(value) for value in row] for row in result.rows])
