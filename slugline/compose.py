"""The composition root: the one place that knows every room, and builds from settings what a process stands on.

Nothing here decides anything; nothing elsewhere reads the environment or makes the parts of another room.
"""

import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from fastapi import Depends, FastAPI, Request

from dashboards import pages
from dashboards.around import Around
from evaluation import api as quality_api
from evaluation import inventory_api
from evaluation.drift import api as drift_api
from proxy.edge import Edge
from proxy.line import Line
from proxy.meter import Meter, read_used
from registry.compat import langfuse, litellm
from registry.http import alerts_api, channels_api, datasets_api, fragments_api, keys_api
from registry.http import api as registry_api
from registry.http.keys_api import KeyUse
from registry.keys import CallerKey
from registry.roles import Action, Principal, owner, permit
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from registry.writing.key_store import KeyStore
from registry.writing.session_store import SessionStore
from registry.writing.share_store import ShareStore
from registry.writing.sign_in_tries import SignInTries
from registry.writing.store import Store
from slugline import VERSION, evaluations_api, probes_api
from slugline.acting import local_user
from slugline.clock import new_id, now
from slugline.errors import add_error_handlers
from slugline.evaluation_asking import check_for_server
from slugline.folder import DataFolder
from slugline.front import Front
from slugline.health import build_router as health_router
from slugline.line import open_line
from slugline.locate import locate_clickhouse
from slugline.page_evaluations import PageEvaluations
from slugline.page_playground import PagePlayground
from slugline.recording import open_recorder
from slugline.server_health import ServerHealth
from slugline.setting_sources import SOURCES_VARIABLE
from slugline.settings import Settings, read_secret
from slugline.signing.desk import SignInDesk
from slugline.signing.visits import VISIT, Visit, Visits
from slugline.telemetry import build_router as metrics_router
from slugline.telemetry import counted, may_see
from slugline.traces import Traces
from tracing import api as tracing_api
from tracing.clickhouse import ClickHouse
from tracing.privacy.recorder import Recorder
from tracing.search import api as search_api
from tracing.search.filters import Sight
from tracing.spool import Spool, SpoolFolders
from tracing.telemetry import api as traces_api
from tracing.telemetry.counters import Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What one worker process serves."""

    app: Front
    line: Line
    spool: Spool


@contextlib.asynccontextmanager
async def open_worker(
    settings: Settings, environment: Mapping[str, str], *, name: str = "worker"
) -> AsyncIterator[Worker]:
    """Builds a worker's parts, and takes them down in the right order: what is recorded is sealed last.

    `name` is what promotions call it, with its process and host.
    """
    folder = DataFolder(settings.data)
    engine = open_engine(settings.registry_url)
    live = LiveRegistry(engine, snapshot=folder.snapshot)
    spool = Spool(SpoolFolders.at(folder.spool), bounds=settings.spool_bounds, worker=name)
    recorder = open_recorder(settings, environment, spool.append)
    spool.start()
    meter = Meter(folder.meter)
    counters = Counters(folder.counters)
    live.join(f"{name} (pid {os.getpid()} on {socket.gethostname()})")
    try:
        async with (
            open_line(
                settings,
                environment,
                live=live,
                meter=meter,
                record=counted(recorder, counters),
                recording=lambda: spool.recording,
            ) as line,
            ClickHouse(locate_clickhouse(settings, environment)) as clickhouse,
        ):
            store, sessions, shares = (
                Store(engine),
                SessionStore(engine, settings.sessions.limits),
                ShareStore(engine),
            )
            around = Around(
                signing=SignInDesk(
                    live=live,
                    sessions=sessions,
                    tries=SignInTries(engine),
                    oidc=settings.oidc,
                    secret=partial(read_secret, environment=environment),
                    now=now,
                ),
                keys=KeyStore(engine),
                people=sessions,
                shares=shares,
                use=partial(use_of, folder),
                health=ServerHealth(
                    settings,
                    json.loads(environment.get(SOURCES_VARIABLE, "{}")),
                    store=store,
                    live=live,
                    clickhouse=clickhouse,
                    spool=spool,
                ),
                public_url=settings.public_url,
            )
            api = build_api(
                store,
                live,
                line,
                clickhouse,
                spool,
                folder,
                recorder,
                around,
                embedded=not settings.clickhouse.url,
            )
            edge = Edge(line)
            traces = Traces(live=live, record=recorder, counters=counters, now=now, key_required=settings.exposed)
            front = Front(
                edge=edge,
                traces=traces,
                api=api,
                visits=Visits(live=live, sessions=sessions, shares=shares, now=now, exposed=settings.exposed),
                counters=counters,
                exposed=settings.exposed,
            )
            yield Worker(app=front, line=line, spool=spool)
            await edge.drained(settings.drain_seconds)
    finally:
        spool.close()
        counters.close()
        meter.close()
        live.close()
        engine.dispose()


def build_api(
    store: Store,
    live: LiveRegistry,
    line: Line,
    clickhouse: ClickHouse,
    spool: Spool,
    folder: DataFolder,
    recorder: Recorder,
    around: Around,
    *,
    embedded: bool,
) -> FastAPI:
    """`/api`, the health checks and the pages."""
    api = FastAPI(title="Slugline", version=VERSION, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    api.include_router(registry_api.build_router(store, live, who))
    api.include_router(channels_api.build_router(store, who))
    api.include_router(datasets_api.build_router(store, who, check_for_server))
    api.include_router(evaluations_api.build_router(store, who, new_id, line))
    api.include_router(probes_api.build_router(store, who))
    api.include_router(alerts_api.build_router(store, who, now))
    api.include_router(fragments_api.build_router(store.engine, who))
    api.include_router(keys_api.build_router(around.keys, who, around.use))
    api.include_router(langfuse.build_router(store, live, who))
    api.include_router(litellm.build_router(live, who))
    api.include_router(tracing_api.build_router(recorder, now, new_id, clickhouse, asking))
    api.include_router(search_api.build_router(clickhouse, sight, now))
    api.include_router(quality_api.build_router(clickhouse, store.prompt), dependencies=[Depends(needs("inspect"))])
    api.include_router(drift_api.build_router(clickhouse, store, who, now))
    api.include_router(inventory_api.build_router(clickhouse, now, who))
    api.include_router(traces_api.build_router(clickhouse, may_see(who)))
    api.include_router(metrics_router(folder, live, may_see(who), embedded=embedded))
    api.include_router(health_router(live, spool, folder, recorder.counts, embedded=embedded))
    evaluating = PageEvaluations(store, line, new_id)
    api.include_router(
        pages.build_router(
            store,
            clickhouse,
            who,
            evaluating=evaluating,
            around=around,
            playing=PagePlayground(store, line),
            now=now,
            new_id=new_id,
            record=recorder,
        )
    )
    add_error_handlers(api)
    return api


def use_of(folder: DataFolder, key: CallerKey) -> KeyUse:
    """How much a key was used on this machine: dollars in its budget's running period, or ever."""
    used = read_used(folder.meter, key.key_id, now())
    nano = {"day": used.day, "month": used.month}.get(key.terms.budget_period or "", used.total)
    dollars = format(Decimal(nano).scaleb(-9).normalize(), "f")
    last = datetime.fromtimestamp(used.last, UTC) if used.last else None
    return KeyUse(requests=used.requests, spent_usd=Decimal(dollars), unpriced_calls=used.unpriced, last_used_at=last)


