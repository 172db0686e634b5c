"""Calls over time as bars: how many began in each stretch, and how many of them failed. Pure; geometry as in `dashboards.charts`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from dashboards.call_address import Address
from dashboards.text import count
from tracing.search.counting import Bar, Counts

WIDTH, HEIGHT = 960, 72
_GAP = 0.16


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A bar: `top` and `failed_top` are the upper ends of all calls and of those that failed. `href` leads to its calls alone."""

    x: float
    width: float
    top: float
    failed_top: float
    said: str
    href: str
    bar: Bar


def columns_of(counts: Counts, address: Address, zone: tzinfo) -> tuple[Column, ...]:
    """The bars of a window, as high as the fullest of them allows."""
    most = max((bar.calls for bar in counts.bars), default=0)
    width = WIDTH / max(1, len(counts.bars))
    return tuple(_column(bar, place * width, width, most, address, zone) for place, bar in enumerate(counts.bars))


def _column(bar: Bar, x: float, width: float, most: int, address: Address, zone: tzinfo) -> Column:
    # A single call is still seen beside thousands.
    heights = [max(2.0, HEIGHT * calls / most) if calls else 0.0 for calls in (bar.calls, bar.errors)]
    times = {"since": f"{bar.since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{bar.until:%Y-%m-%dT%H:%M:%SZ}"}
    failed = f", {bar.errors:,} failed" if bar.errors else ""
    return Column(
        x=round(x + width * _GAP / 2, 2),
        width=round(width * (1 - _GAP), 2),
        top=round(HEIGHT - heights[0], 1),
        failed_top=round(HEIGHT - heights[1], 1),
        said=f"{bar.since.astimezone(zone):%Y-%m-%d %H:%M} to {bar.until.astimezone(zone):%H:%M}: {count(bar.calls, 'call')}{failed}",
        href=address.with_times(**times).href(),
        bar=bar,
    )
