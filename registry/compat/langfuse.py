"""Langfuse's way of reading prompts, so that its SDKs can read from this registry.

Knows two paths of Langfuse's public API and their format (https://api.reference.langfuse.com, "Prompts"): one prompt by name and
label or version, and the list. Refuses to write, and to know who may read. Langfuse's words map so: a name is a slug, a label is
a channel (`production` is `stable` unless the prompt has a channel of that name), a text prompt is a prompt of kind "text".

`config` is what a chat-completions call takes beside the messages: `model`, the parameters under their own names, `tools` and
`response_format`, each where the version has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from registry.compat.plain import Blank, Plain, PlainTemplates, Writing
from registry.compat.readings import PRODUCTION, labelled, resolve_first
from registry.content import body_keys
from registry.errors import (
    PromptInvalidError,
    PromptNotFoundError,
    PromptReferenceInvalidError,
    RegistryUnavailableError,
)
from registry.http.api import readable
from registry.http.terms import By
from registry.reference import Reference, check_channel, check_slug
from registry.roles import permit
from registry.serving.live import LiveRegistry, Resolved
from registry.storage.reader import STABLE, Reader
from registry.values import Content, Prompt, Version

Json = dict[str, Any]
_MOST_PER_PAGE = 100


def build_router(reader: Reader, live: LiveRegistry, by: By) -> APIRouter:
    """Langfuse's prompt routes; `by` says who asks."""
    router = APIRouter(prefix="/api/public/v2/prompts", tags=["langfuse"])

    @router.get("")
    def list_prompts(
        request: Request,
        name: str | None = None,
        label: str | None = None,
        tag: str | None = None,
        page: Annotated[int, Query(ge=1)] = 1,
        limit: Annotated[int, Query(ge=1, le=_MOST_PER_PAGE)] = 50,
        from_updated_at: Annotated[datetime | None, Query(alias="fromUpdatedAt")] = None,
        to_updated_at: Annotated[datetime | None, Query(alias="toUpdatedAt")] = None,
        filters: Annotated[str | None, Query(alias="filter")] = None,
    ) -> Json:
        """Prompts by name with their versions, labels and tags, as Langfuse lists them."""
        if filters:
            raise PromptInvalidError("'filter' isn't supported here: use name, label, tag or the times", param="filter")
        me = by(request)
        permit(me, "inspect")
        entries = []
        for prompt in reader.prompts():
            if not me.sees(prompt.slug) or prompt.archived_at is not None:
                continue
            if name not in (None, prompt.slug) or (tag is not None and tag not in prompt.tags):
                continue
            versions = [
                version
                for version in reader.versions(prompt.slug)
                if (label is None or label in labels_of(prompt, version.number))
                and (from_updated_at is None or version.created_at >= _aware(from_updated_at))
                and (to_updated_at is None or version.created_at < _aware(to_updated_at))
            ]
            if versions:
                entries.append(entry_of(prompt, versions))
        shown = entries[(page - 1) * limit : page * limit]
        pages = -(-len(entries) // limit)
        return {"data": shown, "meta": {"page": page, "limit": limit, "totalItems": len(entries), "totalPages": pages}}

    @router.get("/{name:path}")
    def get_prompt(
        name: str, request: Request, label: str | None = None, version: Annotated[int | None, Query(ge=1)] = None
    ) -> Json:
        """The prompt that a label (`production` if none is named) or a version number means now."""
        if label is not None and version is not None:
            raise PromptInvalidError("name either a label or a version, not both", param="label")
        me, reference = by(request), _reference(name, label, version)
        permit(me, "read", slug=reference.slug)
        resolved = readable(me, resolve_first(live, labelled(reference)), live)
        prompt = _known(reader, resolved)
        labels = [resolved.channel] if prompt is None else labels_of(prompt, resolved.version.number)
        return answer_of(resolved, labels=labels, tags=[] if prompt is None else prompt.tags)

    return router


def answer_of(resolved: Resolved, *, labels: Sequence[str], tags: Sequence[str]) -> Json:
    """A version as Langfuse's SDKs read it.

    Raises PromptNotPlainError where they could not fill it in as Slugline does.
    """
    version = resolved.version
    templates = PlainTemplates(resolved, LANGFUSE)
    if version.content.kind == "text":
        prompt: Any = templates.text(version.content.text or "", "text")
    else:
        prompt = [
            _message(message, templates, f"messages[{index}]") for index, message in enumerate(version.content.messages)
        ]
    return {
        "type": version.content.kind,
        "name": version.slug,
        "version": version.number,
        "prompt": prompt,
        "config": config_of(version.content),
        "labels": list(labels),
        "tags": list(tags),
        "commitMessage": version.message or None,
        "resolutionGraph": None,
    }


def entry_of(prompt: Prompt, versions: Sequence[Version]) -> Json:
    """A prompt in Langfuse's list; `versions` are those that match, newest first."""
    labels = {label for version in versions for label in labels_of(prompt, version.number)}
    return {
        "name": prompt.slug,
        "type": versions[0].content.kind,
        "versions": sorted(version.number for version in versions),
        "labels": sorted(labels),
        "tags": list(prompt.tags),
        "lastUpdatedAt": versions[0].created_at.isoformat(),
        "lastConfig": config_of(versions[0].content),
    }


def labels_of(prompt: Prompt, number: int) -> list[str]:
    """The channels that a version is on, and `production` where `stable` stands for it."""
    channels = (
        {PRODUCTION: prompt.channels[STABLE], **prompt.channels} if STABLE in prompt.channels else prompt.channels
    )
    return sorted(name for name, version in channels.items() if version == number)


def config_of(content: Content) -> Json:
    """What a version asks for beside its messages, in one object."""
    return {**({"model": content.model} if content.model else {}), **body_keys(content)}


def _message(message: Mapping[str, Any], templates: PlainTemplates, where: str) -> Json:
    if message["role"] == "placeholder":
        return {"type": "placeholder", "name": message["name"]}
    body = message.get("content")
    if not isinstance(body, str) or set(message) != {"role", "content"}:
        raise templates.refusal(where, "has more than a role and a text, and Langfuse's SDKs drop the rest")
    return {"type": "chatmessage", "role": message["role"], "content": templates.text(body, f"{where}.content")}


def _misread(plain: Plain, _: Sequence[str]) -> str:
    """Langfuse's SDKs look for `{{` and then for `}}`, wherever they stand; the one for JavaScript reads Mustache."""
    for index, part in enumerate(plain):
        if isinstance(part, str):
            if "{{" in part:
                return "{{"
            follows = plain[index + 1] if index + 1 < len(plain) else None
            if part.endswith("{") and isinstance(follows, Blank):
                return "{{{" + follows.name
    return ""


LANGFUSE = Writing(client="Langfuse's SDK", blank=lambda name: "{{" + name + "}}", misread=_misread)


def _reference(name: str, label: str | None, version: int | None) -> Reference:
    """The reference; a name or label that nothing here can have is not there, which is what Langfuse says of it, too."""
    try:
        slug = check_slug(name)
        return Reference(slug=slug, selector=version if version is not None else check_channel(label or PRODUCTION))
    except PromptReferenceInvalidError as error:
        raise PromptNotFoundError(error.message, param=error.param) from error


def _known(reader: Reader, resolved: Resolved) -> Prompt | None:
    """The prompt with its labels and tags; None while the database can't be read, since its versions still can be served."""
    try:
        return reader.prompt(resolved.version.slug)
    except RegistryUnavailableError:
        return None


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)
