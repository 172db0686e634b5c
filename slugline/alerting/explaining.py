"""What the drift analysis says of a change: its sentence, where it names a cause.

Knows which question to ask. Refuses to judge: what the analysis doesn't name stays as it was suspected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from registry.alerts import AlertLine
from registry.writing.store import Store
from slugline.alerting.monitoring import Explain
from tracing.clickhouse import ClickHouse

BEFORE = timedelta(days=1)
"""How long before the change the window of the analysis begins, so that the change lies within."""

_MOST_EVENTS = 200


def explainer(store: Store, clickhouse: ClickHouse, now: Callable[[], datetime]) -> Explain:
    """Asks the drift analysis (`evaluation.drift`), which is loaded when there is something to explain: it takes scipy along."""

    async def explain(line: AlertLine) -> Mapping[str, Any]:
        from evaluation.drift.events import moves
        from evaluation.drift.report import drift_report
        from evaluation.probes.reading import replays_of

        history = await asyncio.to_thread(store.history, line.slug, limit=_MOST_EVENTS)
        try:
            report = await drift_report(
                clickhouse,
                prompt=line.slug,
                metric=line.metric,
                since=line.earliest - BEFORE,
                promotions=moves(history),
                replays=await asyncio.to_thread(replays_of, store, line.slug),
                now=now(),
            )
        except ValueError:  # a metric that the analysis doesn't know
            return {}
        named = [each for each in report.contributions if each.named]
        if not report.enough or not named:
            return {}
        first = max(named, key=lambda each: abs(each.change))
        return {"kind": first.cause, "text": report.sentence, "grade": first.grade}

    return explain
