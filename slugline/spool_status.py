"""The state of a spool as one value, put together from the files of the data folder: for the command line."""

import json
import time
from dataclasses import asdict
from typing import Any

import msgspec

from slugline.folder import DataFolder
from slugline.settings import Settings
from tracing.loading.losses import read_losses
from tracing.loading.refused import refused_lines
from tracing.loading.segments import SpoolFolders, foreign, sealed
from tracing.loading.shipment import read_notes
from tracing.telemetry.backlog import Backlog


def spool_status(settings: Settings) -> dict[str, Any]:
    """What waits, what was refused, what was lost, and what the loader said last (None before the first server)."""
    folder = DataFolder(settings.data)
    folders = SpoolFolders.at(folder.spool)
    waiting, refused = sealed(folders), refused_lines(folders)
    return {
        "waiting": {
            "segments": len(waiting),
            "bytes": sum(segment.bytes for segment in waiting),
            "oldest_seconds": max(0.0, time.time() - waiting[0].born) if waiting else 0.0,
            "unknown_outcomes": len(read_notes(folders, clean=False)),
        },
        "bounds": asdict(settings.spool_bounds),
        "refused": {"segments": len(refused), "lines": sum(each.lines for each in refused)},
        "lost": [msgspec.structs.asdict(lost) for lost in read_losses(folders)],
        "foreign": foreign(folders),
        "export": _export(folders),
        "loader": keeper_status(folder),
    }


def held_back(keeper: dict[str, Any] | None) -> list[str]:
    """Why the collector refuses what goes out until somebody puts a key or an address right, a sentence for each signal."""
    export = (keeper or {}).get("export") or {}
    return [f"{signal}: {export['waiting'].get(signal, '')}" for signal in export.get("held", ())]


def _export(folders: SpoolFolders) -> dict[str, int]:
    """What waits for a collector."""
    waiting = [Backlog(folders.export, table).waiting() for table in ("calls", "score_events")]
    return {"segments": sum(each.segments for each in waiting), "bytes": sum(each.bytes for each in waiting)}


def keeper_status(folder: DataFolder) -> dict[str, Any] | None:
    """The keeper's last words; None when there are none."""
    try:
        status = json.loads(folder.keeper_status.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None
