"""Sends OTLP's messages to a collector, once each, and says how that ended. I/O and nothing else: `delivery` decides what it means.

Over HTTP the body is protobuf or JSON, over gRPC the official stubs are called in a thread; its library is loaded only where it is spoken.
"""

import asyncio
import gzip
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracing.telemetry.config import Target, TelemetryMisconfigured
from tracing.telemetry.delivery import Delivery, from_grpc, from_http
from tracing.telemetry.json_encoding import as_json, read_json
from tracing.telemetry.settings import Signal

_RESPONSES: dict[Signal, Any] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
_REJECTED: dict[Signal, str] = {
    "traces": "rejected_spans",
    "metrics": "rejected_data_points",
    "logs": "rejected_log_records",
}

# Else a channel that lost its collector may not look for it again for two minutes.
_GRPC_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 5000))


class Sender(Protocol):
    """Sends one signal's messages."""

    async def send(self, message: Message) -> Delivery:
        """One try; never raises for what a collector or a network does."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


def open_sender(signal: Signal, target: Target) -> Sender:
    """The sender for a target; raises TelemetryMisconfigured for certificates that can't be read."""
    try:
        return GrpcSender(signal, target) if target.protocol == "grpc" else HttpSender(signal, target)
    except (OSError, ssl.SSLError) as error:
        raise TelemetryMisconfigured(f"the certificates for the OTLP endpoint can't be used: {error}") from error


class HttpSender:
    """OTLP/HTTP with protobuf bodies."""

    def __init__(self, signal: Signal, target: Target) -> None:
        self._signal = signal
        self._target = target
        verify: ssl.SSLContext | bool = True
        if target.certificate or target.client_certificate:
            verify = ssl.create_default_context(cafile=str(target.certificate) if target.certificate else None)
            if target.client_certificate:
                verify.load_cert_chain(target.client_certificate, target.client_key)
        self._client = httpx.AsyncClient(verify=verify, timeout=target.timeout_seconds, headers=dict(target.headers))

    async def send(self, message: Message) -> Delivery:
        as_text = self._target.protocol == "http/json"
        body = await asyncio.to_thread(as_json, message) if as_text else message.SerializeToString()
        kind = "application/json" if as_text else "application/x-protobuf"
        headers = {"content-type": kind, "user-agent": "slugline"}
        if self._target.gzip:
            body = await asyncio.to_thread(gzip.compress, body, 6)
            headers["content-encoding"] = "gzip"
        try:
            async with asyncio.timeout(self._target.timeout_seconds):
                answer = await self._client.post(self._target.url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Delivery(kind="later", message=f"the collector can't be reached: {error!r}")
        if 200 <= answer.status_code < 300:
            return _taken(self._signal, answer.content, answer.headers.get("content-type", ""))
        said = _status(answer.content, answer.headers.get("content-type", ""))
        return from_http(answer.status_code, answer.headers.get("retry-after", ""), said, datetime.now(UTC))

    async def close(self) -> None:
        await self._client.aclose()


class GrpcSender:
    """OTLP/gRPC."""

    def __init__(self, signal: Signal, target: Target) -> None:
        import grpc

        self._signal = signal
        self._target = target
        parts = urlsplit(target.url)
        where = f"{parts.hostname}:{parts.port or 4317}"
        if parts.scheme == "https":
            credentials = grpc.ssl_channel_credentials(
                root_certificates=target.certificate.read_bytes() if target.certificate else None,
                private_key=target.client_key.read_bytes() if target.client_key else None,
                certificate_chain=target.client_certificate.read_bytes() if target.client_certificate else None,
            )
            self._channel = grpc.secure_channel(where, credentials, _GRPC_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(where, _GRPC_OPTIONS)
        self._compression = grpc.Compression.Gzip if target.gzip else grpc.Compression.NoCompression
        self._export: Callable[..., Message] = _stub(signal, self._channel).Export
        self._error: type[Exception] = grpc.RpcError

    async def send(self, message: Message) -> Delivery:
        return await asyncio.to_thread(self._send, message)

    async def close(self) -> None:
        self._channel.close()

    def _send(self, message: Message) -> Delivery:
        try:
            answer = self._export(
                message,
                timeout=self._target.timeout_seconds,
                metadata=self._target.headers,
                compression=self._compression,
            )
        except self._error as error:
            failed: Any = error
            return from_grpc(failed.code().name, failed.details() or "", _retry_delay(failed))
        except ValueError as error:  # a channel that was closed meanwhile
            return Delivery(kind="later", message=str(error))
        return _told(self._signal, answer)


def _stub(signal: Signal, channel: Any) -> Any:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

    stubs: dict[Signal, Any] = {"traces": TraceServiceStub, "metrics": MetricsServiceStub, "logs": LogsServiceStub}
    return stubs[signal](channel)


def _retry_delay(error: Any) -> float | None:
    """Seconds of a google.rpc.RetryInfo in the trailing metadata, if there is one."""
    from google.rpc.error_details_pb2 import RetryInfo

    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            try:
                status = Status.FromString(value)
            except DecodeError:
                return None
            for detail in status.details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _taken(signal: Signal, body: bytes, content_type: str) -> Delivery:
    """A success; what the answer says of parts that were not accepted."""
    answer = _message(body, content_type, _RESPONSES[signal])
    return _told(signal, answer) if answer is not None else Delivery(kind="taken")


def _message(body: bytes, content_type: str, kind: Any) -> Any:
    """What a body says, in either encoding; None where it is no such message."""
    if "json" in content_type:
        return read_json(body, kind)
    try:
        return kind.FromString(body) if "protobuf" in content_type else None
    except DecodeError:
        return None


def _told(signal: Signal, answer: Any) -> Delivery:
    partial = answer.partial_success
    return Delivery(kind="taken", rejected=getattr(partial, _REJECTED[signal]), message=partial.error_message)


def _status(body: bytes, content_type: str) -> str:
    """What an error answer says."""
    status = _message(body, content_type, Status)
    if status is not None and status.message:
        return str(status.message)
    if "protobuf" in content_type:
        return ""
    return body[:300].decode("utf-8", "replace").strip()
