"""`slugline changes`: promotions and changes of what providers serve, on one time line."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, print_json
from slugline.commands.windows import Since, Until, print_page, window_of

if TYPE_CHECKING:
    from evaluation.changes import Changes


def changes(
    slug: Annotated[str | None, typer.Argument(help="The prompt's slug (default: all).", show_default=False)] = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Promotions and changes of served models and fingerprints since a time (default: 14 days ago), newest first."""
    from slugline.analysis import open_analysis

    begin, end = window_of(since, until)

    async def ask() -> "Changes":
        async with open_analysis(data, config, server) as analysis:
            return await analysis.changes(slug or "", begin, end)

    found = asyncio.run(ask())
    if json:
        print_json(found.to_json())
    else:
        _print(found)


def _print(found: "Changes") -> None:
    from rich.text import Text

    from evaluation.drift.text import event_text, time_text, zone_text

    for each in found.changes:
        print_page(Text(f"{each.prompt}: {event_text(each.event, None)}"))
    if not found.changes:
        print_page(Text(f"Nothing changed from {time_text(found.since, None)} to {time_text(found.until, None)}."))
    print_page(Text(f"({zone_text(found.until, None)})", style="dim"))
