"""The exporter as the keeper runs it: its parts, made from what the settings say, and its beginning and end."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence

from slugline import VERSION
from slugline.collector import read_collector
from slugline.folder import DataFolder
from slugline.folder_metrics import folder_metrics
from slugline.locate import locate_clickhouse
from slugline.settings import Settings
from tracing.clickhouse import ClickHouse
from tracing.spool import SpoolFolders
from tracing.telemetry.about import About
from tracing.telemetry.backlog import Backlog
from tracing.telemetry.config import Export
from tracing.telemetry.counts import ExportCounts
from tracing.telemetry.exporter import Exporter
from tracing.telemetry.metrics import Metric, call_metrics
from tracing.telemetry.senders import open_sender
from tracing.telemetry.totals import read_totals


@contextlib.asynccontextmanager
async def exporting(
    settings: Settings, folder: DataFolder, stopping: Callable[[], bool]
) -> AsyncIterator[ExportCounts | None]:
    """Sends telemetry out, where the settings want that, beside what happens inside; at its end what is left is sent, if the
    collector takes it. Gives what was done so far.

    Raises SettingsError and TelemetryMisconfigured.
    """
    export = read_collector(settings, os.environ)
    if export is None:
        yield None
        return
    # A connection of its own: one that fails is closed under whoever else works on it, and the loader is not to suffer from that.
    async with ClickHouse(locate_clickhouse(settings, os.environ)) as clickhouse:
        exporter = _exporter(export, folder, clickhouse, embedded=not settings.clickhouse.url)
        running = asyncio.create_task(exporter.run(stopping))
        try:
            yield exporter.counts
        finally:
            if not stopping():
                running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _exporter(export: Export, folder: DataFolder, clickhouse: ClickHouse, *, embedded: bool) -> Exporter:
    def measure() -> tuple[int, Sequence[Metric]]:
        totals = read_totals(folder.counters)
        told = [*call_metrics(totals), *folder_metrics(folder, time.time(), embedded=embedded)]
        return totals.started, told

    export_folder = SpoolFolders.at(folder.spool).export
    return Exporter(
        export=export,
        version=VERSION,
        calls=Backlog(export_folder, "calls"),
        scores=Backlog(export_folder, "score_events"),
        senders={signal: open_sender(signal, target) for signal, target in export.targets.items()},
        about=About(clickhouse),
        measure=measure,
    )
