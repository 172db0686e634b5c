"""`slugline scores export` and `import`: scores as files."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from slugline.commands.call_files import AsIs, Files, From, Output, RejectedTo, write
from slugline.commands.filters import ONE, read_moment
from slugline.commands.options import Config, Data, Json, settings_for


def export(
    since: Annotated[str | None, typer.Option(help=ONE["since"], show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help=ONE["until"], show_default=False)] = None,
    name: Annotated[list[str] | None, typer.Option(help="The score's name.", show_default=False)] = None,
    output: Output = None,
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="JSON lines, or CSV.")] = "jsonl",
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all scores given in a window, in the form that import reads."""
    from slugline.records import open_records
    from tracing.transfer.csv_text import as_csv
    from tracing.transfer.export import export_scores

    now = datetime.now(UTC)
    begin = read_moment(since, "--since", now) if since else None
    end = read_moment(until, "--until", now) if until else None

    async def run() -> None:
        async with open_records(settings_for(data, config)) as records:
            lines = export_scores(records, since=begin, until=end, names=name or ())
            await write(as_csv(lines) if form == "csv" else lines, output)

    asyncio.run(run())
    if output is not None:
        print(f"wrote {output}")


def import_(
    files: Files,
    origin: From = "auto",
    rejected: RejectedTo = None,
    as_is: AsIs = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load scores from files: Slugline's format, Langfuse's exports.

    Running it twice doubles nothing; a score with an id that is there and a later received_at replaces it.
    """
    from slugline.importing_records import run_import

    run_import("scores", files, origin, rejected, data=data, config=config, as_json=json, as_is=as_is)
