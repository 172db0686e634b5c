"""What probes found, out of the registry."""

from __future__ import annotations

from datetime import datetime

from evaluation.probes.values import ProbeChange, read_change
from registry.probes import Probe
from registry.writing.store import Store


def probe_changes(
    store: Store, slug: str | None = None, *, since: datetime | None = None
) -> list[tuple[Probe, ProbeChange]]:
    """What the newest compared night of each probe says, of one prompt's probes or of all; those of nights `since` then alone.

    It is evidence of grade A for a drift report, and what a monitor raises an alert from: a finding whose `changed` holds.
    """
    found = []
    for probe in store.probes(slug):
        compared = [each for each in store.probe_nights(probe.probe_id) if each.change is not None]
        if compared and (since is None or compared[0].at >= since):
            found.append((probe, read_change(compared[0].change or {})))
    return found


def replays_of(store: Store, slug: str) -> tuple[ProbeChange, ...]:
    """Every compared night of a prompt's probes, also of those that were removed: a drift report looks for those around a change."""
    nights = (night for probe in store.probes(slug, removed=True) for night in store.probe_nights(probe.probe_id))
    return tuple(read_change(night.change) for night in nights if night.change is not None)
