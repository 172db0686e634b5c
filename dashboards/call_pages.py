"""The pages about calls: the list, one call, traces and the playground, with the style sheet and the scripts that they share."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from dashboards.call import add_call
from dashboards.calls import add_calls
from dashboards.frame import Frame
from dashboards.playground import add_playground
from dashboards.playing import Playing
from dashboards.traces import add_traces
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.event import Event


def add_call_pages(
    router: APIRouter,
    frame: Frame,
    store: Store,
    clickhouse: ClickHouse,
    *,
    record: Callable[[Event], bool],
    playing: Playing,
) -> None:
    """All of them. `record` puts a score on disk, and says whether it is there; `playing` makes calls for whoever tries something."""
    add_calls(router, frame, store, clickhouse)
    add_call(router, frame, store, clickhouse, record)
    add_traces(router, frame, clickhouse)
    add_playground(router, frame, store, clickhouse, playing)
