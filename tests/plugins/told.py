"""Calls as an app makes them, with bodies, people and scores, for pages that show calls: some fine, some failed, one with a complaint.

Every text that somebody outside can write may be made hostile: users, sessions, tags, variables, what was asked and answered, comments.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from slugline.locate import locate_clickhouse
from slugline.settings import load_settings
from tests.plugins.server import Server
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, SpanEvent, encode, timestamp

MODEL = "gpt-4o-2026-11"
PRICE = {"source": "genai-prices 1", "model": "gpt-4o", "input": 2.5, "output": 10.0}


def ids(seed: int) -> Iterator[str]:
    """Call ids, always the same."""
    chance = random.Random(seed)
    while True:
        yield str(uuid.UUID(int=chance.getrandbits(128), version=4))


def call(call_id: str, at: datetime, slug: str = "answers", said: str = "", **more: Any) -> CallEvent:
    """A call of version 2 of a prompt, by its channel `stable`; `said` stands in all that an app sends and a model answers."""
    request = {
        "model": MODEL,
        "temperature": 0.2,
        "messages": [
            {"role": "system", "content": f"Be kind to {said or 'Northwind'}."},
            {"role": "user", "content": f"Where is my order? {said}"},
        ],
    }
    response = {
        "id": "chatcmpl-1",
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": f"On its way. {said}"}, "finish_reason": "stop"}],
    }  # fmt: skip
    fields: dict[str, Any] = {
        "outcome": "ok",
        "status": 200,
        "endpoint": "chat.completions",
        "prompt": slug,
        "version": 2,
        "channel": "stable",
        "revision": 1000,
        "provider": "openai",
        "model_requested": "gpt-4o",
        "model_served": MODEL,
        "user": said or "ann",
        "session": said or "s-1",
        "tags": {"team": said or "search"},
        "caller": "checkout",
        "params": json.dumps({"temperature": 0.2}),
        "attempts": json.dumps(
            [{"provider": "openai", "model": "gpt-4o", "status": 200, "error_code": "", "duration_ms": 640.0}]
        ),
        "input_tokens": 120,
        "output_tokens": 18,
        "usage_source": "provider",
        "cost": "0.00048",
        "price": json.dumps(PRICE),
        "duration_ms": 652.0,
        "first_chunk_ms": 210.0,
        "overhead_ms": 1.4,
        "finish_reason": "stop",
        "trace_id": call_id.replace("-", ""),
        "span_id": call_id.replace("-", "")[:16],
        "variables": json.dumps({"company": said or "Northwind"}),
        "request": json.dumps(request),
        "response": json.dumps(response),
        **more,
    }
    return CallEvent(call_id=call_id, ts=timestamp(at), **fields)


def complaint(of: CallEvent, comment: str = "It never came.", **more: Any) -> ScoreEvent:
    """A thumb down by the app's user."""
    at = timestamp(datetime.fromisoformat(of.ts) + timedelta(minutes=1))
    fields: dict[str, Any] = {"name": "helpful", "value": 0.0, "kind": "bool", "source": "user", **more}
    return ScoreEvent(
        score_id=f"thumb-{of.call_id}-{fields['name']}", target_kind="call", target=of.call_id, ts=at, received_at=at,
        comment=comment, **fields,
    )  # fmt: skip


def span(trace_id: str, span_id: str, parent: str, name: str, at: datetime, ms: float, **more: Any) -> SpanEvent:
    """What an app says that it did."""
    fields: dict[str, Any] = {"service": "shop", "kind": "internal", **more}
    return SpanEvent(
        trace_id=trace_id, span_id=span_id, parent_span_id=parent, name=name, ts=timestamp(at), duration_ns=round(ms * 1e6),
        received_at=timestamp(at), **fields,
    )  # fmt: skip


def load_spans(server: Server, spans: Sequence[SpanEvent]) -> None:
    """Puts spans into a running server's record."""

    async def put() -> None:
        async with ClickHouse(locate_clickhouse(load_settings({"data": server.data}, None), {})) as clickhouse:
            lines = b"".join(map(encode, spans))
            await clickhouse.insert_lines("spans", lines, {"date_time_input_format": "best_effort"})

    asyncio.run(put())
