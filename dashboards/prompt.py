"""One prompt on one screen: what is live, who changed it and what exactly changed, how to try a new version, how to go back.

Knows how the page is put together from the registry. Refuses to know HTML, and to write: `dashboards.moves` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from dashboards.channels import Channel, channels_of
from dashboards.examples import Example, example
from dashboards.forms import Form
from dashboards.frame import Frame, base_url
from dashboards.gates import GateView, gates_of
from dashboards.text import told
from registry.diffs.compare import Diff, diff
from registry.errors import STATUS, PromptConflictError, RegistryError, version_not_found
from registry.reference import check_channel, check_slug
from registry.roles import Principal
from registry.storage.database import reading
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST
from registry.values import HistoryEntry, PromotionRequest, Prompt, Schedule, Version
from registry.writing.fragments import FragmentUser, users_of
from registry.writing.store import Store

MOST_VERSIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A form as it was sent and refused; empty where none was."""

    name: str = ""
    message: str = ""
    form: Form = field(default_factory=Form)
    status: int = 200

    def of(self, name: str) -> Form:
        """What was typed into a form."""
        return self.form if name == self.name else Form()

    def problem(self, name: str) -> str:
        """Why a form was refused."""
        return self.message if name == self.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that the page shows."""

    prompt: Prompt
    channels: list[Channel]
    chosen: Channel
    version: int
    missing: list[str]
    gates: list[GateView]
    last_change: Diff | None
    last_entry: HistoryEntry | None
    next_change: Diff | None
    versions: list[Version]
    on: dict[int, list[str]]
    requests: list[PromotionRequest]
    schedules: list[Schedule]
    users: list[FragmentUser]
    examples: list[Example]
    done: str


def refused(name: str, form: Form, error: RegistryError) -> Attempt:
    """A refused form, to show it again as it was typed."""
    message = error.message
    if isinstance(error, PromptConflictError):
        message = (
            "somebody else changed this prompt since you opened the page: look at what is live now, and decide anew"
        )
    return Attempt(name=name, message=message, form=form, status=STATUS[type(error)])


def add_prompt(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/prompts/{slug}`."""

    @router.get("/prompts/{slug}")
    def get_prompt(
        slug: str, request: Request, channel: str = STABLE, version: int | None = None, done: str = ""
    ) -> HTMLResponse:
        return show(frame, store, request, slug, channel=channel, version=version, done=done)


def show(
    frame: Frame,
    store: Store,
    request: Request,
    slug: str,
    *,
    channel: str = STABLE,
    version: int | None = None,
    done: str = "",
    attempt: Attempt | None = None,
    notice: str = "",
) -> HTMLResponse:
    """The page, with a form that was refused where one was; `notice` is what to say on top."""
    me = frame.visitor(request, slug=check_slug(slug))
    attempt = attempt or Attempt()
    keyed = me.identity.startswith("key:")
    view = gather(
        frame, store, me, slug, channel=channel, version=version, done=done, base=base_url(request), keyed=keyed
    )
    return frame.page(request, "prompt.html", status=attempt.status, view=view, attempt=attempt, notice=notice)


def gather(
    frame: Frame,
    store: Store,
    me: Principal,
    slug: str,
    *,
    channel: str,
    version: int | None,
    done: str,
    base: str,
    keyed: bool,
) -> View:
    """What the page shows to somebody. Raises PromptNotFoundError, PromptVersionNotFoundError and PromptReferenceInvalidError."""
    prompt = store.prompt(slug)
    now = frame.now()
    channel = STABLE if channel == LATEST else check_channel(channel)
    channels = channels_of(store, prompt, now, also=channel)
    chosen = next(each for each in channels if each.name == channel)
    versions = store.versions(slug)
    by_number = {each.number: each for each in versions}
    if version is not None and version not in by_number:
        raise version_not_found(slug, version, prompt.latest)
    target = version or prompt.latest
    stable = channels[0].serving
    with reading(store.engine) as connection:
        users = [user for user in users_of(connection, slug, now=now).current if me.sees(user.slug)]
    latest = by_number[prompt.latest]
    gates = gates_of(store, slug, chosen.rule, target, prompt.channels.get(channel), now)
    return View(
        prompt=prompt,
        channels=channels,
        chosen=chosen,
        version=target,
        missing=beside(gates, store.lacking(slug, channel, target)),
        gates=gates,
        **_changes(channels[0], by_number, prompt, store.history(slug, limit=200)),
        next_change=diff(by_number[stable.version], latest) if stable and stable.version != latest.number else None,
        versions=versions[:MOST_VERSIONS],
        on=on_channels(channels),
        requests=store.requests(slug, state="open"),
        schedules=store.schedules(slug, state="waiting"),
        users=users,
        examples=[
            example(latest, LATEST, base_url=base, keyed=keyed),
            example(by_number[target], str(target), base_url=base, keyed=keyed),
        ],
        done=done_sentence(store, slug, done),
    )


def beside(gates: Sequence[GateView], missing: Sequence[str]) -> list[str]:
    """What is missing beside what the gates themselves say."""
    said = tuple(sentence for gate in gates for sentence in gate.missing)
    return [sentence for sentence in missing if not sentence.startswith(said)]


def on_channels(channels: list[Channel]) -> dict[int, list[str]]:
    """The channels that serve each version, a share of them or all."""
    found: dict[int, list[str]] = {}
    for channel in channels:
        for band in channel.serving.bands if channel.serving else ():
            found.setdefault(band.version, []).append(channel.name)
    return found


def done_sentence(store: Store, slug: str, done: str) -> str:
    """What the write of a revision did, for whoever made it a moment ago. It is read from the history, so a made-up link says nothing
    untrue."""
    if done == "nothing":
        return "Nothing to do: it stood there already."
    if not done.isascii() or not done.isdigit() or len(done) > 15:
        return ""
    for entry in store.history(slug, limit=1, before_revision=int(done) + 1):
        if entry.revision == int(done):
            return f"{entry.actor} {told(entry)}."
    return ""


def _put(move: HistoryEntry, version: int) -> bool:
    """Whether a write is the one that put a version on `stable`, in place of another."""
    return move.channel == STABLE and move.to_version == version != move.from_version


def _changes(stable: Channel, versions: dict[int, Version], prompt: Prompt, past: list[HistoryEntry]) -> dict[str, Any]:
    """The newest change of what users get: of `stable`, or of the newest version where nothing is on that."""
    entry: HistoryEntry | None = None
    if stable.serving is not None:
        new = stable.serving.version
        entry = next((move for move in past if _put(move, new)), None)
        old = entry.from_version if entry else stable.back
    else:
        new, old = prompt.latest, prompt.latest - 1 or None
    found = diff(versions[old], versions[new]) if old in versions and new in versions else None
    return {"last_change": found, "last_entry": entry}
