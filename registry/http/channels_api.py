"""Channels over HTTP: promotion, rollback, rollout, scheduled moves, what channels ask for, requests and their reviews, the audit.

Knows routes, headers and status codes of success. Refuses to decide anything: that is the Store's, as in `registry.http.api`.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from registry.http.governance_schemas import (
    AskBody,
    LackingOut,
    ProtectBody,
    RequestList,
    RequestOut,
    ReviewBody,
    RuleList,
    RuleOut,
)
from registry.http.history_schemas import AuditOut, HistoryList, LiveList
from registry.http.move_schemas import (
    MoveOut,
    PromoteBody,
    ReasonBody,
    RollbackBody,
    RolloutBody,
    ScheduleBody,
    ScheduleList,
    ScheduleOut,
)
from registry.http.terms import By, Terms, terms_of
from registry.reference import check_slug
from registry.roles import permit
from registry.rules import ANY
from registry.split import Arm
from registry.writing.audit import verify
from registry.writing.store import Store


def build_router(store: Store, by: By) -> APIRouter:
    """The routes of channels; `by` says who asks."""
    router = APIRouter(prefix="/api", tags=["channels"])
    _add_moves(router, store, by)
    _add_schedules(router, store, by)
    _add_requests(router, store, by)
    _add_audit(router, store, by)
    return router


def _add_moves(router: APIRouter, store: Store, by: By) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806 - a type, made here because `by` is

    @router.post("/prompts/{slug}/channels/{name}/promote")
    def promote(slug: str, name: str, body: PromoteBody, given: Conditions) -> MoveOut:
        """Put a version on a channel. Once this has answered, no call is served by the old version."""
        move = store.promote(
            slug,
            body.version,
            channel=name,
            reason=body.reason,
            holdback=body.holdback,
            holdback_hours=body.holdback_hours,
            evidence=body.evidence,
            **given.write(),
        )
        return MoveOut.of(move)

    @router.post("/prompts/{slug}/channels/{name}/rollback")
    def rollback(slug: str, name: str, body: RollbackBody, given: Conditions) -> MoveOut:
        """Put back the version that was live on a channel before."""
        move = store.rollback(
            slug, channel=name, to=body.to, reason=body.reason, evidence=body.evidence, **given.write()
        )
        return MoveOut.of(move)

    @router.post("/prompts/{slug}/channels/{name}/rollout")
    def rollout(slug: str, name: str, body: RolloutBody, given: Conditions) -> MoveOut:
        """Give versions a share of a channel beside its own; no arms give everybody the channel's own version."""
        arms = [Arm(version=arm.version, share=arm.share) for arm in body.arms]
        move = store.rollout(
            slug,
            arms,
            channel=name,
            sticky=body.sticky,
            reason=body.reason,
            evidence=body.evidence,
            **given.write(),
        )
        return MoveOut.of(move)

    @router.get("/prompts/{slug}/channels/{name}/missing")
    def get_missing(slug: str, name: str, version: Annotated[int, Query(ge=1)], request: Request) -> LackingOut:
        """What a channel still asks for before a version may go onto it."""
        permit(by(request), "inspect", slug=check_slug(slug))
        store.version(slug, version)  # says so where there is no such version
        return LackingOut(slug=slug, channel=name, version=version, missing=[*store.lacking(slug, name, version)])

    @router.get("/rules")
    def list_rules(request: Request) -> RuleList:
        """What channels ask for before a version gets onto them."""
        me = by(request)
        permit(me, "inspect")
        return RuleList(rules=[RuleOut.of(rule) for rule in store.rules() if rule.slug == ANY or me.sees(rule.slug)])

    @router.put("/rules/{slug}/{channel}")
    def put_rule(slug: str, channel: str, body: ProtectBody, given: Conditions) -> RuleOut:
        """Say what a channel asks for, of one prompt or, with `*`, of every prompt. All zero takes the rule away."""
        return RuleOut.of(store.protect(slug, channel=channel, **body.model_dump(), **given.said()))


