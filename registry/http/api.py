"""The registry over HTTP: prompts, their versions, and what was live. Channels and requests are in `registry.http.channels_api`.

Knows routes, headers and status codes of success. Refuses to decide anything: reads and writes are the Store's,
resolving is the LiveRegistry's, and RegistryErrors are left to the application, which maps them by `errors.STATUS`.
Endpoints that ask the database are plain functions, run in the server's thread pool, because it may make them wait.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from registry.content import parse_content
from registry.diffs.compare import diff
from registry.http.history_schemas import HistoryList, LiveAt
from registry.http.move_schemas import ReasonBody
from registry.http.schemas import (
    ContentBody,
    CreateBody,
    DescribeBody,
    DiffBody,
    DiffOut,
    PromptList,
    PromptOut,
    RenderBody,
    RenderedOut,
    ResolvedOut,
    SaveBody,
    SavedOut,
    VersionList,
    VersionOut,
)
from registry.http.terms import By, Terms, terms_of
from registry.reference import PINNED, Reference, check_slug, parse_selector
from registry.roles import Principal, permit, permit_version
from registry.serving.live import LiveRegistry, Resolved
from registry.split import Caller
from registry.templates.template import render
from registry.values import Content
from registry.writing.store import Store

Version = Annotated[str, Query(alias="_version", description="a channel or a number")]
Role = Annotated[str | None, Query(description="only messages of this role")]
Given = Callable[[Resolved], Mapping[str, Any]]
_NOT_VARIABLES = ("_version", "role")


def build_router(store: Store, live: LiveRegistry, by: By) -> APIRouter:
    """The routes of prompts and their versions; `by` says who asks."""
    router = APIRouter(prefix="/api/prompts", tags=["prompts"])
    _add_reads(router, store, by)
    _add_rendering(router, live, by)
    _add_diffs(router, store, live, by)
    _add_writes(router, store, by)
    return router


def _add_reads(router: APIRouter, store: Store, by: By) -> None:
    @router.get("")
    def list_prompts(request: Request, archived: bool = False) -> PromptList:
        """Every prompt with its channels, archived ones only if asked for."""
        me = by(request)
        permit(me, "inspect")
        shown = [prompt for prompt in store.prompts() if me.sees(prompt.slug)]
        return PromptList(prompts=[PromptOut.of(prompt) for prompt in shown if archived or prompt.archived_at is None])

    @router.get("/{slug}/about")
    def get_about(slug: str, request: Request) -> PromptOut:
        """A prompt's channels, owner and purpose, without what its versions say."""
        permit(by(request), "inspect", slug=check_slug(slug))
        return PromptOut.of(store.prompt(slug))

    @router.get("/{slug}/versions")
    def list_versions(slug: str, request: Request) -> VersionList:
        """All versions, newest first."""
        permit(by(request), "inspect", slug=check_slug(slug))
        return VersionList(slug=slug, versions=[VersionOut.of(v) for v in store.versions(slug)])

    @router.get("/{slug}/history")
    def get_history(
        slug: str,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(description="only writes before this revision")] = None,
    ) -> HistoryList:
        """Who changed what, when and why."""
        permit(by(request), "inspect", slug=check_slug(slug))
        return HistoryList.of(store.history(slug, limit=limit, before_revision=before), limit)

    @router.get("/{slug}/at")
    def get_live_at(slug: str, time: datetime, request: Request) -> LiveAt:
        """What was live at a time; one without a zone is taken as UTC."""
        permit(by(request), "inspect", slug=check_slug(slug))
        when = time if time.tzinfo else time.replace(tzinfo=UTC)
        return LiveAt.of(slug, when, store.live_at(when, slug))


