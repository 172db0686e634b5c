"""Monitors and alerts over HTTP: what is watched, what was found, and what somebody does about it.

Knows routes and status codes of success. Refuses to decide anything: the Store does. RegistryErrors are left to the application.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from registry.http.alert_schemas import (
    AcknowledgeBody,
    AlertList,
    AlertOut,
    MonitorBody,
    MonitorList,
    MonitorOut,
    MuteBody,
)
from registry.http.terms import By, Terms, terms_of
from registry.monitors import listed
from registry.roles import permit
from registry.rules import ANY
from registry.writing.store import Store


def build_router(store: Store, by: By, now: Callable[[], datetime]) -> APIRouter:
    """The routes of monitors and alerts; `by` says who asks, `now` the time."""
    router = APIRouter(prefix="/api", tags=["alerts"])
    _add_monitors(router, store, by)
    _add_alerts(router, store, by, now)
    return router


def _add_monitors(router: APIRouter, store: Store, by: By) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806 - a type, made here because `by` is

    @router.get("/monitors")
    def list_monitors(request: Request) -> MonitorList:
        """What was declared to be watched, and the defaults that nothing was declared in place of."""
        me = by(request)
        permit(me, "inspect")
        shown = [each for each in listed(store.monitors()) if each.slug == ANY or me.sees(each.slug)]
        return MonitorList(monitors=[MonitorOut.of(each) for each in shown])

    @router.put("/monitors")
    def put_monitor(body: MonitorBody, given: Conditions) -> MonitorOut:
        """Declare what is watched of a prompt's metric, or of every prompt's; in place of what was declared before."""
        return MonitorOut.of(store.set_monitor(body.monitor(), reason=body.reason, **given.said()))

    @router.delete("/monitors")
    def delete_monitor(
        given: Conditions,
        prompt: Annotated[str, Query(description="a slug, or *")],
        metric: Annotated[str, Query()],
        reason: str = "",
    ) -> MonitorOut:
        """Take away what was declared; gives it. What is for all prompts, or the default, counts from then on."""
        return MonitorOut.of(store.remove_monitor(prompt, metric, reason=reason, **given.said()))


def _add_alerts(router: APIRouter, store: Store, by: By, now: Callable[[], datetime]) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806

    @router.get("/alerts")
    def list_alerts(
        request: Request,
        state: Literal["open", "acknowledged", "closed"] | None = None,
        prompt: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> AlertList:
        """Alerts, newest first."""
        me = by(request)
        permit(me, "inspect", slug=prompt)
        found = store.alerts(state=state, slug=prompt, limit=limit)
        return AlertList(alerts=[AlertOut.of(each, now()) for each in found if all(map(me.sees, each.prompts))])

    @router.get("/alerts/{alert_id}")
    def get_alert(alert_id: str, request: Request) -> AlertOut:
        """One alert, with who was told of it."""
        me = by(request)
        permit(me, "inspect")
        alert = store.alert(alert_id)
        for slug in alert.prompts:
            permit(me, "inspect", slug=slug)
        return AlertOut.of(alert, now())

    @router.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(alert_id: str, given: Conditions, body: AcknowledgeBody | None = None) -> AlertOut:
        """Say that it was seen: from now on, what the metric has been since the change is what counts as usual."""
        return AlertOut.of(store.acknowledge(alert_id, text=body.note if body else "", **given.said()), now())

    @router.post("/alerts/{alert_id}/mute")
    def mute(alert_id: str, body: MuteBody, given: Conditions) -> AlertOut:
        """Tell nobody until a time; if it is still open then, it is told once more."""
        return AlertOut.of(store.mute(alert_id, until=body.until, text=body.note, **given.said()), now())
