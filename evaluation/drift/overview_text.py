"""What changed anywhere, for terminals: a sentence for each metric that did.

Knows rich and the reader's zone. Refuses to know where an overview came from.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from evaluation.drift.overview import DriftOverview
from evaluation.drift.sentences import signed
from evaluation.drift.text import sentence_in, time_text, zone_text

_INDENT = (0, 0, 0, 2)


def overview_text(overview: DriftOverview, zone: tzinfo | None = None) -> RenderableType:
    """What changed anywhere: a sentence for each that did, then what was looked at."""
    return Group(*_everywhere(overview, zone))


def _everywhere(overview: DriftOverview, zone: tzinfo | None) -> Iterator[RenderableType]:
    changed = [row for row in overview.rows if row.changed]
    window = f"{time_text(overview.since, zone)} to {time_text(overview.until, zone)}"
    if not changed:
        yield Text(f"Nothing changed from {window} that can be told from chance.", style="bold")
    else:
        yield Text(f"{len(changed)} metric{'' if len(changed) == 1 else 's'} changed from {window}.", style="bold")
    for row in changed:
        yield Text("")
        yield Text(f"{row.prompt} · {row.metric.name}", style="bold")
        scale = abs(row.before) or 1.0
        moved = f"It moved by {signed(row.metric, row.change, row.interval, scale)}; why was not looked into."
        yield Padding(Text(moved if row.report is None else sentence_in(row.report, zone)), _INDENT)
        yield Padding(
            Text(f"slugline drift {row.prompt} --metric {shlex.quote(row.metric.name)}", style="dim"), _INDENT
        )
    prompts = len({row.prompt for row in overview.rows})
    looked = f"{len(overview.rows)} metrics of {prompts} prompt{'' if prompts == 1 else 's'} were looked at"
    few = f"; of {len(overview.too_small)} more there are too few values to tell" if overview.too_small else ""
    yield Text(f"\n{looked}{few}; intervals are at 95 %, {zone_text(overview.until, zone)}.", style="dim")
