"""What a collector's answer means for what was sent. Pure.

The rules are OTLP's (https://opentelemetry.io/docs/specs/otlp/#failures and #failures-1): which failures may pass, how long to wait, and
that a partial success is final. In one thing this is more careful: what is refused because of a key or an address (401, 403, 404) is no
fault of the record, so that waits, and is tried again slowly, until somebody puts it right.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

LEAST_WAIT_SECONDS = 0.1
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 15.0
HELD_SECONDS = 30.0
MOST_RETRY_AFTER_SECONDS = 300.0

_MAY_PASS = frozenset({429, 502, 503, 504})
_OURS_TO_MEND = frozenset({401, 403, 404, 405, 407})
_TOO_LARGE = 413

_KEYS = frozenset({401, 403, 407})
_KEY = " (look at its key: telemetry.headers, or OTEL_EXPORTER_OTLP_HEADERS)"
_ADDRESS = " (look at its address: telemetry.endpoint, or OTEL_EXPORTER_OTLP_ENDPOINT)"

_GRPC_MAY_PASS = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
_GRPC_OURS_TO_MEND = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one export ended.

    `taken`: it is the collector's now, but for `rejected` parts. `later`: again, in `wait` seconds if the collector said so. `held`: again
    slowly, for something has to be put right. `smaller`: again in smaller pieces. `dropped`: never again, for it would end the same.
    """

    kind: Literal["taken", "later", "held", "smaller", "dropped"]
    message: str = ""
    rejected: int = 0
    wait: float | None = None


def from_http(status: int, retry_after: str, body: str, now: datetime) -> Delivery:
    """What an HTTP status other than 200 means; `body` is what the collector said with it."""
    message = f"the collector answered {status}" + (f": {body[:300]}" if body else "")
    if status in _MAY_PASS:
        return Delivery(kind="later", message=message, wait=seconds_after(retry_after, now))
    if status in _OURS_TO_MEND or 300 <= status < 400:
        return Delivery(kind="held", message=message + (_KEY if status in _KEYS else _ADDRESS))
    return Delivery(kind="smaller" if status == _TOO_LARGE else "dropped", message=message)


def from_grpc(code: str, details: str, retry_delay: float | None) -> Delivery:
    """What a gRPC status other than OK means, by its name; `retry_delay` is from google.rpc.RetryInfo, None without one."""
    message = f"the collector answered {code}: {details[:300]}"
    if code in _GRPC_MAY_PASS or (code == "RESOURCE_EXHAUSTED" and retry_delay is not None):
        wait = None if retry_delay is None else min(retry_delay, MOST_RETRY_AFTER_SECONDS)
        return Delivery(kind="later", message=message, wait=wait)
    if code in _GRPC_OURS_TO_MEND:
        return Delivery(kind="held", message=message + (_ADDRESS if code == "UNIMPLEMENTED" else _KEY))
    return Delivery(kind="smaller" if code == "RESOURCE_EXHAUSTED" else "dropped", message=message)


def seconds_after(retry_after: str, now: datetime) -> float | None:
    """How long a Retry-After header says to wait (RFC 9110, section 10.2.3), in bounds; None where it says nothing."""
    text = retry_after.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MOST_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), MOST_RETRY_AFTER_SECONDS)


def wait_before(tries: int, delivery: Delivery, chance: float) -> float:
    """Seconds until the next try after `tries` failed ones: what the collector asked for, else twice as long each time.

    `chance`, from 0 to 1, takes up to a half off, so that many servers don't come back at once.
    """
    if delivery.wait is not None:
        return max(delivery.wait, LEAST_WAIT_SECONDS)
    if delivery.kind == "held":
        return HELD_SECONDS
    return min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 20)) * (1 - chance / 2)
