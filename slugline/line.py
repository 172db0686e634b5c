"""The request path's line, built from settings: what a worker answers calls with, and other processes make calls of their own with."""

import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from proxy.breaker import Breakers
from proxy.library import Library
from proxy.line import Line
from proxy.meter import Meter
from proxy.price import PriceList
from proxy.retry import wait_before_retry
from proxy.upstream import Upstream
from registry.serving.live import LiveRegistry
from slugline.clock import new_id, now
from slugline.providers import open_providers, open_proxies
from slugline.settings import Settings
from tracing.event import CallEvent


@contextlib.asynccontextmanager
async def open_line(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    live: LiveRegistry,
    meter: Meter,
    record: Callable[[CallEvent], bool],
    recording: Callable[[], bool],
) -> AsyncIterator[Line]:
    """What the request path stands on, for a process that makes calls."""
    async with Upstream(queue_seconds=settings.queue_seconds, proxies=open_proxies(environment)) as upstream:
        providers = tuple(open_providers(settings, environment))
        yield Line(
            registry=live,
            providers=providers,
            upstream=upstream,
            library=Library({provider.name: provider for provider in providers}),
            prices=PriceList(),
            meter=meter,
            key_required=settings.exposed,
            record=record,
            recording=recording,
            now=now,
            clock=time.perf_counter,
            new_id=new_id,
            random_bytes=os.urandom,
            breakers=Breakers(
                failures=settings.breaker_failures, seconds=settings.breaker_seconds, clock=time.monotonic
            ),
            retries=settings.retries,
            fallbacks=settings.fallbacks,
            drain=settings.when_client_leaves == "drain",
            wait_before_retry=partial(wait_before_retry, jitter=random.random),
        )
