"""The pages: one router of all of them, and what belongs to none, such as the style sheet, the theme and signing in.

Knows which pages there are. Each stands in a module of its own; `dashboards.frame` is around all of them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from dashboards.alerts import add_alerts
from dashboards.asking import Evaluating
from dashboards.call_pages import add_call_pages
from dashboards.case_files import add_case_files
from dashboards.cases import add_cases
from dashboards.datasets import add_datasets
from dashboards.drift import add_drift
from dashboards.editing import add_editing
from dashboards.evaluating import add_evaluating
from dashboards.evaluations import add_evaluations
from dashboards.forms import Form, read_form
from dashboards.frame import HEADERS, THEME, THEMES, Frame, see_other
from dashboards.from_call import add_from_call
from dashboards.governing import add_rules
from dashboards.home import add_home
from dashboards.moves import add_moves
from dashboards.past import add_past
from dashboards.playing import Playing
from dashboards.prompt import add_prompt
from dashboards.quality import add_quality
from dashboards.reviews import add_reviews
from dashboards.versions import add_versions
from registry.http.terms import By
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.event import Event

_YEAR = 365 * 24 * 3600


def build_router(
    store: Store,
    clickhouse: ClickHouse,
    by: By,
    *,
    evaluating: Evaluating,
    playing: Playing,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    record: Callable[[Event], bool],
) -> APIRouter:
    """The pages' routes. `by` says who asks, `now` the time; `new_id` gives what makes a form count once, however often it is sent.

    `evaluating` plans and starts evaluations, `playing` makes calls that people try. `record` puts what people say of calls on disk, and
    says whether it is there.
    """
    frame = Frame(by=by, now=now, new_id=new_id)
    router = APIRouter(include_in_schema=False, route_class=frame.route())
    _add_around(router, frame)
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
    return router


def _add_around(router: APIRouter, frame: Frame) -> None:
    @router.get("/static/app.css")
    def stylesheet() -> Response:
        # The pages name it with its hash, so it is asked for once.
        return Response(frame.css, media_type="text/css", headers={"cache-control": "max-age=31536000, immutable"})

    @router.post("/theme")
    def theme(form: Annotated[Form, Depends(read_form)]) -> Response:
        back = form.text("back")
        answer = see_other(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/")
        chosen = form.text("theme")
        if chosen in THEMES:
            answer.set_cookie(THEME, chosen, max_age=_YEAR, httponly=True, samesite="lax")
        else:
            answer.delete_cookie(THEME)
        return answer

    @router.get("/sign-in")
    def sign_in(request: Request) -> Response:
        """On a server that lets this machine in without a key: makes the browser ask for one, and send it from then on."""
        if frame.who(request).verified:
            return see_other("/")
        challenge = {"www-authenticate": 'Basic realm="Slugline: any name, and a key as password"'}
        page = frame.refusal(request, "Signing in takes a key: any name, and the key as password.", status=401)
        page.headers.update({**HEADERS, **challenge})
        return page
