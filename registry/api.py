"""The registry over HTTP: everything under /api/prompts.

Knows routes, headers and status codes of success. Refuses to decide anything: reads and writes are the Store's,
resolving is the LiveRegistry's, and RegistryErrors are left to the application, which maps them by `errors.STATUS`.
Endpoints are plain functions, run in the server's thread pool, because the database may make them wait.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from registry.content import parse_content
from registry.diff import diff
from registry.errors import PromptInvalidError
from registry.live import LiveRegistry, Resolved
from registry.reference import Reference, check_slug, parse_selector
from registry.schemas import (
    ContentBody,
    CreateBody,
    DiffOut,
    HistoryList,
    HistoryOut,
    LiveAt,
    MoveOut,
    PromoteBody,
    PromptList,
    PromptOut,
    RenderBody,
    RenderedOut,
    ResolvedOut,
    RollbackBody,
    SaveBody,
    SavedOut,
    VersionList,
    VersionOut,
)
from registry.store import Store
from registry.template import render
from registry.values import Content

Actor = Callable[[Request], str]
"""Says who makes a request, from what authentication left on it."""

Version = Annotated[str, Query(alias="_version", description="a channel or a number")]
Role = Annotated[str | None, Query(description="only messages of this role")]
IfMatch = Annotated[str | None, Header(description="write only if the prompt is still at this revision")]
RequestId = Annotated[str, Header(alias="x-request-id")]
Given = Callable[[Resolved], Mapping[str, Any]]
_NOT_VARIABLES = ("_version", "role")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a request writes: in whose name, and only if the prompt is still at a revision."""

    actor: str
    if_match: int | None
    request_id: str


def build_router(store: Store, live: LiveRegistry, actor: Actor) -> APIRouter:
    """All routes of the registry; `actor` names who writes."""
    router = APIRouter(prefix="/api/prompts", tags=["prompts"])
    _add_reads(router, store, live)
    _add_rendering(router, live)
    _add_writes(router, store, actor)
    return router


def _add_reads(router: APIRouter, store: Store, live: LiveRegistry) -> None:
    @router.get("")
    def list_prompts() -> PromptList:
        """Every prompt with its channels."""
        return PromptList(prompts=[PromptOut.of(prompt) for prompt in store.prompts()])

    @router.get("/{slug}", response_model=ResolvedOut, responses={304: {"description": "unchanged"}})
    def get_prompt(
        slug: str, version: Version = "stable", if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """The version that a channel or number means now."""
        # The revision first: should a write come between, If-Match with it is refused, never wrongly accepted.
        revision = live.prompt_revision(check_slug(slug))
        resolved = live.resolve(_reference(slug, version))
        headers = {"etag": f'"{revision}"', "cache-control": "no-cache"}
        if if_none_match is not None and headers["etag"] in _tags(if_none_match):
            return Response(status_code=304, headers=headers)
        found = ResolvedOut.of(resolved, revision=revision, stale=live.stale)
        return Response(found.model_dump_json(), headers=headers, media_type="application/json")

    @router.get("/{slug}/versions")
    def list_versions(slug: str) -> VersionList:
        """All versions, newest first."""
        return VersionList(slug=slug, versions=[VersionOut.of(v) for v in store.versions(check_slug(slug))])

    @router.get("/{slug}/diff")
    def get_diff(
        slug: str,
        old: Annotated[str, Query(alias="from")] = "stable",
        new: Annotated[str, Query(alias="to")] = "latest",
    ) -> DiffOut:
        """What changed between two versions, each a channel or a number."""
        return DiffOut.of(diff(*(live.resolve(_reference(slug, selector)).version for selector in (old, new))))

    @router.get("/{slug}/history")
    def get_history(
        slug: str,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(description="only writes before this revision")] = None,
    ) -> HistoryList:
        """Who changed what, when and why."""
        entries = store.history(check_slug(slug), limit=limit, before_revision=before)
        more = entries[-1].revision if len(entries) == limit else None
        return HistoryList(events=[HistoryOut.of(entry) for entry in entries], next_before=more)

    @router.get("/{slug}/at")
    def get_live_at(slug: str, time: datetime) -> LiveAt:
        """What was live at a time; one without a zone is taken as UTC."""
        when = time if time.tzinfo else time.replace(tzinfo=UTC)
        return LiveAt(slug=slug, time=when, channels=dict(store.live_at(check_slug(slug), when)))


