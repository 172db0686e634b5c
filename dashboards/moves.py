"""The forms on a prompt's page: promote, roll back, split, schedule, ask, describe, archive.

Knows which field of a form is which argument of the Store's. Refuses to decide anything: the Store does, and a form that it refuses is
shown again as it was typed, with the reason. A promotion, a rollout and an archiving hold only if nobody changed the prompt since the
page was read; a rollback always holds, and names the version that it goes back to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.prompt import refused, show
from registry.errors import (
    AuthChannelNotAllowedError,
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    PromptReferenceInvalidError,
    RegistryError,
)
from registry.split import Arm
from registry.storage.reader import STABLE
from registry.values import Move
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
NOT_ALLOWED = (AuthRoleNotAllowedError, AuthPromptNotAllowedError, AuthChannelNotAllowedError)
"""Refusals that no other input would mend: the form isn't shown to whoever gets them."""
MOST_ARMS = 10


def add_moves(router: APIRouter, frame: Frame, store: Store) -> None:
    """What the forms post to."""
    _add_moves(router, frame, store)
    _add_plans(router, frame, store)
    _add_prompt(router, frame, store)


def _add_moves(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.post("/prompts/{slug}/promote")
    def promote(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            moved = store.promote(
                slug,
                form.needed("version"),
                channel=_channel(form),
                reason=form.text("reason"),
                holdback=form.share("holdback"),
                by=frame.who(request),
                if_match=form.whole("revision"),
                idempotency_key=form.text("once"),
            )
            return _moved(frame, store, request, moved)

        return _tried(frame, store, request, slug, "promote", form, act)

    @router.post("/prompts/{slug}/rollback")
    def rollback(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            moved = store.rollback(
                slug,
                channel=_channel(form),
                to=form.whole("to"),
                reason=form.text("reason"),
                by=frame.who(request),
                idempotency_key=form.text("once"),
            )
            return _moved(frame, store, request, moved)

        return _tried(frame, store, request, slug, f"rollback-{form.text('channel')}", form, act)

    @router.post("/prompts/{slug}/rollout")
    def rollout(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            variable = form.text("variable")
            moved = store.rollout(
                slug,
                _arms(form, store, slug),
                channel=_channel(form),
                sticky=f"variable:{variable}" if form.text("sticky") == "variable" else form.text("sticky"),
                reason=form.text("reason"),
                by=frame.who(request),
                if_match=form.whole("revision"),
                idempotency_key=form.text("once"),
            )
            return _moved(frame, store, request, moved)

        return _tried(frame, store, request, slug, "rollout", form, act)


def _add_plans(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.post("/prompts/{slug}/schedule")
    def schedule(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            planned = store.schedule(
                slug,
                form.needed("version"),
                at=form.time("at"),
                channel=_channel(form),
                reason=form.text("reason"),
                by=frame.who(request),
                idempotency_key=form.text("once"),
            )
            return _back(slug, planned.channel, planned.revision)

        return _tried(frame, store, request, slug, "schedule", form, act)

    @router.post("/schedules/{schedule_id}/cancel")
    def cancel(schedule_id: str, request: Request, form: Sent) -> Response:
        planned = store.cancel(schedule_id, reason=form.text("reason"), by=frame.who(request))
        return _back(planned.slug, planned.channel, planned.revision)

    @router.post("/prompts/{slug}/request")
    def ask(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            asked = store.ask(
                slug,
                form.needed("version"),
                channel=_channel(form),
                reason=form.text("reason"),
                by=frame.who(request),
                idempotency_key=form.text("once"),
            )
            return see_other(f"/requests/{quote(asked.request_id)}")

        return _tried(frame, store, request, slug, "request", form, act)


def _add_prompt(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.post("/prompts/{slug}/describe")
    def describe(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            tags = [tag.strip() for tag in form.text("tags").split(",")]
            prompt = store.describe(
                slug,
                owner=form.text("owner"),
                purpose=form.text("purpose"),
                tags=[tag for tag in tags if tag],
                by=frame.who(request),
                if_match=form.whole("revision"),
            )
            return _back(slug, STABLE, prompt.revision)

        return _tried(frame, store, request, slug, "describe", form, act)

    @router.post("/prompts/{slug}/archive")
    def archive(slug: str, request: Request, form: Sent) -> Response:
        def act() -> Response:
            shelve = store.restore if form.text("then") == "restore" else store.archive
            prompt = shelve(slug, reason=form.text("reason"), by=frame.who(request), if_match=form.whole("revision"))
            return _back(slug, STABLE, prompt.revision)

        return _tried(frame, store, request, slug, "archive", form, act)


def _tried(
    frame: Frame, store: Store, request: Request, slug: str, name: str, form: Form, act: Callable[[], Response]
) -> Response:
    """What the form did; or the page with the form as it was typed, where another input could mend it."""
    try:
        return act()
    except NOT_ALLOWED:
        raise
    except RegistryError as error:
        attempt = refused(name, form, error)
        channel, version = form.text("channel") or STABLE, None
        try:
            version = form.whole("version")
            return show(frame, store, request, slug, channel=channel, version=version, attempt=attempt)
        except RegistryError as other:
            if isinstance(error, PromptReferenceInvalidError) or type(other) is type(error):
                raise error from None
            return show(frame, store, request, slug, attempt=attempt)


def _channel(form: Form) -> str:
    return form.text("channel") or STABLE


def _arms(form: Form, store: Store, slug: str) -> list[Arm]:
    """The versions and shares that were typed. A hold-back that runs goes on, unless it is told to end."""
    typed = []
    for place in range(MOST_ARMS):
        version, share = form.whole(f"version_{place}"), form.share(f"share_{place}")
        if share and version is not None:
            typed.append(Arm(version=version, share=share))
    split = store.prompt(slug).splits.get(_channel(form))
    held = [arm for arm in split.arms if arm.kind == "holdback"] if split and not form.checked("end_holdback") else []
    return [*typed, *held]


def _moved(frame: Frame, store: Store, request: Request, moved: Move) -> Response:
    """Where to look after a move. Workers that couldn't be reached are named at once: the next page wouldn't know them."""
    if moved.served is not None and moved.served.missing:
        late = ", ".join(one.worker for one in moved.served.missing)
        notice = (
            f"Done: {moved.channel} is on version {moved.to_version}. Not reached in time: {late}; such a worker serves "
            "nothing of what it last knew as fresh."
        )
        return show(frame, store, request, moved.slug, channel=moved.channel, notice=notice)
    return _back(moved.slug, moved.channel, moved.revision if moved.changed else None)


def _back(slug: str, channel: str, revision: int | None) -> Response:
    done = "nothing" if revision is None else str(revision)
    return see_other(f"/prompts/{quote(slug)}?channel={quote(channel)}&done={done}")
