"""OTLP over HTTP, the receiving side: bodies into messages, answers and errors into bytes. Pure.

Knows the two encodings, protobuf and JSON, and gzip (https://opentelemetry.io/docs/specs/otlp/#otlphttp-request). In OTLP's JSON
trace and span ids are hex, where protobuf's own JSON mapping has base64. An error is a google.rpc.Status in the request's encoding.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any, Literal

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Encoding = Literal["application/x-protobuf", "application/json"]

PROTOBUF: Encoding = "application/x-protobuf"
JSON: Encoding = "application/json"

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_DECODED_BYTES = 64 * 1024 * 1024

_ID_BYTES = {"traceId": 16, "trace_id": 16, "spanId": 8, "span_id": 8, "parentSpanId": 8, "parent_span_id": 8}
_CODES = {400: 3, 401: 16, 403: 7, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}  # google.rpc.Code


class OtlpRefused(Exception):
    """A request that can't be taken: the HTTP status, and the reason in words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def encoding_of(content_type: str) -> Encoding:
    """The encoding that a content type means; raises OtlpRefused."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"application/x-protobuf", "application/protobuf"}:
        return PROTOBUF
    if kind == "application/json":
        return JSON
    raise OtlpRefused(
        415, f"the content type must be application/x-protobuf or application/json, not {content_type[:100]!r}"
    )


def decompressed(body: bytes, content_encoding: str) -> bytes:
    """The body without its compression, in bounds; raises OtlpRefused."""
    coding = content_encoding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding != "gzip":
        raise OtlpRefused(415, f"the content encoding must be gzip or none, not {content_encoding[:100]!r}")
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:  # one gzip member after the other (RFC 1952, section 2.2)
            reader = zlib.decompressobj(wbits=31)
            part = reader.decompress(rest, MAX_DECODED_BYTES - size + 1)
            size += len(part)
            parts.append(part)
            if size > MAX_DECODED_BYTES:
                raise OtlpRefused(413, f"the body is over the limit of {MAX_DECODED_BYTES // 2**20} MiB, decompressed")
            if not reader.eof:
                raise OtlpRefused(400, "the gzip body ends in the middle")
            rest = reader.unused_data
    except zlib.error as error:
        raise OtlpRefused(400, f"the body is not gzip: {error}") from error
    return b"".join(parts)


def read_request(body: bytes, encoding: Encoding) -> ExportTraceServiceRequest:
    """The message that a body holds; raises OtlpRefused."""
    try:
        if encoding == PROTOBUF:
            found: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(body)
            return found
        value = json.loads(body)
        if not isinstance(value, dict):
            raise OtlpRefused(400, "the body must be a JSON object with resourceSpans")
        for span in _with_ids(value):
            _ids_in_base64(span)
        request = ExportTraceServiceRequest()
        json_format.ParseDict(value, request, ignore_unknown_fields=True)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise OtlpRefused(400, f"the body is no ExportTraceServiceRequest: {str(error)[:300]}") from error
    return request


def answer(encoding: Encoding, *, rejected: int = 0, message: str = "") -> bytes:
    """The body of an answer to a request that was taken; `rejected` spans of it were not."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message) if rejected or message else None
    return _encoded(ExportTraceServiceResponse(partial_success=partial), encoding)


def error_body(encoding: Encoding, status: int, message: str) -> bytes:
    """The body of an error answer."""
    return _encoded(Status(code=_CODES.get(status, 2), message=message), encoding)


def _encoded(message: Message, encoding: Encoding) -> bytes:
    if encoding == PROTOBUF:
        return bytes(message.SerializeToString())
    return str(json_format.MessageToJson(message, indent=None)).encode()


def _with_ids(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans and links of a request, whichever of the two spellings of field names it has."""
    for group in _objects(request, "resourceSpans", "resource_spans"):
        for scoped in _objects(group, "scopeSpans", "scope_spans"):
            for span in _objects(scoped, "spans"):
                yield span
                yield from _objects(span, "links")


def _objects(value: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        found = value.get(name)
        if isinstance(found, list):
            yield from (each for each in found if isinstance(each, dict))


def _ids_in_base64(value: dict[str, Any]) -> None:
    for name, size in _ID_BYTES.items():
        text = value.get(name)
        if isinstance(text, str) and text:
            try:
                raw = bytes.fromhex(text)
            except ValueError:
                raise OtlpRefused(400, f"{name} must be {2 * size} hex digits, not {text[:50]!r}") from None
            value[name] = base64.b64encode(raw).decode()
