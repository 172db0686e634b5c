"""Versions: one in full, all of a prompt, and what differs between any two.

Knows how a version is shown. Refuses to know HTML and to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from dashboards.channels import channels_of
from dashboards.frame import HEADERS, Frame
from dashboards.prompt import on_channels
from dashboards.text import pretty
from registry.diffs.compare import diff
from registry.files.prompt_file import to_prompty
from registry.reference import check_slug, parse_selector
from registry.storage.reader import STABLE, nothing_on
from registry.values import Content, Prompt
from registry.writing.locking import Used, used_in
from registry.writing.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A declared variable, as a row of a table. `rules` is what its schema says beyond the columns, as JSON."""

    name: str
    type: str
    required: bool
    default: str
    description: str
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A message to show: `text` is a template, unless `note` says what stands there instead; `extra` is the rest, as JSON."""

    role: str
    text: str = ""
    note: str = ""
    extra: str = ""


def add_versions(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/prompts/{slug}/versions…` and `/prompts/{slug}/diff`."""

    @router.get("/prompts/{slug}/versions")
    def list_versions(slug: str, request: Request) -> HTMLResponse:
        frame.visitor(request, slug=check_slug(slug))
        prompt = store.prompt(slug)
        on = on_channels(channels_of(store, prompt, frame.now()))
        return frame.page(request, "versions.html", prompt=prompt, versions=store.versions(slug), on=on)

    @router.get("/prompts/{slug}/versions/{number}.prompty")
    def get_file(slug: str, number: int, request: Request) -> Response:
        frame.visitor(request, slug=check_slug(slug))
        version = store.version(slug, number)
        name = f'attachment; filename="{slug}.prompty"'
        text = to_prompty(version, description=store.prompt(slug).purpose)
        return PlainTextResponse(text, headers={**HEADERS, "content-disposition": name})

    @router.get("/prompts/{slug}/versions/{number}")
    def get_version(slug: str, number: int, request: Request, done: str = "") -> HTMLResponse:
        frame.visitor(request, slug=check_slug(slug))
        version, prompt = store.version(slug, number), store.prompt(slug)
        before = store.version(slug, number - 1) if number > 1 else None
        on = on_channels(channels_of(store, prompt, frame.now()))
        return frame.page(
            request,
            "version.html",
            prompt=prompt,
            version=version,
            on=on.get(number, []),
            blocks=blocks(version.content),
            variables=variables(version.content.variables),
            fragments=fragments(version.content),
            file=to_prompty(version, description=prompt.purpose),
            found=diff(before, version) if before else None,
            done=done,
        )

    @router.get("/prompts/{slug}/diff")
    def get_diff(
        slug: str,
        request: Request,
        old: Annotated[str, Query(alias="from")] = STABLE,
        new: Annotated[str, Query(alias="to")] = "latest",
    ) -> HTMLResponse:
        frame.visitor(request, slug=check_slug(slug))
        prompt = store.prompt(slug)
        first, second = (store.version(slug, _number(prompt, selector)) for selector in (old, new))
        on = on_channels(channels_of(store, prompt, frame.now()))
        return frame.page(
            request, "diff.html", prompt=prompt, first=first, second=second, found=diff(first, second), on=on
        )


def blocks(content: Content) -> list[Block]:
    """A content's messages, or its text."""
    if content.kind == "text":
        return [Block(role="text", text=content.text or "")]
    return [_block(message) for message in content.messages]


def _block(message: Mapping[str, Any]) -> Block:
    role, said = str(message["role"]), message.get("content")
    if role == "placeholder":
        name = message.get("name")
        whose = "the call's own messages" if name == "messages" else f"the messages in the variable '{name}'"
        return Block(role=role, note=f"Here stand {whose}.")
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    if isinstance(said, str) or said is None:
        return Block(role=role, text=said or "", extra=pretty(rest) if rest else "")
    texts = [part["text"] for part in said if set(part) <= {"type", "text"} and "text" in part]
    others = [part for part in said if not (set(part) <= {"type", "text"} and "text" in part)]
    more = [*others, *([rest] if rest else [])]
    return Block(role=role, text="\n\n".join(texts), extra="\n".join(pretty(each) for each in more))


def variables(schema: Mapping[str, Any]) -> list[Variable]:
    """The variables that a schema declares."""
    required = set(schema.get("required", ()))
    found = []
    for name, declared in schema.get("properties", {}).items():
        rule = declared if isinstance(declared, Mapping) else {}
        kind = rule.get("type", "any")
        rest = {key: value for key, value in rule.items() if key not in ("type", "default", "description")}
        found.append(
            Variable(
                name=name,
                type=kind if isinstance(kind, str) else " or ".join(map(str, kind)),
                required=name in required,
                default=pretty(rule["default"]) if "default" in rule else "",
                description=str(rule.get("description", "")),
                rules=pretty(rest) if rest else "",
            )
        )
    return found


def fragments(content: Content) -> list[Used]:
    """The fragments that stand in a content."""
    return list(used_in(content.includes, direct=True))


def _number(prompt: Prompt, selector: str) -> int:
    """The version that a number or a channel's name means."""
    found = parse_selector(selector)
    if isinstance(found, int):
        return found
    name = str(found)
    if name in prompt.channels:
        return prompt.channels[name]
    raise nothing_on(prompt.slug, name, prompt.channels)