def needs(action: Action) -> Callable[[Request], None]:
    """A dependency for routes of rooms that know no roles: whoever asks must be allowed the action, on the prompt in the path."""

    def check(request: Request) -> None:
        permit(who(request), action, slug=request.path_params.get("slug"))

    return check


def who(request: Request) -> Principal:
    """Who makes a request over HTTP. With a key its roles count, and its name stands in the history beside the one that was given; without
    one the request comes from this machine, whose owner may everything but vouch for themselves."""
    said = request.headers.get("x-slugline-actor", "").strip()[:200]
    visit: Visit = request.scope[VISIT]
    if visit.principal is not None:
        return visit.principal.on_behalf_of(said)
    return owner(said or f"api ({local_user()})", verified=False)


def asking(request: Request) -> tracing_api.Asking:
    """Who makes a request, for the room that knows no roles."""
    by = who(request)
    return tracing_api.Asking(
        name=by.name, prompts=by.prompts, permit=lambda action, slug: permit(by, action, slug=slug)
    )


def sight(request: Request) -> Sight:
    """What whoever makes a request may see of the calls. Raises as `permit` does."""
    return sight_of(who(request))


def sight_of(by: Principal) -> Sight:
    """What somebody may see of the calls: those of their prompts. Raises as `permit` does."""
    permit(by, "inspect")
    return Sight(prompts=by.prompts)
