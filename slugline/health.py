"""`/health/live` and `/health/ready`: can this worker serve, and is anything amiss behind it."""

from typing import Any

import msgspec
from fastapi import APIRouter

from registry.serving.live import LiveRegistry
from slugline.folder import DataFolder
from slugline.spool_status import held_back, keeper_status
from tracing.loading.losses import read_losses
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
        troubles = [] if fresh else ["stale: the registry's database can't be read"]
        if not spool.recording:
            troubles.append(f"calls go on without a record: {spool.counts.last_error or 'there is no room'}")
        keeper = keeper_status(folder)
        troubles += [f"telemetry is not taken: {reason}" for reason in held_back(keeper)]
        return {
            "status": f"ready, but {'; '.join(troubles)}" if troubles else "ready",
            "registry": "fresh" if fresh else "stale: calls are served from the last snapshot, writes are refused",
            "revision": live.revision,
            "records": {
                "recorded": spool.counts.recorded,
                "lost": spool.counts.lost,
                "last_error": spool.counts.last_error,
                "recording": spool.recording,
                "lost_by_worker": [msgspec.structs.asdict(lost) for lost in read_losses(spool.folders)],
                "left_out": privacy.unrecorded,
                "redacted_values": privacy.redactions,
                "redactions_failed": privacy.failed,
            },
            "waiting_segments": sum(1 for _ in folder.spool.glob("ready/*.jsonl")),
            "refused_segments": sum(1 for _ in folder.spool.glob("refused/*.jsonl")),
            "keeper": keeper,
            "engine": ("up" if folder.engine() else "not up")
            if embedded
            else "not embedded: a ClickHouse server is set",
        }

    return router
