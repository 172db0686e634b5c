"""A prompt's versions against one of them, the one that is live by default, as a question to ClickHouse.

Knows which versions are looked at. Refuses to hide ClickHouse's errors.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from evaluation.comparison.comparing import compare
from evaluation.comparison.measures import BUILT_IN, MARGIN
from evaluation.comparison.reading import Asked, Cells, read_cells, versions_with_calls, whole_hours
from evaluation.comparison.values import Comparison, VersionComparison
from evaluation.errors import AnalysisError, MetricNotFoundError
from evaluation.names import nearest
from evaluation.quality import Quality
from evaluation.report import quality_report
from registry.storage.reader import STABLE, check_number, nothing_on
from registry.values import Prompt
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import uncounted

MOST_VERSIONS = 8
"""So many versions are compared, the newest with calls in the window."""

_LONGEST = 10  # no prompt has a version of so many digits

NOBODY = "none"
"""In place of a channel or a version: no comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The version that others are held against; `channel` is where it is live, "" where it was named by number."""

    version: int
    channel: str


def baseline_of(prompt: Prompt, against: str) -> Baseline | None:
    """The version that a channel's name or a number means; None for "none", and where nothing is stable yet.

    Raises RegistryError for a version or a channel that the prompt doesn't have.
    """
    asked = against.strip().removeprefix("@")
    if asked == NOBODY or (asked == STABLE and STABLE not in prompt.channels):
        return None
    if asked.isascii() and asked.isdigit() and len(asked) < _LONGEST:
        return Baseline(version=check_number(prompt.slug, int(asked), prompt), channel="")
    if asked not in prompt.channels:
        raise nothing_on(prompt.slug, asked, prompt.channels)
    return Baseline(version=prompt.channels[asked], channel=asked)


async def compared_quality(
    clickhouse: ClickHouse,
    *,
    prompt: str,
    baseline: Baseline | None,
    since: datetime | None = None,
    until: datetime | None = None,
    purpose: str | None = "production",
    metric: str | None = None,
    margin: float = MARGIN,
) -> Quality:
    """The quality report with its versions against the baseline. `metric` is as for `comparison_report`.

    Raises MetricNotFoundError for a metric that no call of the window has, and what the connection raises.
    """
    if not 0 < margin < 1:
        raise AnalysisError(
            "a margin is more than 0 and less than 100 points (two points are 0.02 over HTTP, 2 on the command line), "
            f"not {100 * margin:g} points"
        )
    score = None if metric in BUILT_IN else metric
    asked = partial(quality_report, clickhouse, prompt=prompt, since=since, until=until, purpose=purpose)
    quality = await asked(score=score)
    if score and quality.totals and not any(total.scores for total in quality.totals):
        known = sorted({each.name for total in (await asked()).totals for each in total.scores})
        there = nearest(score, known, BUILT_IN)
        raise MetricNotFoundError(f"no call of '{prompt}' in this window has a score '{score}'; {there}")
    if baseline is None:
        return quality
    comparison = await comparison_report(
        clickhouse,
        prompt=prompt,
        baseline=baseline.version,
        channel=baseline.channel,
        since=since,
        until=until,
        purpose=purpose,
        metric=metric,
        margin=margin,
    )
    return replace(quality, comparison=comparison)


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
