"""OTLP's messages as OTLP's JSON, and answers back: protobuf's JSON mapping with three differences. Pure.

Trace and span ids are hex, not base64; enums are numbers, not names; unknown fields of an answer are passed over
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). An id stands under one of three names, and nothing else does: attributes
are lists of pairs, so what they are called is a value here.
"""

import base64
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def as_json(message: Message) -> bytes:
    """A request's body."""
    value = json_format.MessageToDict(message, use_integers_for_enums=True)
    _ids_in_hex(value)
    return orjson.dumps(value)


def read_json(body: bytes, kind: type[Message]) -> Message | None:
    """An answer's message; None where the body holds none."""
    try:
        return json_format.Parse(body, kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError):
        return None


def _ids_in_hex(value: Any) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _IDS and isinstance(member, str):
                value[name] = base64.b64decode(member).hex()
            else:
                _ids_in_hex(member)
    elif isinstance(value, list):
        for member in value:
            _ids_in_hex(member)
