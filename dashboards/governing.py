"""What channels ask for, as a page with a form.

Knows the fields of a rule. Refuses to decide anything: the Store does.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.moves import NOT_ALLOWED
from dashboards.policies import fields_of, policy_of, typed_policy
from dashboards.prompt import Attempt, refused
from registry.errors import RegistryError
from registry.policy import write_policy
from registry.rules import ANY, Rule
from registry.storage.reader import STABLE
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]


def add_rules(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/rules`."""

    def show(request: Request, attempt: Attempt, slug: str, channel: str) -> HTMLResponse:
        me = frame.visitor(request)
        rules = [rule for rule in store.rules() if rule.slug == ANY or me.sees(rule.slug)]
        present = next((rule for rule in rules if (rule.slug, rule.channel) == (slug, channel)), None)
        fields = fields_of(present.policy if present else None)
        return frame.page(
            request,
            "rules.html",
            status=attempt.status,
            rules=rules,
            rule=present or Rule(slug=slug, channel=channel),
            attempt=attempt,
            policy=typed_policy(attempt.of("rule"), fields),
            datasets=[each.name for each in store.datasets() if me.sees(each.name) and each.archived_at is None],
        )

    @router.get("/rules")
    def list_rules(request: Request, slug: str = ANY, channel: str = STABLE) -> HTMLResponse:
        return show(request, Attempt(), slug, channel)

    @router.post("/rules")
    def protect(request: Request, form: Sent) -> Response:
        place = form.text("slug"), form.text("channel") or STABLE
        try:
            if "dataset" in form.fields:
                policy = policy_of(form)
            else:  # a form without fields for a policy must not take one away
                present = next((rule.policy for rule in store.rules() if (rule.slug, rule.channel) == place), None)
                policy = None if present is None else write_policy(present)
            store.protect(
                form.text("slug"),
                channel=form.text("channel") or STABLE,
                approvals=form.whole("approvals") or 0,
                evaluation=form.checked("evaluation"),
                holdback=form.share("holdback") or 0.0,
                policy=policy,
                reason=form.text("reason"),
                by=frame.who(request),
            )
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show(request, refused("rule", form, error), form.text("slug"), form.text("channel"))
        return see_other("/rules")
