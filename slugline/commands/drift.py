"""`slugline drift`: what changed, what caused it, how sure that is, and what would settle the rest."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, print_json
from slugline.commands.windows import Since, Until, print_page, window_of

if TYPE_CHECKING:
    from evaluation.drift.overview import DriftOverview
    from evaluation.drift.reports import DriftReports

_WHOLE = 3
"""So many reports are shown in full where no metric was named."""


def drift(
    slug: Annotated[
        str | None, typer.Argument(help="The prompt's slug (default: what changed in any prompt).", show_default=False)
    ] = None,
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
    from evaluation.errors import AnalysisError
    from slugline.analysis import DriftAsked, open_analysis

    begin, end = window_of(since, until)
    if slug is None and metric is not None:
        raise AnalysisError("--metric goes with a prompt: `slugline drift SLUG --metric NAME`")

    async def ask() -> "DriftReports | DriftOverview":
        async with open_analysis(data, config, server) as analysis:
            if slug is None:
                return await analysis.overview(begin, end)
            return await analysis.drift(DriftAsked(slug=slug, metric=metric, since=begin, until=end))

    found = asyncio.run(ask())
    if json:
        print_json(found.to_json())
    else:
        _print(found, whole=_WHOLE if metric is None else 1)


def _print(found: "DriftReports | DriftOverview", *, whole: int) -> None:
    """Reports with a cause in full, as far as `whole` goes, the others in a line each; or what changed anywhere."""
    from rich.text import Text

    from evaluation.drift.overview_text import overview_text
    from evaluation.drift.reports import DriftReports, has_cause
    from evaluation.drift.text import as_text, brief

    if not isinstance(found, DriftReports):
        print_page(overview_text(found))
        return
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
