"""Writing a version: an editor with the whole prompt as a .prompty file, for the next version or for a new prompt.

Knows the way of a text from the page into the registry, and that nothing typed gets lost on it: whatever is refused stands in the editor
again. Where somebody else saved meanwhile, both texts are shown, and the next save is made on theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from registry.diffs.compare import Diff, diff
from registry.errors import (
    STATUS,
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    PromptConflictError,
    RegistryError,
)
from registry.files.prompt_file import read_prompt_file, to_prompty
from registry.reference import check_slug
from registry.roles import Principal, permit
from registry.templates.template import compile_content
from registry.values import Content, Prompt, Saved, Version
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
_STARTER = """---
model: gpt-4o-mini
parameters:
  temperature: 0.2
variables:
  company: {type: string, description: whose support this is, examples: [Northwind]}
---
system:
You are a support agent of {{ company }}. Answer in two sentences at most.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the editor. `revision` is the prompt's when it was read: the save holds only as long as nobody writes to it.

    `problem` says why it wasn't saved. `theirs` is the version that somebody else saved meanwhile, `their_text` its file; `found` what
    the draft changes, `says` what else a preview says.
    """

    slug: str
    text: str
    message: str = ""
    revision: int = 0
    base: Version | None = None
    problem: str = ""
    theirs: Version | None = None
    their_text: str = ""
    found: Diff | None = None
    says: str = ""
    status: int = 200


def add_editing(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/new` and `/prompts/{slug}/edit`."""

    def editor(request: Request, draft: Draft, prompt: Prompt | None) -> HTMLResponse:
        return frame.page(request, "edit.html", status=draft.status, draft=draft, prompt=prompt)

    @router.get("/new")
    def get_new(request: Request, slug: str = "") -> HTMLResponse:
        permit(frame.visitor(request), "save")
        return editor(request, Draft(slug=slug[:100], text=_STARTER), None)

    @router.post("/new")
    def post_new(request: Request, form: Sent) -> Response:
        me = frame.who(request)
        draft = Draft(slug=form.text("slug"), text=form.raw("text"), message=form.text("message"))
        try:
            content = _content(draft.text)
            if form.text("action") == "preview":
                return editor(request, replace(draft, says=_preview(store, me, check_slug(draft.slug), content)), None)
            saved = store.save(
                draft.slug, content, message=draft.message, by=me, if_match=0, idempotency_key=form.text("once")
            )
        except (AuthRoleNotAllowedError, AuthPromptNotAllowedError):
            raise
        except RegistryError as error:
            return editor(request, replace(draft, problem=error.message, status=STATUS[type(error)]), None)
        if form.text("purpose") or form.text("owner"):
            store.describe(draft.slug, purpose=form.text("purpose"), owner=form.text("owner"), by=me)
        return _done(saved)

    @router.get("/prompts/{slug}/edit")
    def get_edit(slug: str, request: Request, version: int | None = None) -> HTMLResponse:
        permit(frame.visitor(request, slug=check_slug(slug)), "save", slug=slug)
        prompt = store.prompt(
            slug
        )  # before the version: should a save come between, ours is refused, never theirs lost
        base = store.version(slug, version or prompt.latest)
        return editor(request, Draft(slug=slug, text=to_prompty(base), revision=prompt.revision, base=base), prompt)

    @router.post("/prompts/{slug}/edit")
    def post_edit(slug: str, request: Request, form: Sent) -> Response:
        me = frame.visitor(request, slug=check_slug(slug))
        permit(me, "save", slug=slug)
        draft = Draft(
            slug=slug,
            text=form.raw("text"),
            message=form.text("message"),
            revision=form.whole("revision") or 0,
            base=store.version(slug, form.needed("base")),
        )
        try:
            content = _content(draft.text)
            if form.text("action") == "preview":
                says = _preview(store, me, slug, content)
                return editor(request, _compared(store, me, draft, content, says), store.prompt(slug))
            saved = store.save(
                slug,
                content,
                message=draft.message,
                by=me,
                if_match=draft.revision,
                idempotency_key=form.text("once"),
            )
        except PromptConflictError as error:
            if (mended := _untouched(store, draft)) is None:
                return editor(request, _conflict(store, me, draft, error), store.prompt(slug))
            saved = store.save(
                slug, content, message=draft.message, by=me, if_match=mended, idempotency_key=form.text("once")
            )
        except RegistryError as error:
            refused = replace(draft, problem=error.message, status=STATUS[type(error)])
            return editor(request, refused, store.prompt(slug))
        return _done(saved)


def _content(text: str) -> Content:
    return read_prompt_file(text, "the text.prompty").content


def _preview(store: Store, me: Principal, slug: str, content: Content) -> str:
    """What a save would store, in a sentence. Raises what a save would."""
    compiled = compile_content(store.locked(slug, content, by=me))
    names = ", ".join(compiled.variables)
    return f"This would be saved. A call gives {names}." if names else "This would be saved. It takes no variables."


def _compared(store: Store, me: Principal, draft: Draft, content: Content, says: str) -> Draft:
    newest = store.version(draft.slug, store.prompt(draft.slug).latest)
    mine = replace(newest, number=0, content=store.locked(draft.slug, content, by=me))
    return replace(draft, found=replace(diff(newest, mine), new="what you wrote"), says=says)


def _untouched(store: Store, draft: Draft) -> int | None:
    """The prompt's revision now, if what came since the page was read made no version: a promotion or a comment takes nothing from
    whoever is writing. None if somebody saved."""
    prompt = store.prompt(draft.slug)
    newest = store.version(draft.slug, prompt.latest)
    return prompt.revision if newest.revision <= draft.revision else None


def _conflict(store: Store, me: Principal, draft: Draft, error: PromptConflictError) -> Draft:
    """The draft beside what somebody else saved meanwhile; saved again, it comes on top of that."""
    prompt = store.prompt(draft.slug)
    theirs = store.version(draft.slug, prompt.latest)
    mine = replace(theirs, number=0, content=_content(draft.text))
    return replace(
        draft,
        revision=prompt.revision,
        problem=f"{theirs.author} saved version {theirs.number} since you opened the editor. Nothing is lost: yours stands "
        "here, theirs beside it. Take over what you want of theirs, then save: yours becomes the version after it.",
        theirs=theirs,
        their_text=to_prompty(theirs),
        found=replace(diff(theirs, mine), new="yours"),
        status=STATUS[type(error)],
    )


def _done(saved: Saved) -> Response:
    done = "saved" if saved.created else "identical"
    return see_other(f"/prompts/{quote(saved.version.slug)}/versions/{saved.version.number}?done={done}")
