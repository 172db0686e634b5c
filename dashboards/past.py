"""What happened and what was live when: the history of a prompt and of all, the audit of it, and any moment of the past.

Knows how the registry's events are listed. Refuses to know HTML, and to judge whether they are whole: `registry.writing.audit` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from dashboards.channels import Serving
from dashboards.forms import read_time
from dashboards.frame import Frame
from dashboards.zones import zone_of
from registry.reference import check_slug
from registry.storage.rows import split_of
from registry.values import HistoryEntry
from registry.writing.audit import verify
from registry.writing.store import Store

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """A page of events, newest first. `older` is where the next one begins, None at the end."""

    entries: list[HistoryEntry]
    older: int | None


def add_past(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/prompts/{slug}/history`, `/audit`, `/audit/verify` and `/live`."""

    def events(slug: str | None, before: int | None) -> Events:
        found = store.history(slug, limit=PAGE, before_revision=before)
        older = found[-1].revision if len(found) == PAGE and found[-1].revision > 1 else None
        return Events(entries=found, older=older)

    @router.get("/prompts/{slug}/history")
    def get_history(slug: str, request: Request, before: int | None = None) -> HTMLResponse:
        frame.visitor(request, slug=check_slug(slug))
        return frame.page(request, "history.html", prompt=store.prompt(slug), events=events(slug, _bounded(before)))

    @router.get("/audit")
    def get_audit(request: Request, before: int | None = None) -> HTMLResponse:
        me = frame.visitor(request)
        page = events(None, _bounded(before))
        shown = [entry for entry in page.entries if me.sees(entry.slug)]
        return frame.page(request, "audit.html", events=Events(entries=shown, older=page.older))

    @router.get("/audit/verify")
    def get_verified(request: Request, head: str = "") -> HTMLResponse:
        frame.visitor(request)
        noted = head.strip()[:200]
        return frame.page(request, "verify.html", verified=verify(store, head=noted or None), head=noted)

    @router.get("/live")
    def get_live(request: Request, time: str = "", prompt: str = "") -> HTMLResponse:
        me = frame.visitor(request, slug=prompt or None)
        when = read_time(time, "time", zone_of(request)) if time else frame.now()
        found = [live_then(entry, when) for entry in store.live_at(when, prompt or None) if me.sees(entry.slug)]
        return frame.page(request, "live.html", found=found, when=when, asked=bool(time), prompt=prompt)


def live_then(entry: HistoryEntry, when: datetime) -> Serving:
    """What a channel served at a moment, from its last move until then."""
    split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
    return Serving(
        slug=entry.slug,
        channel=entry.channel or "",
        version=entry.to_version or 0,
        arms=split.at(when),
        sticky=split.sticky,
        entry=entry,
    )


def _bounded(revision: int | None) -> int | None:
    """A revision that a database can hold."""
    return None if revision is None else max(0, min(revision, 2**62))
