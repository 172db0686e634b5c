"""`slugline sql`."""

from __future__ import annotations

import asyncio
import json as jsonlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, print_rows, settings_for

if TYPE_CHECKING:
    from slugline.settings import Settings
    from tracing.clickhouse import ClickHouse

SHOWN = 1000
MIB = 1 << 20


def sql(
    statement: Annotated[
        str, typer.Argument(help="A SELECT over calls, scores and the other tables; - reads it.", show_default=False)
    ],
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with the columns' names first.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Stop the query after so long.")] = 60,
    memory: Annotated[int, typer.Option(min=16, help="MiB of memory that the query may take.")] = 4096,
    rows: Annotated[
        int, typer.Option(min=0, help=f"Most rows to print (default: {SHOWN} in a table, all in JSON and CSV).")
    ] = 0,
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask ClickHouse in SQL, read-only: the server's, or the data folder's own engine. Long results are printed as they come."""
    from slugline.settings import SettingsError

    if json and csv:
        raise SettingsError("--json and --csv are two forms of one result: leave one of them out")
    text = sys.stdin.read() if statement == "-" else statement
    limits = {"readonly": 2, "max_execution_time": seconds, "max_memory_usage": memory * MIB}
    form = "json" if json else "csv" if csv else "table"
    asyncio.run(_ask(text, form, rows, limits, settings_for(data, config)))


async def _ask(statement: str, form: str, most: int, limits: dict[str, float], settings: Settings) -> None:
    from slugline.records import open_records

    async with open_records(settings) as records:
        if form == "json":
            await _as_json(_lines(records, statement, "JSONEachRow", most, limits))
        elif form == "csv":
            async for line in _lines(records, statement, "CSVWithNames", most + 1 if most else 0, limits):
                sys.stdout.write(line.decode("utf-8", "replace") + "\n")
        else:
            await _as_table(records, statement, most or SHOWN, limits)


async def _as_json(lines: AsyncIterator[bytes]) -> None:
    """An array with one row a line, so that it can be read as a whole or line by line."""
    mark = "["
    async for line in lines:
        sys.stdout.write(mark + line.decode("utf-8", "replace"))
        mark = ",\n "
    sys.stdout.write("]\n" if mark != "[" else "[]\n")


async def _as_table(records: ClickHouse, statement: str, most: int, limits: dict[str, float]) -> None:
    found = [
        jsonlib.loads(line)
        async for line in _lines(records, statement, "JSONCompactStringsEachRowWithNames", most + 2, limits)
    ]
    columns, table = (found[0], found[1 : most + 1]) if found else ([], [])
    print_rows(columns, [["–" if cell in (None, "ᴺᵁᴸᴸ", "\\N") else str(cell) for cell in row] for row in table])
    if len(found) > most + 1:
        print(f"… more than {most:,} rows: --rows prints more, --json and --csv print all", file=sys.stderr)


async def _lines(
    records: ClickHouse, statement: str, fmt: str, most: int, limits: dict[str, float]
) -> AsyncIterator[bytes]:
    """The result's lines, `most` of them unless it is 0. A line end within a quoted CSV value ends no line."""
    rest, count = b"", 0
    settings = {**limits, "output_format_json_quote_64bit_integers": 0}
    stream = records.stream(statement, fmt=fmt, **settings)
    async for piece in stream:
        *whole, rest = (rest + piece).split(b"\n")
        held = b""
        for line in whole:
            held = held + b"\n" + line if held else line
            if fmt.startswith("CSV") and held.count(b'"') % 2:
                continue
            yield held
            held, count = b"", count + 1
            if count == most:
                await stream.aclose()
                return
        rest = held + b"\n" + rest if held else rest
    if rest:
        yield rest
