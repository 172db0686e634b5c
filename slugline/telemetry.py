"""How a server's telemetry hangs together: what is counted where, `/metrics`, and who may see a trace.

Knows the data folder, the registry's state and roles. The metrics themselves are `tracing.telemetry`'s.
"""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from registry.errors import AuthPromptNotAllowedError
from registry.roles import Principal, permit
from registry.serving.live import LiveRegistry
from slugline.folder import DataFolder
from tracing.event import CallEvent, Event
from tracing.telemetry import prometheus
from tracing.telemetry.counters import Counters
from tracing.telemetry.metrics import Metric, call_metrics, counter, gauge
from tracing.telemetry.totals import read_totals

_STALE_SECONDS = 10.0  # the keeper writes its status every second


def counted(append: Callable[[Event], bool], counters: Counters) -> Callable[[CallEvent], bool]:
    """Puts a call on record, and counts it."""

    def record(event: CallEvent) -> bool:
        recorded = append(event)
        counters.call(event, recorded=recorded)
        return recorded

    return record


def may_see(who: Callable[[Request], Principal]) -> Callable[[Request, Iterable[str]], None]:
    """Whether whoever asks may see something that is made of these prompts' calls; raises RegistryError.

    The empty name stands for what belongs to no prompt: whoever is bound to some prompts may not see that.
    """

    def check(request: Request, prompts: Iterable[str]) -> None:
        by = who(request)
        permit(by, "inspect")
        hidden = sorted(slug for slug in prompts if by.prompts and not (slug and by.sees(slug)))
        if hidden:
            what = "prompts that are not among them" if any(hidden) else "calls and spans that name none of them"
            raise AuthPromptNotAllowedError(
                f"{by.name} may use the prompts {', '.join(by.prompts[:20])} only, and this shows {what}",
                param="prompt",
            )

    return check


def build_router(
    folder: DataFolder, live: LiveRegistry, permitted: Callable[[Request, Iterable[str]], None], *, embedded: bool
) -> APIRouter:
    """`GET /metrics`: open on loopback, for keys that may inspect everything beyond it."""
    router = APIRouter(tags=["health"])

    @router.get("/metrics", summary="Metrics of all workers, for Prometheus")
    def metrics(request: Request) -> Response:
        permitted(request, {""})
        fresh = live.look()
        told = [
            *call_metrics(read_totals(folder.counters)),
            *folder_metrics(folder, time.time(), embedded=embedded),
            gauge("slugline.registry.revision", "{revision}", "The registry's revision that is served.", live.revision),
            gauge(
                "slugline.registry.stale",
                "1",
                "1 while calls are served from the last snapshot, else 0.",
                int(not fresh),
            ),
        ]
        return Response(prometheus.text(told), media_type=prometheus.CONTENT_TYPE)

    return router


def folder_metrics(folder: DataFolder, now: float, *, embedded: bool) -> list[Metric]:
    """What the data folder tells of loading, the keeper and the engine; `now` is in seconds since 1970."""
    ready = sorted(folder.spool.glob("ready/*.jsonl"))
    status = _status(folder.keeper_status)
    up = now - _changed(folder.keeper_status) < _STALE_SECONDS
    told = [
        gauge("slugline.spool.segments.waiting", "{segment}", "Sealed segments that are not loaded yet.", len(ready)),
        gauge(
            "slugline.spool.segments.refused",
            "{segment}",
            "Segments that ClickHouse refused.",
            sum(1 for _ in folder.spool.glob("refused/*.jsonl")),
        ),
        gauge("slugline.spool.size", "By", "Size of the segments that wait.", sum(map(_size, ready))),
        gauge("slugline.spool.oldest.age", "s", "Age of the oldest segment that waits.", _age(ready, now)),
        gauge("slugline.keeper.up", "1", "1 while the keeper gives signs of life, else 0.", int(up)),
        gauge(
            "slugline.clickhouse.waiting",
            "1",
            "1 while loading waits for ClickHouse, else 0.",
            int(bool(status.get("waiting"))),
        ),
        counter(
            "slugline.loader.segments",
            "{segment}",
            "Segments loaded since the keeper started.",
            _int(status, "segments_loaded"),
        ),
    ]
    if embedded:
        told.append(
            gauge("slugline.engine.up", "1", "1 while the embedded engine is up.", int(folder.engine() is not None))
        )
    return told + [_measured(name, value) for name, value in _numbers(status.get("metrics")).items()]


def _measured(name: str, value: float) -> Metric:
    """A number that the keeper tells under its name, such as `lag_seconds`."""
    unit = "s" if name.endswith("_seconds") else "By" if name.endswith("_bytes") else "1"
    return gauge(
        f"slugline.{name.removesuffix('_seconds').removesuffix('_bytes')}", unit, "As the keeper measures it.", value
    )


def _numbers(value: Any) -> dict[str, float]:
    return (
        {name: each for name, each in value.items() if isinstance(each, int | float)} if isinstance(value, dict) else {}
    )


def _status(path: Path) -> dict[str, Any]:
    try:
        status = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _int(status: dict[str, Any], name: str) -> int:
    value = status.get(name)
    return value if isinstance(value, int) else 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _age(ready: list[Path], now: float) -> float:
    """Seconds since the oldest segment was begun, which its name tells; 0 where none waits."""
    begun = []
    for path in ready:
        try:
            begun.append((UUID(path.name.split(".")[1]).int >> 80) / 1000)
        except (ValueError, IndexError):
            continue
    return max(0.0, now - min(begun)) if begun else 0.0
