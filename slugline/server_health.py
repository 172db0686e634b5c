"""What a server says of itself to people: is anything amiss, what waits, and who serves which revision of the registry.

Knows where each figure lies: the data folder, the registry, ClickHouse, this worker's memory. Refuses to know how it is shown.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread

from registry.errors import RegistryError
from registry.serving.live import LiveRegistry
from registry.storage.database import schema_of
from registry.storage.roster import open_roster
from registry.writing.store import Store
from slugline import VERSION
from slugline.folder import DataFolder
from slugline.setting_sources import ShownSetting, shown_settings
from slugline.settings import Settings
from slugline.spool_status import held_back, spool_status
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.spool import Spool

_SILENT_SECONDS = 15.0  # the keeper says something every second, more seldom when counting the spool takes long


class ServerHealth:
    """Looks at one server, from one of its workers. `sources` says where settings came from."""

    def __init__(
        self,
        settings: Settings,
        sources: Mapping[str, str],
        *,
        store: Store,
        live: LiveRegistry,
        clickhouse: ClickHouse,
        spool: Spool,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._store = store
        self._live = live
        self._clickhouse = clickhouse
        self._spool = spool

    def settings(self) -> Sequence[ShownSetting]:
        """As `dashboards.health.Health` says."""
        return shown_settings(self._settings, self._sources)

    async def look(self) -> Mapping[str, Any]:
        """As `dashboards.health.Health` says."""
        told = await to_thread.run_sync(self._look)
        told["clickhouse"] |= await self._schema()
        told["troubles"] = [
            *told["troubles"],
            *([told["clickhouse"]["problem"]] if told["clickhouse"]["problem"] else []),
        ]
        return told

    def _look(self) -> dict[str, Any]:
        settings, folder = self._settings, DataFolder(self._settings.data)
        fresh = self._live.look()
        status = spool_status(settings)
        keeper = status.pop("loader") or {}
        lost = sum(each["count"] for each in status["lost"])
        embedded = not settings.clickhouse.url
        engine = "a ClickHouse server" if not embedded else "up" if folder.engine() else "not up"
        silent = _silent(keeper)
        troubles = [
            *([] if fresh else ["The registry's database can't be read: calls are served from the last snapshot."]),
            *([] if self._spool.recording else [f"Calls go on without a record: {self._spool.counts.last_error}"]),
            *([f"{lost:,} records were lost."] if lost else []),
            *(
                [f"ClickHouse refused {status['refused']['lines']:,} records: `slugline spool`"]
                if status["refused"]["segments"]
                else []
            ),
            *(["The embedded engine is not up: pages about calls can't be read now."] if engine == "not up" else []),
            *([f"The keeper has said nothing for {silent:.0f} s: records wait."] if silent > _SILENT_SECONDS else []),
            *([f"Loading waits: {keeper['waiting']}"] if keeper.get("waiting") else []),
            *(f"Telemetry is not taken: {reason}" for reason in held_back(keeper)),
        ]
        registry, workers = self._registry(fresh)
        return {
            "troubles": troubles + [f"{each['worker']} doesn't answer." for each in workers if not each["current"]],
            "records": {
                "lag_seconds": round(float(keeper.get("lag_seconds", 0.0)), 3),
                "waiting": status["waiting"],
                "refused": status["refused"],
                "lost": lost,
                "lost_by_worker": status["lost"],
                "bounds": status["bounds"],
            },
            "clickhouse": {
                "engine": engine,
                "embedded": embedded,
                "migrations": str(keeper.get("schema", "not known")),
            },
            "registry": registry,
            "workers": workers,
            "keeper": {
                **{name: keeper.get(name) for name in ("at", "rows_loaded", "export", "scoring", "monitors")},
                "silent_seconds": round(silent, 1),
            },
            "versions": {
                "slugline": VERSION,
                "python": sys.version.split()[0],
                "system": f"{platform.system()} {platform.machine()}",
            },
        }

    def _registry(self, fresh: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The registry's state, and each worker with whether it serves the newest revision."""
        told: dict[str, Any] = {
            "fresh": fresh,
            "revision": self._live.revision,
            "kind": self._store.engine.dialect.name,
        }
        try:
            told |= {
                "schema": schema_of(self._store.engine),
                "open_alerts": len(self._store.alerts(state="open")),
                "probes": len(self._store.probes()),
                "monitors_declared": len(self._store.monitors()),
            }
            served = open_roster(self._store.engine).settle(self._live.revision)
        except RegistryError as error:
            return {**told, "problem": error.message}, []
        current = [{"worker": name, "current": True, "silent_seconds": 0.0} for name in served.acknowledged]
        missing = [{**asdict(each), "current": False} for each in served.missing]
        return told, [*current, *missing]

    async def _schema(self) -> dict[str, Any]:
        """ClickHouse's own version and the newest migration that it has."""
        try:
            newest = "SELECT version() AS version, (SELECT max(name) FROM schema_migrations) AS schema"
            [row] = (await self._clickhouse.query(newest, max_execution_time=2)).dicts()
        except (ClickHouseUnavailable, ClickHouseRefused) as error:
            return {"version": None, "schema": None, "problem": f"ClickHouse can't be asked: {error}"}
        return {**row, "problem": ""}


def _silent(keeper: Mapping[str, Any]) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(keeper["at"]))).total_seconds()
    except (KeyError, ValueError):
        return 0.0
