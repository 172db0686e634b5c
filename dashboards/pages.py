"""The pages: one router of all of them, which of them the rail leads to, and the style sheets and scripts.

Knows which pages there are. Each stands in a module of its own; `dashboards.frame` is around all of them.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response

from dashboards.alerts import add_alerts
from dashboards.around import Around
from dashboards.asking import Evaluating
from dashboards.call_pages import add_call_pages
from dashboards.case_files import add_case_files
from dashboards.cases import add_cases
from dashboards.datasets import add_datasets
from dashboards.drift import add_drift
from dashboards.editing import add_editing
from dashboards.evaluating import add_evaluating
from dashboards.evaluations import add_evaluations
from dashboards.frame import HEADERS, Frame, Room
from dashboards.from_call import add_from_call
from dashboards.governing import add_rules
from dashboards.health import add_health
from dashboards.home import add_home
from dashboards.key_pages import add_keys
from dashboards.moves import add_moves
from dashboards.past import add_past
from dashboards.playing import Playing
from dashboards.prompt import add_prompt
from dashboards.quality import add_quality
from dashboards.reviews import add_reviews
from dashboards.share_pages import add_shares, can_be_shared
from dashboards.signing_pages import add_signing
from dashboards.versions import add_versions
from dashboards.viewer import add_viewer
from registry.http.terms import By
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.event import Event

ROOMS = (
    Room(href="/", icon="scroll-text", name="Prompts", key="p"),
    Room(href="/playground", icon="square-terminal", name="Playground", key="l"),
    Room(href="/calls", icon="rows-3", name="Calls", key="c"),
    Room(href="/traces", icon="list-tree", name="Traces", key="t"),
    Room(href="/requests", icon="git-pull-request-arrow", name="Requests", key="r"),
    Room(href="/datasets", icon="database", name="Datasets", key="d"),
    Room(href="/evaluations", icon="flask-conical", name="Evaluations", key="e"),
    Room(href="/drift", icon="activity", name="What changed", key="w"),
    Room(href="/alerts", icon="bell", name="Alerts", key="a"),
    Room(href="/live", icon="rewind", name="Live at a time", key="v"),
    Room(href="/rules", icon="shield-check", name="Rules", key="u"),
    Room(href="/audit", icon="history", name="Audit log", key="h"),
    Room(href="/keys", icon="key-round", name="Keys and people", key="k", action="manage keys"),
    Room(href="/shares", icon="share-2", name="Shared pages", key="i", action="share"),
    Room(href="/settings", icon="heart-pulse", name="Settings and health", key="s"),
)
"""Where the rail leads, of what there is."""


def build_router(
    store: Store,
    clickhouse: ClickHouse,
    by: By,
    *,
    evaluating: Evaluating,
    playing: Playing,
    around: Around,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    record: Callable[[Event], bool],
) -> APIRouter:
    """The pages' routes. `by` says who asks, `now` the time; `new_id` gives what makes a form count once, however often it is sent.

    `evaluating` plans and starts evaluations, `playing` makes calls that people try. `record` puts what people say of calls on disk, and
    says whether it is there. `around` is for the pages about people and the server.
    """
    signing, public_url = around.signing, around.public_url
    frame = Frame(by=by, signing=signing, now=now, new_id=new_id)
    router = APIRouter(include_in_schema=False, route_class=frame.route())
    _add_statics(router, frame)
    add_viewer(router, frame, signing)
    add_signing(router, frame, signing, public_url)
    add_home(router, frame, store, clickhouse)
    add_editing(router, frame, store)
    add_versions(router, frame, store)
    add_moves(router, frame, store)
    add_reviews(router, frame, store)
    add_alerts(router, frame, store)
    add_past(router, frame, store)
    add_rules(router, frame, store)
    add_prompt(router, frame, store)
    add_datasets(router, frame, store)
    add_cases(router, frame, store)
    add_case_files(router, frame, store)
    add_from_call(router, frame, store, clickhouse)
    add_evaluating(router, frame, store, evaluating)
    add_evaluations(router, frame, store, evaluating)
    add_quality(router, frame, store, clickhouse)
    add_drift(router, frame, store, clickhouse)
    add_call_pages(router, frame, store, clickhouse, record=record, playing=playing)
    add_keys(router, frame, around.keys, around.people, around.use)
    add_health(router, frame, around.health)
    add_shares(router, frame, store, around.shares, public_url)
    frame.can_be_shared = can_be_shared
    there = {getattr(route, "path", "") for route in router.routes}
    frame.rooms = tuple(room for room in ROOMS if room.href in there)
    return router


def _add_statics(router: APIRouter, frame: Frame) -> None:
    @router.get("/static/{name}")
    def static(name: str) -> Response:
        # Pages name it with its hash, so it is asked for once.
        found = frame.statics.get(name)
        if found is None:
            return Response(status_code=404, headers=HEADERS)
        headers = {"cache-control": "max-age=31536000, immutable", "x-content-type-options": "nosniff"}
        return Response(found.content, media_type=found.media_type, headers=headers)
