"""The composition root: the one place that knows every room, and builds from settings what a process stands on.

Nothing here decides anything; nothing elsewhere reads the environment or makes the parts of another room.
"""

import contextlib
import getpass
import os
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import uuid_utils
from fastapi import FastAPI, Request

from dashboards import pages
from evaluation import api as quality_api
from proxy.breaker import Breakers
from proxy.edge import Edge
from proxy.line import Line
from proxy.price import PriceList
from proxy.retry import wait_before_retry
from proxy.upstream import Upstream
from registry import api as registry_api
from registry.compat import langfuse, litellm
from registry.database import open_engine
from registry.live import LiveRegistry
from registry.store import Store
from slugline import VERSION
from slugline.errors import add_error_handlers
from slugline.folder import DataFolder
from slugline.front import Front, lost_reporter
from slugline.health import build_router as health_router
from slugline.providers import open_providers
from slugline.settings import Settings, read_secret
from tracing import api as tracing_api
from tracing.clickhouse import ClickHouse, Locate, Target
from tracing.spool import Spool, SpoolFolders


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What one worker process serves."""

    app: Front
    line: Line
    spool: Spool


@contextlib.asynccontextmanager
async def open_worker(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Worker]:
    """Builds a worker's parts, and takes them down in the right order: what is recorded is sealed last."""
    folder = DataFolder(settings.data)
    engine = open_engine(settings.registry_url)
    live = LiveRegistry(engine)
    spool = Spool(SpoolFolders.at(folder.spool), lost_reporter())
    spool.start()
    try:
        async with (
            Upstream(queue_seconds=settings.queue_seconds) as upstream,
            ClickHouse(locate_clickhouse(settings, environment)) as clickhouse,
        ):
            line = Line(
                registry=live,
                providers=tuple(open_providers(settings, environment)),
                upstream=upstream,
                prices=PriceList(),
                record=spool.append,
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
            api = build_api(Store(engine), live, clickhouse, spool, folder, embedded=not settings.clickhouse.url)
            edge = Edge(line)
            yield Worker(app=Front(edge=edge, api=api), line=line, spool=spool)
            await edge.drained(settings.drain_seconds)
    finally:
        spool.close()
        live.close()
        engine.dispose()


def build_api(
    store: Store, live: LiveRegistry, clickhouse: ClickHouse, spool: Spool, folder: DataFolder, *, embedded: bool
) -> FastAPI:
    """`/api`, the health checks and the pages."""
    api = FastAPI(title="Slugline", version=VERSION, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    api.include_router(registry_api.build_router(store, live, actor_of))
    api.include_router(langfuse.build_router(store, live))
    api.include_router(litellm.build_router(live))
    api.include_router(tracing_api.build_router(spool.append, now, new_id))
    api.include_router(quality_api.build_router(clickhouse, store.prompt))
    api.include_router(health_router(live, spool, folder, embedded=embedded))
    api.include_router(pages.build_router(store, clickhouse))
    add_error_handlers(api)
    return api


def locate_clickhouse(settings: Settings, environment: Mapping[str, str]) -> Locate:
    """Where ClickHouse is: the server of the settings, or the embedded engine of the data folder wherever it is up by then."""
    if settings.clickhouse.url:
        reference = settings.clickhouse.password
        password = read_secret(reference, environment) if reference else None
        target = Target.from_url(settings.clickhouse.url, password=password)
        return lambda: target
    folder = DataFolder(settings.data)

    def embedded() -> Target | None:
        endpoint = folder.engine()
        if endpoint is None:
            return None
        return Target(url=endpoint.url, user=endpoint.user, password=endpoint.password, database=endpoint.database)

    return embedded


def actor_of(request: Request) -> str:
    """Who writes over HTTP, as the audit names them."""
    return request.headers.get("x-slugline-actor", "").strip()[:200] or f"api ({local_user()})"


def local_user() -> str:
    """The operating system's name for whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """A time-ordered unique id (UUIDv7, RFC 9562)."""
    return str(uuid_utils.uuid7())
