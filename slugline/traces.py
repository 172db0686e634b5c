"""`POST /v1/traces`: apps' spans come in over OTLP/HTTP, with the same keys as calls.

Plain ASGI, because the protocol has its own encodings, errors and answers (tracing/telemetry/wire.py). Spans are decoded in a thread
beside the calls, a few requests at a time. Accepted means: on disk when the answer goes out.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from starlette.types import Receive, Scope, Send

from proxy.auth import authenticate, check_endpoint, check_role
from proxy.errors import ProxyError, answer_for
from registry.errors import RegistryError
from registry.serving.live import LiveRegistry
from tracing.event import Event
from tracing.telemetry.counters import Counters
from tracing.telemetry.incoming import Incoming, read_spans
from tracing.telemetry.wire import (
    MAX_BODY_BYTES,
    PROTOBUF,
    Encoding,
    OtlpRefused,
    answer,
    decompressed,
    encoding_of,
    error_body,
    read_request,
)

PATH = "/v1/traces"
ENDPOINT = "traces"
"""The endpoint's name in a key's scope."""

_AT_A_TIME = 2
_RETRY_SECONDS = 5

log = logging.getLogger("slugline.traces")


class Traces:
    """The ASGI application of `/v1/traces`. `key_required`: a key is needed even while none was ever made."""

    def __init__(
        self,
        *,
        live: LiveRegistry,
        record: Callable[[Event], bool],
        counters: Counters,
        now: Callable[[], datetime],
        key_required: bool,
    ) -> None:
        self._live = live
        self._record = record
        self._counters = counters
        self._now = now
        self._key_required = key_required
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        encoding = PROTOBUF
        more: list[tuple[bytes, bytes]] = []
        try:
            encoding = encoding_of(headers.get("content-type", ""))
            if scope["method"] != "POST":
                more.append((b"allow", b"POST"))
                raise OtlpRefused(405, f"{PATH} takes POST, not {scope['method']}")
            caller = self._caller(headers)
            body = await _body(receive)
            if body is None:
                return
            async with self._turns:
                found = await asyncio.to_thread(self._take, body, headers, encoding, caller)
            self._counters.spans(len(found.events), found.rejected)
            status, told = 200, answer(encoding, rejected=found.rejected, message=found.reason)
        except OtlpRefused as error:
            status, told = error.status, error_body(encoding, error.status, error.message)
        if status == 503:
            more.append((b"retry-after", str(_RETRY_SECONDS).encode()))
        head = [(b"content-type", encoding.encode()), (b"content-length", str(len(told)).encode()), *more]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": told})

    def _caller(self, headers: dict[str, str]) -> str:
        """The name of the key that a request comes with; empty without one."""
        try:
            key = authenticate(headers, self._live, self._now(), required=self._key_required)
            if key is None:
                return ""
            check_role(key)
            check_endpoint(key, ENDPOINT)
            return key.terms.name
        except (ProxyError, RegistryError) as error:
            told = answer_for(error)
            raise OtlpRefused(told.status, told.message) from error

    def _take(self, body: bytes, headers: dict[str, str], encoding: Encoding, caller: str) -> Incoming:
        request = read_request(decompressed(body, headers.get("content-encoding", "")), encoding)
        found = read_spans(request, caller=caller, at=self._now())
        for event in found.events:
            if not self._record(event):
                raise OtlpRefused(503, "the spans could not be written to disk: send them again")
        if found.rejected:
            log.warning("%d spans were refused: %s", found.rejected, found.reason)
        return found


async def _body(receive: Receive) -> bytes | None:
    """The body as it came, None where the client left; raises OtlpRefused."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise OtlpRefused(413, f"the body is over the limit of {MAX_BODY_BYTES // 2**20} MiB")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
