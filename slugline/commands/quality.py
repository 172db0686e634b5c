"""`slugline quality`."""

import asyncio
from typing import Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, Slug, print_json, print_table
from slugline.commands.windows import Since, Until, print_page, window_of


def quality(
    slug: Slug,
    since: Since = None,
    until: Until = None,
    purpose: Annotated[str, typer.Option(help="production, evaluation, probe, playground, or all.")] = "production",
    metric: Annotated[
        str | None, typer.Option("--metric", "--score", help="Only this score, or latency, cost, error_rate …")
    ] = None,
    against: Annotated[
        str, typer.Option(help="The version that others are held against: a channel, a number, or none.")
    ] = "stable",
    margin: Annotated[
        float, typer.Option(help="The largest difference of a rate that is none to speak of, in points.")
    ] = 2.0,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Quality by prompt version and model served, with 95 % intervals, and each version against the one that is stable."""
    from evaluation.comparison.text import as_text
    from evaluation.quality import Quality
    from evaluation.text import as_table
    from slugline.analysis import QualityAsked, open_analysis

    begin, end = window_of(since, until)
    asked = QualityAsked(
        slug=slug, since=begin, until=end, purpose=purpose, metric=metric, against=against, margin=margin / 100
    )

    async def ask() -> Quality:
        async with open_analysis(data, config, server) as analysis:
            return await analysis.quality(asked)

    report = asyncio.run(ask())
    if json:
        print_json(report.to_json())
        return
    if not report.rows:
        print(f"no calls of {slug} in this window (a call shows about a second after its answer)")
        return
    print_table(as_table(report))
    if report.comparison is not None:
        print()
        print_page(as_text(report.comparison))
