"""`slugline quality`."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from slugline.commands.options import Config, Data, Json, Slug, open_registry, print_json, print_table, settings_for

Time = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])]


def quality(
    slug: Slug,
    since: Time = None,
    until: Time = None,
    purpose: Annotated[str, typer.Option(help="production, evaluation, probe, playground, or all.")] = "production",
    score: Annotated[str | None, typer.Option(help="Only this score.")] = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Quality by prompt version and model served: calls, scores with 95 % intervals, latency, tokens, cost, errors."""
    from evaluation.report import quality_report
    from evaluation.text import as_table
    from slugline.records import open_records

    settings = settings_for(data, config)
    open_registry(settings).store.prompt(slug)  # says what is right when there is no such prompt

    async def ask() -> None:
        async with open_records(settings) as records:
            report = await quality_report(
                records,
                prompt=slug,
                since=_zoned(since),
                until=_zoned(until),
                purpose=None if purpose == "all" else purpose,
                score=score,
            )
        if json:
            print_json(report.to_json())
        elif report.rows:
            print_table(as_table(report))
        else:
            print(f"no calls of {slug} in this window (a call shows about a second after its answer)")

    asyncio.run(ask())


def _zoned(time: datetime | None) -> datetime | None:
    """A time without a zone is meant in this machine's."""
    return time.astimezone() if time is not None else None
