"""`slugline drift`: what changed, what caused it, how sure that is, and what would settle the rest."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, Slug, print_json
from slugline.commands.windows import Since, Until, print_page, window_of

if TYPE_CHECKING:
    from evaluation.drift.reports import DriftReports

_WHOLE = 3
"""So many reports are shown in full where no metric was named."""


def drift(
    slug: Slug,
    metric: Annotated[
        str | None,
        typer.Option(
            help="A score's name, or latency, cost, error_rate … (default: all that the prompt has).",
            show_default=False,
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """What changed since a time (default: a week ago) against the 14 days before it, and what caused it."""
    from slugline.analysis import DriftAsked, open_analysis

    begin, end = window_of(since, until)
    asked = DriftAsked(slug=slug, metric=metric, since=begin, until=end)

    async def ask() -> "DriftReports":
        async with open_analysis(data, config, server) as analysis:
            return await analysis.drift(asked)

    found = asyncio.run(ask())
    if json:
        print_json(found.to_json())
    else:
        _print(found, whole=len(found.reports) if metric else _WHOLE)


def _print(found: "DriftReports", *, whole: int) -> None:
    """Reports with a cause in full, as far as `whole` goes, the others in a line each."""
    from rich.text import Text

    from evaluation.drift.reports import has_cause
    from evaluation.drift.text import as_text, brief

    shown = (
        found.reports if len(found.reports) <= whole else [each for each in found.reports if has_cause(each)][:whole]
    )
    for report in shown:
        print_page(as_text(report))
        print()
    rest = [each for each in found.reports if each not in shown]
    if rest and shown:
        print(f"Others; `slugline drift {found.prompt} --metric NAME` has the whole report:")
    for report in rest:
        print_page(Text(f"· {brief(report)}"))
