"""A recorded call as a case: "add this call to the golden set", with the complaint as the reason.

Knows how a call becomes a case's form, for people to complete. Refuses to know how calls are searched (`tracing.search`) and what of one
is the caller's own (`registry.importing.cases.from_call`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from dashboards.case_fields import CaseFields
from dashboards.cases import Draft, checked, draft_of, refused_draft, saved_at, show_draft
from dashboards.datasets import may_write
from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.moves import NOT_ALLOWED
from registry.datasets import check_dataset
from registry.errors import RegistryError
from registry.importing.cases.from_call import case_of_call
from registry.roles import Principal, permit
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse
from tracing.search.filters import Sight
from tracing.search.find import find_call

Sent = Annotated[Form, Depends(read_form)]


def add_from_call(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    """`/calls/{call_id}/add-to-dataset`, and `/datasets/{name}/add-call`, which leads there."""

    async def found(me: Principal, call_id: str) -> Mapping[str, Any]:
        return await find_call(clickhouse, call_id.strip(), Sight(prompts=me.prompts))

    @router.get("/datasets/{name}/add-call")
    def by_id(name: str, request: Request, call: str = "") -> Response:
        frame.visitor(request, slug=check_dataset(name))
        return see_other(f"/calls/{quote(call.strip()[:80] or 'none', safe='')}/add-to-dataset?dataset={quote(name)}")

    @router.get("/calls/{call_id}/add-to-dataset")
    async def get_form(call_id: str, request: Request, dataset: str = "") -> Response:
        me = frame.visitor(request)
        call = await found(me, call_id)

        def shown() -> Response:
            names = _names(store, me)
            chosen = dataset or next((name for name in names if name == call.get("prompt")), "")
            draft = Draft(dataset=chosen, names=names, call_id=call_id, fields=_fields(store, me, call))
            return show_draft(frame, request, draft)

        return await to_thread.run_sync(shown)

    @router.post("/calls/{call_id}/add-to-dataset")
    async def post_form(call_id: str, request: Request, form: Sent) -> Response:
        me = frame.visitor(request)
        call = await found(me, call_id)  # the source that is noted is one that whoever adds it may see

        def done() -> Response:
            draft = draft_of(form, dataset=form.text("dataset"), names=_names(store, me), call_id=call_id)
            if form.text("action") == "more":
                return show_draft(frame, request, draft)
            try:
                case = draft.fields.case({"call_id": str(call["call_id"])})
                checked([case])
                once = form.text("once")
                return saved_at(store.add_case(draft.dataset, case, message=draft.message, by=me, idempotency_key=once))
            except NOT_ALLOWED:
                raise
            except RegistryError as error:
                return show_draft(frame, request, refused_draft(draft, error))

        return await to_thread.run_sync(done)


def _names(store: Store, me: Principal) -> list[str]:
    """The datasets that somebody may add to."""
    return [each.name for each in store.datasets() if each.archived_at is None and may_write(me, each)]


def _fields(store: Store, me: Principal, call: Mapping[str, Any]) -> CaseFields:
    """The call as a case, with what was said about it as the reason."""
    content = None
    if call.get("prompt"):
        permit(me, "inspect", slug=call["prompt"])
        content = store.version(call["prompt"], int(call["version"])).content
    said = next((str(score["comment"]) for score in call.get("scores", ()) if score.get("comment")), "")
    fields = CaseFields.of_case(case_of_call(call, content, note=said[:1000]))
    return replace(fields, must_pass=False)
