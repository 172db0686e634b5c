"""One call: what was said, which version answered and why that one, what it cost, what people and judges said of it; the same as JSON.

Knows the page, and the form that gives a call a score. Refuses to know how a call is read (`dashboards.call_reading`), why it got its
version (`dashboards.call_why`), and where scores go: it is handed a function that records them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import ValidationError

from dashboards.call_list import shown_value
from dashboards.call_reading import Reading, attempts_of, not_kept, price_of, read_call
from dashboards.call_why import Why, overridden, why
from dashboards.forms import Form, read_form
from dashboards.frame import HEADERS, Frame, see_other
from dashboards.versions import Block, blocks
from dashboards.zones import zone_of
from registry.errors import PromptInvalidError, RegistryError
from registry.roles import Principal, permit
from registry.values import Prompt
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.event import Event
from tracing.score_reads import score_histories
from tracing.scores import Score, deletion, score_events
from tracing.search.filters import Sight
from tracing.search.find import find_call
from tracing.search.rows import as_json

Sent = Annotated[Form, Depends(read_form)]
VIEWS = ("rendered", "template", "raw")
_HISTORY = 500
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """All that the page shows. `template` is the version's own text, empty where the call names none that is there."""

    call: Mapping[str, Any]
    ts: datetime
    reading: Reading
    why: Why
    prompt: Prompt | None
    template: Sequence[Block]
    histories: Mapping[str, Sequence[Mapping[str, Any]]]


def add_call(
    router: APIRouter,
    frame: Frame,
    store: Store,
    clickhouse: ClickHouse,
    record: Callable[[Event], bool],
) -> None:
    """`/calls/{call_id}`, its twin, and the forms for its scores."""

    async def gathered(me: Principal, call_id: str, zone: tzinfo) -> CallView:
        call = await find_call(clickhouse, call_id.strip(), Sight(prompts=me.prompts), with_spans=False)
        histories = await score_histories(clickhouse, [each["score_id"] for each in call["scores"]])
        return await to_thread.run_sync(lambda: view_of(store, call, histories, zone))

    @router.get("/calls/{call_id}.json")
    async def get_json(call_id: str, request: Request) -> Response:
        view = await gathered(frame.visitor(request), call_id, zone_of(request))
        told = {**view.call, "why": list(view.why.sentences), "not_kept": not_kept(view.call)}
        histories = {name: [as_json(each) for each in events] for name, events in view.histories.items()}
        return JSONResponse({**told, "score_history": histories}, headers=HEADERS)

    @router.get("/calls/{call_id}")
    async def get_call(call_id: str, request: Request, view: str = VIEWS[0], done: str = "") -> HTMLResponse:
        return await shown(request, call_id, view=view, done=done)

    async def shown(
        request: Request,
        call_id: str,
        *,
        view: str = VIEWS[0],
        done: str = "",
        form: Form | None = None,
        problem: str = "",
    ) -> HTMLResponse:
        found = await gathered(frame.visitor(request), call_id, zone_of(request))
        told: dict[str, Any] = {
            "seen": found,
            "call": found.call,
            "chosen": view if view in VIEWS else VIEWS[0],
            "views": VIEWS,
            "overridden": overridden(found.call),
            "not_kept": not_kept(found.call),
            "price": price_of(found.call),
            "attempts": attempts_of(found.call),
            "shown": shown_value,
            "moment": datetime.fromisoformat,
            "done": done,
            "typed": form or Form(),
            "problem": problem,
        }
        return frame.page(request, "call.html", status=400 if problem else 200, **told)

    @router.post("/calls/{call_id}/scores")
    async def give_score(call_id: str, request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        call = await find_call(clickhouse, call_id.strip(), Sight(prompts=me.prompts), with_spans=False)
        permit(me, "score", slug=call["prompt"] or None)
        try:
            score = score_of(form, str(call["call_id"]), me)
        except PromptInvalidError as error:
            return await shown(request, call_id, form=form, problem=error.message)
        [event] = score_events([score], at=frame.now(), new_id=str, posted_by=me.name)
        return await written(call_id, event, "scored")

    @router.post("/calls/{call_id}/scores/take-away")
    async def take_score(call_id: str, request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        call = await find_call(clickhouse, call_id.strip(), Sight(prompts=me.prompts), with_spans=False)
        permit(me, "score", slug=call["prompt"] or None)
        score = next((each for each in call["scores"] if each["score_id"] == form.raw("score")), None)
        if score is None:
            raise PromptInvalidError("this score isn't the call's any more", param="score")
        target = (score["target_kind"], score["target"] if score["target_kind"] != "call" else call["call_id"])
        event = deletion(score["score_id"], at=frame.now(), posted_by=me.name, target=target, name=score["name"])
        return await written(call_id, event, "taken")

    async def written(call_id: str, event: Event, done: str) -> Response:
        if not await to_thread.run_sync(record, event):
            raise PromptInvalidError("the score could not be written to disk: send it again", param="score")
        return see_other(f"/calls/{quote(call_id.strip(), safe='')}?done={done}#scores")


def view_of(
    store: Store, call: Mapping[str, Any], histories: Mapping[str, Sequence[Mapping[str, Any]]], zone: tzinfo
) -> CallView:
    """What the page shows of a call, with what the registry knows of its version."""
    prompt, history, template = None, [], []
    if call["prompt"]:
        try:
            prompt = store.prompt(call["prompt"])
            history = store.history(call["prompt"], limit=_HISTORY)
            template = blocks(store.version(call["prompt"], int(call["version"])).content)
        except RegistryError:  # a call may be older than this registry, or from another one
            pass
    return CallView(
        call=call,
        ts=datetime.fromisoformat(str(call["ts"])),
        reading=read_call(call),
        why=why(call, history, prompt, zone),
        prompt=prompt,
        template=template,
        histories=histories,
    )


def score_of(form: Form, call_id: str, by: Principal) -> Score:
    """The score that a form gives: yes or no, a number, or a category. The same person's next one of that name replaces it.

    Raises PromptInvalidError.
    """
    name, said = form.text("name"), form.text("value")
    if not name or not said:
        raise PromptInvalidError(
            "a score has a name, such as helpful, and a value: yes, no, a number or a word", param="value"
        )
    value: bool | float | str = _WORDS.get(said.lower(), said)
    if isinstance(value, str):
        try:
            value = float(value.replace(",", "."))
        except ValueError:
            value = said
    try:
        return Score(
            call_id=call_id,
            name=name,
            value=value,
            comment=form.text("comment"),
            source="human",
            scorer=by.name[:200],
            id=f"page:{call_id}:{by.identity[:60]}:{name}"[:300],
        )
    except ValidationError as error:
        raise PromptInvalidError(error.errors()[0]["msg"].removeprefix("Value error, "), param="value") from None
