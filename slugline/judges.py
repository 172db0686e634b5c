"""How the keeper's judges ask their models: through the request path's own `complete()`, composed here a second time.

Not over the server's HTTP: so they need no key that could be stolen, no free worker and no reachable port, and their calls are on record
like all calls, with the purpose `judge`. It refuses to know what is asked and what becomes of the verdict (`evaluation.scorers`).
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from evaluation.scorers.judge import Answer, Ask, Question
from proxy.complete import complete
from proxy.endpoints import ENDPOINTS
from proxy.line import CallRequest, Line
from proxy.meter import Meter
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from slugline.compose import open_line
from slugline.folder import DataFolder
from slugline.settings import Settings
from tracing.event import CallEvent
from tracing.privacy.recorder import Recorder
from tracing.spool import Spool

_CHAT = ENDPOINTS["/v1/chat/completions"]


@contextlib.asynccontextmanager
async def asking(
    settings: Settings, environment: Mapping[str, str], spool: Spool, recorder: Recorder
) -> AsyncIterator[Ask]:
    """Something that asks judges' models, until the block ends."""
    folder = DataFolder(settings.data)
    engine = open_engine(settings.registry_url)
    live = LiveRegistry(engine, snapshot=folder.snapshot)
    meter = Meter(folder.meter)
    try:
        async with open_line(
            settings, environment, live=live, meter=meter, record=recorder, recording=lambda: spool.recording
        ) as line:
            yield asker(line)
    finally:
        meter.close()
        live.close()
        engine.dispose()


def asker(line: Line) -> Ask:
    """Asks a judge's model as a call of Slugline's own."""

    async def ask(question: Question) -> Answer:
        events: list[CallEvent] = []

        def record(event: CallEvent) -> bool:
            events.append(event)
            return line.record(event)

        reply = await complete(_request(question), replace(line, record=record))
        body = reply.body if isinstance(reply.body, bytes) else b""
        text, error = _said(body)
        event = events[0] if events else None
        return Answer(
            status=reply.status,
            text=text,
            error=error,
            rubric=event.prompt if event else "",
            version=event.version if event else 0,
            model=event.model_served if event else "",
            cost=float(event.cost) if event and event.cost is not None else None,
        )

    return ask


def _request(question: Question) -> CallRequest:
    body: dict[str, Any] = {
        "prompt": {"id": question.rubric, "variables": dict(question.variables)},
        "messages": [],
        "response_format": dict(question.response_format),
        **({"model": question.model} if question.model else {}),
    }
    tags = ",".join(f"{quote(name)}={quote(value)}" for name, value in question.tags.items())
    return CallRequest(
        endpoint=_CHAT,
        headers={"content-type": "application/json", "x-slugline-tags": tags},
        body=orjson.dumps(body),
        purpose="judge",
        own=True,
    )


def _said(body: bytes) -> tuple[str, str]:
    """An answer's text, and an error's message."""
    try:
        answer = orjson.loads(body)
        if "error" in answer:
            return "", str(answer["error"]["message"])
        return str(answer["choices"][0]["message"]["content"] or ""), ""
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "", f"the answer can't be read: {body[:200]!r}"
