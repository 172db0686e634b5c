"""Alerts: what changed and who was told, the forms to acknowledge and to mute one, and what is watched.

Knows how they are shown and which form is which act. Refuses to decide anything: the Store does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.moves import NOT_ALLOWED
from dashboards.prompt import Attempt, refused
from registry.alerts import ALERT_STATES, Alert
from registry.errors import AlertNotFoundError, PromptInvalidError, RegistryError
from registry.monitors import listed
from registry.roles import permit
from registry.rules import ANY
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]

MUTES = {"4": "4 hours", "24": "a day", "168": "a week"}
"""How long an alert can be muted by the form: hours, and how they are called."""

_ALL = "all"


def add_alerts(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/alerts` and `/alerts/{id}`."""

    def seen(request: Request, alert_id: str) -> Alert:
        me = frame.visitor(request)
        alert = store.alert(alert_id)
        for slug in alert.prompts:
            permit(me, "inspect", slug=slug)
        return alert

    def show(request: Request, alert: Alert, attempt: Attempt) -> HTMLResponse:
        return frame.page(
            request,
            "alert.html",
            status=attempt.status,
            alert=alert,
            standing=alert.standing(frame.now()),
            mutes=MUTES,
            attempt=attempt,
        )

    @router.get("/alerts")
    def list_alerts(request: Request, state: str = "open", prompt: str = "") -> HTMLResponse:
        me = frame.visitor(request, slug=prompt or None)
        wanted = state if state in ALERT_STATES else None
        found = store.alerts(state=wanted, slug=prompt or None)
        return frame.page(
            request,
            "alerts.html",
            found=[each for each in found if all(map(me.sees, each.prompts))],
            monitors=[each for each in listed(store.monitors()) if each.slug == ANY or me.sees(each.slug)],
            state=wanted or _ALL,
            states=(*ALERT_STATES, _ALL),
            prompt=prompt,
        )

    @router.get("/alerts/{alert_id}")
    def get_alert(alert_id: str, request: Request) -> HTMLResponse:
        return show(request, seen(request, alert_id), Attempt())

    @router.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(alert_id: str, request: Request, form: Sent) -> Response:
        seen(request, alert_id)
        try:
            store.acknowledge(alert_id, text=form.text("text"), by=frame.who(request))
        except (*NOT_ALLOWED, AlertNotFoundError):
            raise
        except RegistryError as error:
            return show(request, store.alert(alert_id), refused("acknowledge", form, error))
        return see_other(f"/alerts/{quote(alert_id)}")

    @router.post("/alerts/{alert_id}/mute")
    def mute(alert_id: str, request: Request, form: Sent) -> Response:
        seen(request, alert_id)
        try:
            until = frame.now() + timedelta(hours=_hours(form))
            store.mute(alert_id, until=until, text=form.text("text"), by=frame.who(request))
        except (*NOT_ALLOWED, AlertNotFoundError):
            raise
        except RegistryError as error:
            return show(request, store.alert(alert_id), refused("mute", form, error))
        return see_other(f"/alerts/{quote(alert_id)}")


def _hours(form: Form) -> int:
    if form.text("hours") not in MUTES:
        raise PromptInvalidError(f"an alert is muted for {', '.join(MUTES.values())}", param="hours")
    return int(form.text("hours"))
