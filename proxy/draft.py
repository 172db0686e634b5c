"""A call while it happens: what is known so far, and the one event that it becomes at its end.

The only mutable value of the request path. It is finished exactly once, whatever the outcome.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from proxy.context import Context
from proxy.price import Priced
from proxy.providers import Route
from proxy.spellings import PROMPT_ID_KEYS
from proxy.tally import Tally
from registry.keys import CallerKey
from registry.serving.live import Resolved
from tracing.event import CallEvent, Outcome, body_text, timestamp

_NOT_PARAMETERS = frozenset(
    {
        "messages",
        "system",
        "input",
        "instructions",
        "prompt",
        "model",
        "stream",
        "stream_options",
        "metadata",
        "user",
        "safety_identifier",
        "store",
        "tools",
        "variables",
        *PROMPT_ID_KEYS,
    }
)


@dataclass(slots=True)
class Draft:
    """Notes on one call. Times are seconds of a monotonic clock."""

    call_id: str
    at: datetime
    started: float
    endpoint: str
    purpose: str
    caller: str = ""
    key: CallerKey | None = None
    limit_headers: tuple[tuple[str, str], ...] = ()
    context: Context | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    resolved: Resolved | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    sent: bytes = b""
    route: Route | None = None
    dropped: tuple[str, ...] = ()
    stream: bool = False
    stale: bool = False
    timings: dict[str, float] = field(default_factory=dict)
    asked: float | None = None
    attempt_started: float | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    first_chunk: float | None = None

    def event(
        self,
        *,
        outcome: Outcome,
        status: int,
        now: float,
        tally: Tally,
        priced: Priced | None,
        error_code: str = "",
        error_message: str = "",
    ) -> CallEvent:
        """The call as it goes on record."""
        self.note_attempt(status, error_code, now)
        context = self.context
        # Without a context nobody knows how much the caller wanted on record.
        mode = context.record_mode if context else "metadata"
        full = mode == "full"
        version = self.resolved.version if self.resolved else None
        params = _parameters(self.body)
        return CallEvent(
            call_id=self.call_id,
            ts=timestamp(self.at),
            trace_id=context.trace_id if context else "",
            span_id=context.span_id if context else "",
            parent_span_id=context.parent_span_id if context else "",
            endpoint=self.endpoint,
            purpose=self.purpose,
            outcome=outcome,
            status=status,
            error_code=error_code,
            error_message=body_text(error_message)[:4096],
            prompt=version.slug if version else "",
            version=version.number if version else 0,
            version_id=version.version_id if version else "",
            channel=self.resolved.channel if self.resolved else "",
            revision=self.resolved.revision if self.resolved else 0,
            variant=self.resolved.variant if self.resolved else "",
            caller=self.caller,
            user=context.user if context else "",
            session=context.session if context else "",
            tags=dict(context.tags) if context else {},
            external_id=context.external_id if context else "",
            stratum=context.stratum if context else "",
            provider=self.route.provider.name if self.route else "",
            model_requested=self.route.model if self.route else _text(self.body.get("model")),
            model_served=tally.model,
            system_fingerprint=tally.system_fingerprint,
            params=params.decode(),
            params_hash=_params_hash(params, self.body),
            overrides=self.overrides,
            stream=self.stream,
            attempts=orjson.dumps(self.attempts).decode(),
            input_tokens=tally.input_tokens,
            cached_input_tokens=tally.cached_input_tokens,
            output_tokens=tally.output_tokens,
            reasoning_tokens=tally.reasoning_tokens,
            usage_source=tally.usage_source,
            cost=priced.cost if priced else None,
            cache_write_tokens=tally.cache_write_tokens,
            audio_input_tokens=tally.audio_input_tokens,
            audio_output_tokens=tally.audio_output_tokens,
            price=priced.price if priced else "",
            duration_ms=_ms(now - self.started),
            first_chunk_ms=None if self.first_chunk is None else _ms(self.first_chunk - self.started),
            overhead_ms=_ms((self.asked or now) - self.started),
            finish_reason=tally.finish_reason,
            response_id=tally.response_id,
            variables=body_text(orjson.dumps(self.variables, default=str)) if full and self.variables else "",
            request=body_text(self.sent) if full else "",
            response=body_text(tally.response) if full else "",
            system_prompt_hash=_system_prompt_hash(self.body),
            record_mode=mode,
            trace_state=context.trace_state if context else "",
            sampled=context.sampled if context else True,
        )

    def note_passed_over(self, error_code: str) -> None:
        """Notes that the provider of `route` was not asked at all, and why."""
        if self.route is not None:
            self.attempts.append(_attempt(self.route, 0, error_code, 0.0))

    def note_attempt(self, status: int, error_code: str, now: float) -> None:
        """Notes how the attempt that began at `attempt_started` went, once."""
        if self.route is not None and self.attempt_started is not None:
            self.attempts.append(_attempt(self.route, status, error_code, now - self.attempt_started))
            self.attempt_started = None


def _attempt(route: Route, status: int, error_code: str, seconds: float) -> dict[str, Any]:
    return {
        "provider": route.provider.name,
        "model": route.model,
        "status": status,
        "error_code": error_code,
        "duration_ms": _ms(seconds),
    }


def _parameters(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps(
        {key: value for key, value in body.items() if key not in _NOT_PARAMETERS}, option=orjson.OPT_SORT_KEYS
    )


def _params_hash(params: bytes, body: Mapping[str, Any]) -> str:
    """Equal for calls that asked the model in the same way: parameters, tools and response format, not the messages."""
    digest = hashlib.sha256(params)
    if body.get("tools"):
        digest.update(orjson.dumps(body["tools"], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()[:16]


def _system_prompt_hash(body: Mapping[str, Any]) -> str:
    """Equal for calls with the same system prompt, wherever the endpoint keeps it."""
    for messages in (body.get("messages"), body.get("input")):
        if isinstance(messages, list):
            for message in messages:
                if isinstance(message, dict) and message.get("role") in {"system", "developer"}:
                    return _hash(message.get("content"))
    named = body.get("instructions") or body.get("system")
    return _hash(named) if named else ""


def _hash(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()[:16]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
