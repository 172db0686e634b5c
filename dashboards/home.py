"""The list of prompts: what is live of each, since when and by whom, what waits, and how much it is called.

Knows what the list shows and how it is searched. Refuses to know HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from dashboards.channels import Serving, last_moves, serving
from dashboards.frame import Frame
from registry.roles import Principal
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST
from registry.values import Prompt
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A prompt in the list; `stable` is None until something was promoted."""

    prompt: Prompt
    stable: Serving | None
    others: tuple[Serving, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The prompts that were asked for, and how many more there are."""

    shown: list[Listed]
    hidden_archived: int
    open_requests: int
    any: bool


def add_home(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    """`/`."""
    traffic_sql = (resources.files("dashboards") / "home.sql").read_text("utf-8")

    @router.get("/")
    async def home(request: Request, q: str = "", archived: bool = False) -> HTMLResponse:
        me = frame.visitor(request)
        found = await to_thread.run_sync(lambda: listing(store, frame, me, q, archived=archived))
        problem, traffic = "", {}
        try:
            rows = (await clickhouse.query(traffic_sql, max_execution_time=10)).dicts()
            traffic = {(row["prompt"], row["version"]): row for row in rows}
        except (ClickHouseUnavailable, ClickHouseRefused) as error:
            problem = str(error)
        return frame.page(request, "home.html", found=found, q=q, archived=archived, traffic=traffic, problem=problem)


def listing(store: Store, frame: Frame, me: Principal, q: str, *, archived: bool) -> Listing:
    """Prompts that somebody may see and that have every word of `q` in slug, purpose, owner or tags."""
    now = frame.now()
    moves = last_moves(store)
    seen = [prompt for prompt in store.prompts() if me.sees(prompt.slug)]
    fitting = [prompt for prompt in seen if _fits(prompt, q)]
    shown = []
    for prompt in fitting:
        if prompt.archived_at is not None and not archived:
            continue
        channels = {
            name: serving(prompt, name, moves.get((prompt.slug, name)), now)
            for name in sorted(prompt.channels)
            if name != LATEST
        }
        stable = channels.pop(STABLE, None)
        shown.append(Listed(prompt=prompt, stable=stable, others=tuple(channels.values())))
    waiting = [request for request in store.requests(state="open") if me.sees(request.slug)]
    return Listing(shown=shown, hidden_archived=len(fitting) - len(shown), open_requests=len(waiting), any=bool(seen))


def _fits(prompt: Prompt, q: str) -> bool:
    text = " ".join((prompt.slug, prompt.purpose, prompt.owner, *prompt.tags)).lower()
    return all(word in text for word in q.lower().split())
