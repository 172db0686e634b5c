"""What the request path takes and what it stands on: a call as it came, and the parts that the composition root hands in. Values only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from proxy.answer import Sender
from proxy.breaker import Breakers
from proxy.endpoints import Endpoint
from proxy.errors import UpstreamFailed
from proxy.meter import Meter
from proxy.price import PriceList
from proxy.providers import Provider
from registry.keys import CallerKey
from registry.serving.live import LiveRegistry
from tracing.event import CallEvent


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it came: header names in lower case, the body as bytes, the query without its question mark.

    `prompt` is the reference to a prompt that the path names, where it names one. `own` calls are made by Slugline itself (an
    evaluation, a probe): they need no key. Where such a call is made for somebody who has one, `payer` is that key, and its terms hold.
    """

    endpoint: Endpoint
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    query: str = ""
    purpose: str = "production"
    own: bool = False
    payer: CallerKey | None = None
    prompt: str | None = None

    @property
    def target(self) -> str:
        """The path below /v1 with the caller's query, as a provider that is asked the same is asked it."""
        return self.endpoint.path + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All that the request path stands on; the composition root makes one per process.

    `fallbacks` are lists of models by model pattern. With `drain`, a provider's answer is read to its end although its caller has left.
    `record` gives whether the event is on disk, `recording` whether the next one is likely to be.
    `key_required`: calls need a key even while none was ever made, as this server can be reached from elsewhere.
    """

    registry: LiveRegistry
    providers: Sequence[Provider]
    upstream: Sender
    library: Sender
    prices: PriceList
    meter: Meter
    key_required: bool
    record: Callable[[CallEvent], bool]
    recording: Callable[[], bool]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    breakers: Breakers
    retries: int
    fallbacks: Mapping[str, Sequence[str]]
    drain: bool
    wait_before_retry: Callable[[UpstreamFailed | int, Sequence[tuple[str, str]], int], float | None]
