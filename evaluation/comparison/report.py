"""A prompt's versions against the one that is live, as a question to ClickHouse.

Knows which versions are looked at. Refuses to know which one is live, and to hide ClickHouse's errors.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from evaluation.comparison.comparing import compare
from evaluation.comparison.measures import MARGIN
from evaluation.comparison.reading import Asked, Cells, read_cells, versions_with_calls, whole_hours
from evaluation.comparison.values import Comparison, VersionComparison
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import uncounted

MOST_VERSIONS = 8
"""So many versions are compared, the newest with calls in the window."""


async def comparison_report(
    clickhouse: ClickHouse,
    *,
    prompt: str,
    baseline: int,
    channel: str = "",
    versions: Sequence[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    purpose: str | None = "production",
    metric: str | None = None,
    margin: float = MARGIN,
) -> Comparison:
    """Versions against `baseline` over the calls in the hours that [since, until) touches; by default the newest with calls there.

    `channel` is where the baseline is live. `metric` is a score's name or one of `measures.BUILT_IN`, by default all. `margin` is the
    largest difference of a rate that is none to speak of. Raises whatever the connection raises.
    """
    first, last = whole_hours(since, until)
    asked = Asked(
        prompt=prompt,
        since=first,
        until=last,
        purpose=purpose or "",
        uncounted=await uncounted(clickhouse, prompt=prompt),
    )
    others = [each for each in await versions_with_calls(clickhouse, asked) if each != baseline]
    wanted = others[:MOST_VERSIONS] if versions is None else [each for each in versions if each in others]
    found = []
    for version in sorted(wanted):
        cells = await read_cells(
            clickhouse, asked, baseline=baseline, candidate=version, score=metric or "", margin=margin
        )
        found.append(await asyncio.to_thread(_compared, cells, baseline, version))
    left = () if versions is not None else tuple(sorted(others[MOST_VERSIONS:]))
    return Comparison(prompt=prompt, baseline=baseline, channel=channel, versions=tuple(found), not_compared=left)


def _compared(cells: Cells, baseline: int, version: int) -> VersionComparison:
    found = (
        compare(
            measure,
            [cell for cell in each if cell.version == baseline],
            [cell for cell in each if cell.version == version],
            versions=(baseline, version),
        )
        for measure, each in cells.items()
    )
    return VersionComparison(version=version, metrics=tuple(one for one in found if one is not None))