def _add_rendering(router: APIRouter, live: LiveRegistry, by: By) -> None:
    def resolved_for(slug: str, version: str, request: Request) -> Resolved:
        me = by(request)
        permit(me, "read", slug=check_slug(slug))
        resolved = live.resolve(
            Reference(slug=slug, selector=parse_selector(version)), caller=caller_in(request.headers)
        )
        return readable(me, resolved, live)

    def rendered(slug: str, version: str, role: str | None, given: Given, request: Request) -> Response:
        resolved = resolved_for(slug, version, request)
        result = render(resolved.compiled, given(resolved))
        shown = RenderedOut(
            slug=slug,
            version=resolved.version.number,
            version_id=resolved.version.version_id,
            channel=resolved.channel,
            variant=resolved.variant,
            messages=[message for message in result.messages if role in (None, message["role"])],
            text=result.text,
            variables=result.variables,
            config=ResolvedOut.of(resolved, revision=resolved.revision, stale=False).config,
        )
        return Response(shown.model_dump_json(), media_type="application/json")

    # These three answer from memory, as a call does: going through the thread pool would only make them wait for a thread.
    @router.get("/{slug}", response_model=ResolvedOut, responses={304: {"description": "unchanged"}})
    async def get_prompt(
        slug: str,
        request: Request,
        version: Version = "stable",
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """The version that a channel or number means now; where a channel is split, for the session or user in the headers."""
        permit(by(request), "read", slug=check_slug(slug))
        # The revision first: should a write come between, If-Match with it is refused, never wrongly accepted.
        revision = live.prompt_revision(slug)
        resolved = resolved_for(slug, version, request)
        # A split channel means one thing to one caller and another to the next, so its answer has a tag of its own.
        tag = f'"{revision}"' if not resolved.variant else f'"{revision}.{resolved.version.number}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if if_none_match is not None and headers["etag"] in _tags(if_none_match):
            return Response(status_code=304, headers=headers)
        found = ResolvedOut.of(resolved, revision=revision, stale=live.stale)
        return Response(found.model_dump_json(), headers=headers, media_type="application/json")

    @router.get("/{slug}/render", response_model=RenderedOut)
    async def render_from_query(
        slug: str, request: Request, version: Version = "stable", role: Role = None
    ) -> Response:
        """Render with variables from the query string; those declared as other than strings are read as JSON."""
        given = {name: value for name, value in request.query_params.items() if name not in _NOT_VARIABLES}
        return rendered(slug, version, role, lambda resolved: typed(given, resolved.compiled.schema), request)

    @router.post("/{slug}/render", response_model=RenderedOut)
    async def render_from_body(
        slug: str, body: RenderBody, request: Request, version: Version = "stable", role: Role = None
    ) -> Response:
        """Render with variables from the body."""
        return rendered(slug, version, role, lambda _: body.variables, request)

    @router.get("/{slug}/versions/{version}")
    def get_version(slug: str, version: str, request: Request) -> VersionOut:
        """One version in full: a number, a version's id, or what a channel points to."""
        return VersionOut.of(resolved_for(slug, version, request).version)


def _add_diffs(router: APIRouter, store: Store, live: LiveRegistry, by: By) -> None:
    @router.get("/{slug}/diff")
    def get_diff(
        slug: str,
        request: Request,
        old: Annotated[str, Query(alias="from")] = "stable",
        new: Annotated[str, Query(alias="to")] = "latest",
    ) -> DiffOut:
        """What changed between two versions, each a channel or a number."""
        permit(by(request), "inspect", slug=check_slug(slug))
        pair = (Reference(slug=slug, selector=parse_selector(selector)) for selector in (old, new))
        return DiffOut.of(diff(*(live.resolve(reference).version for reference in pair)))

    @router.post("/{slug}/diff")
    def get_diff_to_content(
        slug: str, body: DiffBody, request: Request, old: Annotated[str, Query(alias="from")] = "stable"
    ) -> DiffOut:
        """What would change if this content were saved: between a version and what is in nobody's registry yet."""
        permit(by(request), "inspect", slug=check_slug(slug))
        version = live.resolve(Reference(slug=slug, selector=parse_selector(old))).version
        content = store.locked(slug, _content(body.content), by=by(request))
        found = diff(version, replace(version, number=0, content=content))
        return DiffOut.of(replace(found, new="what was sent"))


def _add_writes(router: APIRouter, store: Store, by: By) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806 - a type, made here because `by` is

    @router.post("", status_code=201)
    def create_prompt(body: CreateBody, given: Conditions, response: Response) -> SavedOut:
        """A new prompt with version 1; 409 if the slug is taken."""
        saved = store.save(body.slug, _content(body.content), **_said(body), **given.write(if_match=0))
        response.headers["etag"] = f'"{saved.revision}"'
        return SavedOut.of_saved(saved)

    @router.post("/{slug}/versions", status_code=201, responses={200: {"model": SavedOut, "description": "identical"}})
    def save_version(slug: str, body: SaveBody, given: Conditions, response: Response) -> SavedOut:
        """The next version of a prompt; 200 and no new version if the newest says the same."""
        permit(given.by, "save", slug=check_slug(slug))
        store.prompt(slug)  # a new prompt is made on purpose, not by a misspelt slug
        saved = store.save(slug, _content(body.content), **_said(body), **given.write())
        if not saved.created:
            response.status_code = 200
        response.headers["etag"] = f'"{saved.revision}"'
        return SavedOut.of_saved(saved)

    @router.patch("/{slug}")
    def describe_prompt(slug: str, body: DescribeBody, given: Conditions) -> PromptOut:
        """Who owns a prompt, what it is for, its tags; what is left out stays."""
        return PromptOut.of(store.describe(slug, **body.model_dump(exclude_none=True), **given.once()))

    @router.post("/{slug}/archive")
    def archive_prompt(slug: str, given: Conditions, body: ReasonBody | None = None) -> PromptOut:
        """Take a prompt out of use. Whoever still calls it is served; nothing about it can change."""
        return PromptOut.of(store.archive(slug, reason=body.reason if body else "", **given.once()))

    @router.post("/{slug}/restore")
    def restore_prompt(slug: str, given: Conditions, body: ReasonBody | None = None) -> PromptOut:
        """Take an archived prompt into use again."""
        return PromptOut.of(store.restore(slug, reason=body.reason if body else "", **given.once()))


def typed(given: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Query parameters as values: read as JSON where the schema declares a type that isn't string.

    What isn't JSON stays text, so that validation says what is wrong with it.
    """
    values: dict[str, Any] = {}
    for name, text in given.items():
        declared = schema.get("properties", {}).get(name, {})
        kind = declared.get("type") if isinstance(declared, Mapping) else None
        values[name] = text
        if kind is not None and "string" not in (kind if isinstance(kind, list) else [kind]):
            try:
                values[name] = json.loads(text)
            except (ValueError, RecursionError):
                continue
    return values


def readable(by: Principal, resolved: Resolved, live: LiveRegistry) -> Resolved:
    """What was resolved, if `by` may have it by whatever name it was asked for."""
    channel = None if resolved.channel == PINNED else resolved.channel
    slug = resolved.version.slug
    permit_version(by, slug, channel, live.channels_on(slug, resolved.version.number))
    return resolved


def caller_in(headers: Mapping[str, str]) -> Caller:
    """Who is to be told apart from others where a channel is split, as the headers of a call say it."""
    return Caller(session=headers.get("x-slugline-session", ""), user=headers.get("x-slugline-user", ""))


def _said(body: SaveBody) -> dict[str, Any]:
    return {"message": body.message, "author": body.author, "source": body.source}


def _content(body: ContentBody) -> Content:
    return parse_content(body.model_dump(exclude_none=True))


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
