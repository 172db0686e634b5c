"""The playground: a version tried with variables and messages on any model, two side by side, and what is worth keeping kept.

Knows the page, with and without JavaScript: sent as a form, it waits for whole answers; with a script, answers come as events. Refuses to
know how calls are made (`dashboards.playing`). Trying costs money, so it takes a role that may call models.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.event_stream import EventStream
from dashboards.forms import Form, read_form
from dashboards.frame import Frame, may, see_other
from dashboards.playing import Begun, Ended, Playing, Step, Try, Words
from dashboards.trying import Side, Tried, draft_in, tried_of_address, tried_of_form
from registry.errors import AuthPromptNotAllowedError, PromptInvalidError, RegistryError
from registry.roles import Principal, permit
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.search.filters import Sight
from tracing.search.find import find_call

Sent = Annotated[Form, Depends(read_form)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one side."""

    text: str = ""
    begun: Begun = field(default_factory=lambda: Begun(call_id=""))
    ended: Ended = field(default_factory=Ended)


def add_playground(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse, playing: Playing) -> None:
    """`/playground`, and `/playground/run`, which its script asks for one side's answer."""

    def show(
        request: Request, tried: Tried, *, answers: Mapping[str, Answer] | None = None, problem: str = ""
    ) -> HTMLResponse:
        me = frame.who(request)
        slugs = [each.slug for each in store.prompts() if me.sees(each.slug) and each.archived_at is None]
        told: dict[str, Any] = {
            "tried": tried,
            "slugs": slugs,
            "models": list(dict.fromkeys((*tried.models, *playing.models()))),
            "answers": answers or {},
            "problem": problem,
            "may_run": may(me, "call", tried.slug or None),
            "may_save": bool(tried.slug) and may(me, "save", tried.slug),
        }
        return frame.page(request, "playground.html", status=400 if problem else 200, **told)

    @router.get("/playground")
    async def get_playground(request: Request, call: str = "") -> Response:
        me = frame.visitor(request)
        recorded: Mapping[str, Any] | None = None
        if call.strip():
            recorded = await find_call(clickhouse, call.strip(), Sight(prompts=me.prompts), with_spans=False)
        query = dict(request.query_params)

        def shown() -> Response:
            tried = tried_of_address(store, me, query, recorded)
            return show(request, tried, problem=tried.problem)

        return await to_thread.run_sync(shown)

    @router.post("/playground")
    async def post_playground(request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        tried = await to_thread.run_sync(tried_of_form, store, me, form)
        save = next((side for side in tried.sides if form.text("action") == f"save-{side.name}"), None)
        try:
            if save is not None:
                return await to_thread.run_sync(_saved, store, me, tried, save, form)
            if form.text("action") == "show":
                return await to_thread.run_sync(lambda: show(request, tried))
            asked = [(side.name, await to_thread.run_sync(_asked, me, tried, side)) for side in tried.sides]
        except (RegistryError, PromptInvalidError) as error:
            message = error.message
            return await to_thread.run_sync(lambda: show(request, tried, problem=message))
        found = await asyncio.gather(*(_whole(playing.run(me, each)) for _, each in asked))
        answers = dict(zip((name for name, _ in asked), found, strict=True))
        return await to_thread.run_sync(lambda: show(request, tried, answers=answers))

    @router.post("/playground/run")
    async def run(request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        tried = await to_thread.run_sync(tried_of_form, store, me, form)
        side = next((each for each in tried.sides if each.name == form.text("side")), tried.sides[0])
        try:
            asked = await to_thread.run_sync(_asked, me, tried, side)
        except (RegistryError, PromptInvalidError) as error:
            return EventStream(_only(Ended(error=error.message)))
        return EventStream(_events(playing.run(me, asked)))


def _asked(me: Principal, tried: Tried, side: Side) -> Try:
    """What a side asks. Raises RegistryError for what can't be read, and for who may not."""
    permit(me, "call", slug=tried.slug or None)
    if me.prompts and not tried.slug:
        raise AuthPromptNotAllowedError(
            f"{me.name} may use the prompts {', '.join(me.prompts[:20])} only: choose one of them", param="prompt"
        )
    return tried.asked(side)


def _saved(store: Store, me: Principal, tried: Tried, side: Side, form: Form) -> Response:
    """The edited text of a side as the prompt's next version."""
    permit(me, "save", slug=tried.slug)
    content = draft_in(side)
    if content is None:
        raise PromptInvalidError(
            f"the text of side {side.name.upper()} is that of version {side.version}: change it first"
        )
    saved = store.save(
        tried.slug, content, message=form.text(f"message_{side.name}"), by=me, if_match=form.needed("revision"),
        idempotency_key=form.text("once"),
    )  # fmt: skip
    done = "saved" if saved.created else "identical"
    return see_other(f"/prompts/{quote(tried.slug)}/versions/{saved.version.number}?done={done}")


async def _whole(steps: AsyncGenerator[Step]) -> Answer:
    """A side's answer, once it is over."""
    text, begun, ended = "", Begun(call_id=""), Ended()
    async with aclosing(steps):
        async for step in steps:
            match step:
                case Words():
                    text += step.text
                case Begun():
                    begun = step
                case Ended():
                    ended = step
    return Answer(text=text, begun=begun, ended=ended)


async def _events(steps: AsyncGenerator[Step]) -> AsyncGenerator[bytes]:
    async with aclosing(steps):
        async for step in steps:
            yield _event(step)


async def _only(step: Step) -> AsyncGenerator[bytes]:
    yield _event(step)


def _event(step: Step) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (type(step).__name__.lower().encode(), orjson.dumps(asdict(step)))
