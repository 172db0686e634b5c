"""What commands that ask about quality and drift share: their window of time, and a page as wide as the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

Since = Annotated[
    str | None,
    typer.Option(
        help="From when: 'last tuesday', '3 days ago', 7d, 2026-11-05 09:00.", metavar="TIME", show_default=False
    ),
]
Until = Annotated[str | None, typer.Option(help="Before when, in the same forms.", metavar="TIME", show_default=False)]

_NARROWEST = 100


def window_of(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The times that are meant on this machine's clock, in UTC. Raises AnalysisError."""
    from evaluation.moments import check_window, read_moment

    now = datetime.now(UTC)
    begin = None if since is None else read_moment(since, now=now, what="--since")
    end = None if until is None else read_moment(until, now=now, what="--until")
    check_window(begin, end, names=("--since", "--until"))
    return begin, end


def print_page(page: RenderableType) -> None:
    """Prints it as wide as the terminal, and no narrower than tables need to be read."""
    from rich.console import Console

    console = Console()
    Console(width=max(_NARROWEST, console.width)).print(page)
