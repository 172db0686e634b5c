"""What the request path takes and what it stands on: a call as it came, and the parts that the composition root hands in. Values only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.breaker import Breakers
from proxy.endpoints import Endpoint
from proxy.errors import UpstreamFailed
from proxy.price import PriceList
from proxy.providers import Provider
from proxy.upstream import Upstream
from registry.live import LiveRegistry
from tracing.event import CallEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """A call as it came: header names in lower case, the body as bytes, the query without its question mark."""

    endpoint: Endpoint
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    query: str = ""
    purpose: str = "production"

    @property
    def target(self) -> str:
        """The path below /v1 with the caller's query, as a provider that is asked the same is asked it."""
        return self.endpoint.path + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All that the request path stands on; the composition root makes one per process.

    `fallbacks` are lists of models by model pattern. With `drain`, a provider's answer is read to its end although its caller has left.
    """

    registry: LiveRegistry
    providers: Sequence[Provider]
    upstream: Upstream
    prices: PriceList
    record: Callable[[CallEvent], object]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    breakers: Breakers
    retries: int
    fallbacks: Mapping[str, Sequence[str]]
    drain: bool
    wait_before_retry: Callable[[UpstreamFailed | int, Sequence[tuple[str, str]], int], float | None]
