"""An alert as an OpenTelemetry event, to where telemetry's logs go.

Events are log records with a name (https://opentelemetry.io/docs/specs/otel/logs/data-model/#events).
"""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from slugline import VERSION
from slugline.alerting.message import Message
from slugline.alerting.sending import NotSent
from tracing.telemetry import names
from tracing.telemetry.attributes import Value
from tracing.telemetry.config import Export
from tracing.telemetry.encode import logs_request, nanoseconds, pairs
from tracing.telemetry.senders import open_sender

EVENT = "slugline.alert"

_WARN, _INFO = 13, 9


class Collector:
    """The collector of the settings, told over a connection of its own."""

    def __init__(self, export: Export) -> None:
        self._export = export

    async def send(self, message: Message) -> None:
        sender = open_sender("logs", self._export.targets["logs"])
        try:
            delivery = await sender.send(logs_request([event_of(message)], self._export, VERSION))
        finally:
            await sender.close()
        if delivery.kind != "taken" or delivery.rejected:
            raise NotSent(delivery.message or "the collector rejected it", wait=delivery.wait)


def event_of(message: Message) -> LogRecord:
    """The event. What changed first is told in attributes, all of it in the body."""
    alert = message.alert
    first = alert.lines[0]
    told: dict[str, Value] = {
        "slugline.alert.id": alert.alert_id,
        "slugline.alert.delivery.id": message.delivery_id,
        "slugline.alert.type": message.event,
        "slugline.alert.about": alert.about,
        "slugline.alert.name": alert.name,
        "slugline.alert.prompts": list(alert.prompts),
        "slugline.alert.metrics": list(dict.fromkeys(line.metric for line in alert.lines)),
        "slugline.alert.since": alert.since.isoformat(),
        "slugline.alert.difference": first.difference,
        "slugline.alert.cause": str(alert.cause.get("kind", "")),
        "url.full": message.url,
    }
    if alert.about == "prompt":
        told[names.PROMPT_NAME] = alert.name
    recovered = message.event == "alert.recovered"
    at = nanoseconds(message.at.isoformat())
    return LogRecord(
        time_unix_nano=at,
        observed_time_unix_nano=at,
        severity_number=_INFO if recovered else _WARN,  # type: ignore[arg-type]  # of SeverityNumber
        severity_text="INFO" if recovered else "WARN",
        event_name=EVENT,
        body=AnyValue(string_value=message.text),
        attributes=pairs(told),
    )