def _add_schedules(router: APIRouter, store: Store, by: By) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806

    @router.post("/prompts/{slug}/channels/{name}/schedule", status_code=201)
    def schedule(slug: str, name: str, body: ScheduleBody, given: Conditions) -> ScheduleOut:
        """Put a version on a channel at a time to come; what the channel asks for must be there by then."""
        planned = store.schedule(
            slug,
            body.version,
            at=body.at,
            channel=name,
            reason=body.reason,
            idempotency_key=given.idempotency_key,
            **given.said(),
        )
        return ScheduleOut.of(planned)

    @router.get("/schedules")
    def list_schedules(request: Request, prompt: str | None = None, state: str | None = None) -> ScheduleList:
        """Scheduled moves, those due first in front."""
        me = by(request)
        permit(me, "inspect", slug=prompt)
        found = [each for each in store.schedules(prompt, state=state) if me.sees(each.slug)]
        return ScheduleList(schedules=[ScheduleOut.of(each) for each in found])

    @router.post("/schedules/{schedule_id}/cancel")
    def cancel(schedule_id: str, given: Conditions, body: ReasonBody | None = None) -> ScheduleOut:
        """Take a scheduled move back."""
        return ScheduleOut.of(store.cancel(schedule_id, reason=body.reason if body else "", **given.said()))


def _add_requests(router: APIRouter, store: Store, by: By) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806

    @router.post("/prompts/{slug}/requests", status_code=201)
    def ask(slug: str, body: AskBody, given: Conditions) -> RequestOut:
        """Ask that a version be promoted."""
        asked = store.ask(
            slug,
            body.version,
            channel=body.channel,
            reason=body.reason,
            idempotency_key=given.idempotency_key,
            **given.said(),
        )
        return RequestOut.of(asked)

    @router.get("/requests")
    def list_requests(request: Request, prompt: str | None = None, state: str | None = None) -> RequestList:
        """Requests for promotions, newest first."""
        me = by(request)
        permit(me, "inspect", slug=prompt)
        found = [each for each in store.requests(prompt, state=state) if me.sees(each.slug)]
        return RequestList(requests=[RequestOut.of(each) for each in found])

    @router.get("/requests/{request_id}")
    def get_request(request_id: str, request: Request) -> RequestOut:
        """One request with its reviews, and what the channel still asks for."""
        me = by(request)
        permit(me, "inspect")
        found = store.request(request_id)
        permit(me, "inspect", slug=found.slug)
        return RequestOut.of(found)

    @router.post("/requests/{request_id}/reviews", status_code=201)
    def review(request_id: str, body: ReviewBody, given: Conditions) -> RequestOut:
        """Approve, reject or comment."""
        key = given.idempotency_key
        found = store.review(request_id, body.kind, text=body.text, idempotency_key=key, **given.said())
        return RequestOut.of(found)

    @router.post("/requests/{request_id}/withdraw")
    def withdraw(request_id: str, given: Conditions, body: ReasonBody | None = None) -> RequestOut:
        """Take a request back."""
        return RequestOut.of(store.withdraw(request_id, reason=body.reason if body else "", **given.said()))


def _add_audit(router: APIRouter, store: Store, by: By) -> None:
    @router.get("/live")
    def get_live(request: Request, time: datetime | None = None, prompt: str | None = None) -> LiveList:
        """What every channel serves, or served at a time: which version, and who put it there, when and why."""
        me = by(request)
        permit(me, "inspect", slug=None if prompt is None else check_slug(prompt))
        when = datetime.now(UTC) if time is None else time if time.tzinfo else time.replace(tzinfo=UTC)
        return LiveList.of(when, [entry for entry in store.live_at(when, prompt) if me.sees(entry.slug)])

    @router.get("/audit")
    def get_audit(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(description="only writes before this revision")] = None,
    ) -> HistoryList:
        """Every write to the registry, newest first."""
        me = by(request)
        permit(me, "inspect")
        page = HistoryList.of(store.history(limit=limit, before_revision=before), limit)
        page.events = [event for event in page.events if me.sees(event.slug)]
        return page

    @router.get("/audit/verify")
    def verify_audit(
        request: Request,
        head: Annotated[
            str | None, Query(description="REVISION:HASH as it was noted once: it must still be there")
        ] = None,
    ) -> AuditOut:
        """Whether the history is whole: its hash chain, and that versions, channels, rules and keys stand as it says."""
        permit(by(request), "inspect")
        return AuditOut.of(verify(store, head=head))