def _add_rendering(router: APIRouter, live: LiveRegistry) -> None:
    def rendered(
        slug: str, version: str, role: str | None, given: Callable[[Resolved], Mapping[str, Any]]
    ) -> RenderedOut:
        resolved = live.resolve(_reference(slug, version))
        result = render(resolved.compiled, given(resolved))
        return RenderedOut(
            slug=slug,
            version=resolved.version.number,
            version_id=resolved.version.version_id,
            channel=resolved.channel,
            messages=[message for message in result.messages if role in (None, message["role"])],
            text=result.text,
            variables=result.variables,
            config=ResolvedOut.of(resolved, revision=resolved.revision, stale=False).config,
        )

    @router.get("/{slug}/render")
    def render_from_query(slug: str, request: Request, version: Version = "stable", role: Role = None) -> RenderedOut:
        """Render with variables from the query string; those declared as other than strings are read as JSON."""
        given = {name: value for name, value in request.query_params.items() if name not in _NOT_VARIABLES}
        return rendered(slug, version, role, lambda resolved: typed(given, resolved.compiled.schema))

    @router.post("/{slug}/render")
    def render_from_body(slug: str, body: RenderBody, version: Version = "stable", role: Role = None) -> RenderedOut:
        """Render with variables from the body."""
        return rendered(slug, version, role, lambda _: body.variables)


def _add_writes(router: APIRouter, store: Store, actor: Actor) -> None:
    def terms(request: Request, if_match: IfMatch = None, x_request_id: RequestId = "") -> Terms:
        return Terms(actor=actor(request), if_match=parse_if_match(if_match), request_id=x_request_id)

    Conditions = Annotated[Terms, Depends(terms)]  # noqa: N806 - a type, made here because `actor` is

    @router.post("", status_code=201)
    def create_prompt(body: CreateBody, given: Conditions, response: Response) -> SavedOut:
        """A new prompt with version 1; 409 if the slug is taken."""
        saved = store.save(
            body.slug,
            _content(body.content),
            message=body.message,
            author=given.actor,
            if_match=0,
            request_id=given.request_id,
        )
        response.headers["etag"] = f'"{saved.revision}"'
        return SavedOut.of_saved(saved)

    @router.post("/{slug}/versions", status_code=201, responses={200: {"model": SavedOut, "description": "identical"}})
    def save_version(slug: str, body: SaveBody, given: Conditions, response: Response) -> SavedOut:
        """The next version of a prompt; 200 and no new version if the newest says the same."""
        store.prompt(check_slug(slug))  # a new prompt is made on purpose, not by a misspelt slug
        saved = store.save(
            slug,
            _content(body.content),
            message=body.message,
            author=given.actor,
            if_match=given.if_match,
            request_id=given.request_id,
        )
        if not saved.created:
            response.status_code = 200
        return SavedOut.of_saved(saved)

    @router.post("/{slug}/channels/{name}/promote")
    def promote(slug: str, name: str, body: PromoteBody, given: Conditions) -> MoveOut:
        """Put a version on a channel. Once this has answered, no call is served by the old version."""
        move = store.promote(
            slug,
            body.version,
            channel=name,
            reason=body.reason,
            actor=given.actor,
            if_match=given.if_match,
            evidence=body.evidence,
            request_id=given.request_id,
        )
        return MoveOut.of(move, store.acknowledged(move.revision))

    @router.post("/{slug}/channels/{name}/rollback")
    def rollback(slug: str, name: str, body: RollbackBody, given: Conditions) -> MoveOut:
        """Put back the version that was live on a channel before."""
        move = store.rollback(
            slug,
            channel=name,
            to=body.to,
            reason=body.reason,
            actor=given.actor,
            if_match=given.if_match,
            evidence=body.evidence,
            request_id=given.request_id,
        )
        return MoveOut.of(move, store.acknowledged(move.revision))


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


def _reference(slug: str, selector: str) -> Reference:
    return Reference(slug=check_slug(slug), selector=parse_selector(selector))


def _content(body: ContentBody) -> Content:
    return parse_content(body.model_dump(exclude_none=True))


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def parse_if_match(if_match: str | None) -> int | None:
    """The revision in an If-Match header: `41`, `"41"` or `W/"41"`; `*` asks for nothing more than that it exists."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise PromptInvalidError("If-Match takes the revision that a read gave, such as 41", param="If-Match")
    return int(text)
