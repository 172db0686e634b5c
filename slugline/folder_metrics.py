"""What the data folder tells of loading, sending, the keeper and the engine, as metrics. Reads files and decides nothing."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from slugline.folder import DataFolder
from tracing.telemetry.metrics import Metric, counter, gauge

_STALE_SECONDS = 10.0  # the keeper writes its status every second


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
    exported = status.get("export")
    if isinstance(exported, dict):
        waiting = sorted(folder.spool.glob("export/*.jsonl"))
        told += [
            gauge("slugline.export.segments.waiting", "{segment}", "Segments to be sent over OTLP.", len(waiting)),
            gauge("slugline.export.size", "By", "Size of the segments to be sent.", sum(map(_size, waiting))),
            gauge("slugline.export.oldest.age", "s", "Age of the oldest segment to be sent.", _age(waiting, now)),
            gauge(
                "slugline.export.waiting",
                "1",
                "1 while something waits as the collector can't be reached or refuses it, else 0.",
                int(bool(exported.get("waiting"))),
            ),
            gauge(
                "slugline.export.held",
                "{signal}",
                "Signals that the collector refuses because of a key or an address: somebody has to put that right.",
                len(exported.get("held") or ()),
            ),
            counter(
                "slugline.export.refused",
                "{item}",
                "Spans and events that the collector refused.",
                _int(exported, "refused"),
            ),
            counter(
                "slugline.export.segments.given_up",
                "{segment}",
                "Segments that were given up before they could be sent.",
                _int(exported, "segments_given_up"),
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
