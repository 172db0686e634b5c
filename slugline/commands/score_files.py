"""`slugline scores export` and `import`: scores as files, here or on a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from slugline.commands.filters import ONE, read_moment
from slugline.commands.options import Config, Data, Json, Server, settings_for
from slugline.commands.transfer_options import AsIs, Files, Form, From, Output, RejectedTo, write


def export(
    since: Annotated[str | None, typer.Option(help=ONE["since"], show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help=ONE["until"], show_default=False)] = None,
    name: Annotated[list[str] | None, typer.Option(help="The score's name.", show_default=False)] = None,
    output: Output = None,
    form: Form = "jsonl",
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all scores given in a window, in the form that import reads."""
    from slugline.call_records import server_url

    now = datetime.now(UTC)
    window = {
        "since": read_moment(since, "--since", now) if since else None,
        "until": read_moment(until, "--until", now) if until else None,
    }
    if url := server_url(data, config, server):
        pieces = _from_server(url, format=form, name=name, **{key: at and at.isoformat() for key, at in window.items()})
    else:
        pieces = _from_here(data, config, form, window, name or [])
    asyncio.run(write(pieces, output))


def import_(
    files: Files,
    origin: From = "auto",
    rejected: RejectedTo = None,
    as_is: AsIs = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load scores from files: Slugline's format, Langfuse's exports.

    Running it twice doubles nothing; a score with an id that is there and a later received_at replaces it. On a server scores are posted:
    there the last post of an id counts.
    """
    from slugline.call_records import server_url
    from slugline.importing_records import run_import
    from slugline.posting_scores import run_posting

    if url := server_url(data, config, server):
        run_posting(url, files, origin, rejected, as_json=json, as_is=as_is)
    else:
        run_import("scores", files, origin, rejected, data=data, config=config, as_json=json, as_is=as_is)


async def _from_server(url: str, **asked: Any) -> AsyncIterator[bytes]:
    import contextlib
    import os

    from slugline.client import ServerClient, key_text

    with contextlib.closing(ServerClient(url, key=key_text(os.environ))) as client:
        for piece in client.stream("/api/scores/export", **asked):
            yield piece


async def _from_here(
    data: Path | None, config: Path | None, form: str, window: dict[str, datetime | None], names: list[str]
) -> AsyncIterator[bytes]:
    from slugline.call_records import sight_here
    from slugline.records import open_records
    from tracing.transfer.csv_text import as_csv
    from tracing.transfer.export import export_scores

    settings = settings_for(data, config)
    scope = sight_here(settings).prompts
    async with open_records(settings) as records:
        lines = export_scores(records, since=window["since"], until=window["until"], names=names, scope=scope)
        async for piece in as_csv(lines) if form == "csv" else lines:
            yield piece
