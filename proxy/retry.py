"""When a provider is asked again, when another is, and how long to wait before. Pure.

Only an answer that has not begun is asked for again, and never of the same provider when it timed out: it may be at work on it still.
"""

from collections.abc import Callable, Sequence

from proxy.errors import UpstreamBusy, UpstreamFailed, UpstreamTimeout

RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses that OpenAI's own SDKs ask again for, and Anthropic's 529 (overloaded)."""

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
"""A provider that asks for more is not waited for here: its answer goes back, and the caller decides."""

LONGEST_WAIT_WITH_ALTERNATIVE = 0.5
"""Where another provider can be asked, waiting longer than this for one makes no sense."""

_CALLERS_FAULT = frozenset({400, 405, 406, 409, 411, 412, 413, 414, 415, 416, 421, 422, 428, 431})


def answers_elsewhere(status: int) -> bool:
    """Whether a fallback may do better: not where the request itself is at fault. Keys and models differ from provider to provider."""
    return status >= 400 and status not in _CALLERS_FAULT


def is_providers_failure(status: int) -> bool:
    """Whether an answer tells that the provider itself is ill. Rate limits and refusals are signs of health."""
    return status >= 500


def wait_before_retry(
    failure: UpstreamFailed | int, headers: Sequence[tuple[str, str]], attempt: int, jitter: Callable[[], float]
) -> float | None:
    """Seconds to wait before asking again after an error or an answer with a status, or None when it is final.

    `attempt` counts from 1; `jitter` gives a number between 0 and 1. A `retry-after` in seconds is honoured (RFC 9110).
    """
    if isinstance(failure, UpstreamTimeout | UpstreamBusy) or (isinstance(failure, int) and failure not in RETRYABLE):
        return None
    asked = _seconds(next((value for name, value in headers if name == "retry-after"), ""))
    if asked is not None:
        return asked if asked <= LONGEST_WAIT_SECONDS else None
    wait = FIRST_WAIT_SECONDS * 2 ** (attempt - 1)
    return float(min(wait, LONGEST_WAIT_SECONDS) * (0.5 + jitter() / 2))


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if seconds >= 0 else None
