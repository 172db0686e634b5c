"""Calls that Slugline makes itself, for judges and evaluations: through the request path's own `complete()`, composed here a second time.

Not over the server's HTTP: so they need no key that could be stolen, no free worker and no reachable port, and they are on record like all
calls, each with its purpose. Refuses to know what is asked, and what becomes of the answer.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from proxy.complete import complete
from proxy.endpoints import ENDPOINTS
from proxy.line import CallRequest, Line
from proxy.meter import Meter
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from slugline.folder import DataFolder
from slugline.line import open_line
from slugline.settings import Settings
from tracing.event import CallEvent
from tracing.privacy.recorder import Recorder
from tracing.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCall:
    """What is asked: the body, at one of the endpoints of `/v1`. `tags` stand on the call's record."""

    body: Mapping[str, Any]
    purpose: str
    endpoint: str = "/v1/chat/completions"
    tags: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """What came back: HTTP's status, the body, and the call as it went to the recorder, before any redaction."""

    status: int
    body: bytes
    event: CallEvent | None

    @property
    def cost(self) -> float | None:
        """In US dollars; None where it isn't known."""
        return float(self.event.cost) if self.event is not None and self.event.cost is not None else None

    @property
    def error(self) -> str:
        """What went wrong, in the provider's words or ours; empty for an answer."""
        if self.status < 400:
            return ""
        try:
            return str(orjson.loads(self.body)["error"]["message"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"the answer can't be read: {self.body[:200]!r}"


@contextlib.asynccontextmanager
async def open_own_line(
    settings: Settings, environment: Mapping[str, str], spool: Spool, recorder: Recorder
) -> AsyncIterator[Line]:
    """A request path of this process's own, until the block ends."""
    folder = DataFolder(settings.data)
    engine = open_engine(settings.registry_url)
    live = LiveRegistry(engine, snapshot=folder.snapshot)
    meter = Meter(folder.meter)
    try:
        async with open_line(
            settings, environment, live=live, meter=meter, record=recorder, recording=lambda: spool.recording
        ) as line:
            yield line
    finally:
        meter.close()
        live.close()
        engine.dispose()


async def call(line: Line, asked: OwnCall) -> OwnAnswer:
    """Makes a call. Errors are answers; it raises nothing but CancelledError."""
    events: list[CallEvent] = []

    def record(event: CallEvent) -> bool:
        events.append(event)
        return line.record(event)

    headers = {
        "content-type": "application/json",
        "x-slugline-tags": ",".join(f"{quote(name)}={quote(value)}" for name, value in asked.tags.items()),
        **({"x-slugline-provider": asked.provider} if asked.provider else {}),
    }
    request = CallRequest(
        endpoint=ENDPOINTS[asked.endpoint],
        headers=headers,
        body=orjson.dumps(asked.body),
        purpose=asked.purpose,
        own=True,
    )
    reply = await complete(request, replace(line, record=record))
    body = reply.body
    if not isinstance(body, bytes):
        stream, body = body, b""
        while (chunk := await stream.next()) is not None:
            body += chunk
    return OwnAnswer(status=reply.status, body=body, event=events[0] if events else None)
