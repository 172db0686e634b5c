"""`/health/live` and `/health/ready`: can this worker serve, and is anything amiss behind it."""

import json
from typing import Any

from fastapi import APIRouter

from registry.serving.live import LiveRegistry
from slugline.folder import DataFolder
from tracing.privacy.recorder import PrivacyCounts
from tracing.spool import Spool


def build_router(
    live: LiveRegistry, spool: Spool, folder: DataFolder, privacy: PrivacyCounts, *, embedded: bool
) -> APIRouter:
    """Ready means that calls can be served. Without ClickHouse or the registry's database they still are: it is said, not a 503."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", summary="Is this process up")
    def is_live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready", summary="Can this process serve calls")
    def is_ready() -> dict[str, Any]:
        fresh = live.look()
        return {
            "status": "ready" if fresh else "ready, but stale: the registry's database can't be read",
            "registry": "fresh" if fresh else "stale: calls are served from the last snapshot, writes are refused",
            "revision": live.revision,
            "records": {
                "recorded": spool.counts.recorded,
                "lost": spool.counts.lost,
                "last_error": spool.counts.last_error,
                "left_out": privacy.unrecorded,
                "redacted_values": privacy.redactions,
                "redactions_failed": privacy.failed,
            },
            "waiting_segments": sum(1 for _ in folder.spool.glob("ready/*.jsonl")),
            "refused_segments": sum(1 for _ in folder.spool.glob("refused/*.jsonl")),
            "keeper": _keeper(folder),
            "engine": ("up" if folder.engine() else "not up")
            if embedded
            else "not embedded: a ClickHouse server is set",
        }

    return router


def _keeper(folder: DataFolder) -> dict[str, Any] | None:
    try:
        status = json.loads(folder.keeper_status.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None
