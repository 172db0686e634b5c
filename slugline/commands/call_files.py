"""`slugline calls export` and `import`: the record as a file, and history from elsewhere into the record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from slugline.commands.filters import read_filters
from slugline.commands.options import Config, Data, Json, Server
from slugline.commands.transfer_options import AsIs, Files, Form, From, Output, RejectedTo, write


def export(
    filters: Mapping[str, Any],
    output: Output = None,
    form: Form = "jsonl",
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all calls that fit, with their bodies, in the form that import reads."""
    from slugline.call_records import open_calls

    asked = read_filters(filters)

    async def run() -> None:
        async with open_calls(data, config, server) as records:
            await write(records.export(asked, form), output)

    asyncio.run(run())


def import_(
    files: Files,
    origin: From = "auto",
    rejected: RejectedTo = None,
    as_is: AsIs = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load calls from files, with their own times: Slugline's format, Langfuse's exports, LiteLLM's spend logs.

    Running it twice doubles nothing. Lines that can't be taken are set aside with the reason.
    """
    from slugline.importing_records import run_import

    run_import("calls", files, origin, rejected, data=data, config=config, as_json=json, as_is=as_is)
