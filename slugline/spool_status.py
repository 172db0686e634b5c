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
        "loader": keeper_status(folder),
    }


def keeper_status(folder: DataFolder) -> dict[str, Any] | None:
    """The keeper's last words; None when there are none."""
    try:
        status = json.loads(folder.keeper_status.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None
