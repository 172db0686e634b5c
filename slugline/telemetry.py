"""How a server's telemetry hangs together: what is counted where, `/metrics`, and who may see a trace.

Knows the data folder, the registry's state and roles. The metrics themselves are `tracing.telemetry`'s.
"""

import time
from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request
from starlette.responses import Response

from registry.errors import AuthPromptNotAllowedError
from registry.roles import Principal, permit
from registry.serving.live import LiveRegistry
from slugline.folder import DataFolder
from slugline.folder_metrics import folder_metrics
from tracing.event import CallEvent, Event
from tracing.telemetry import prometheus
from tracing.telemetry.counters import Counters
from tracing.telemetry.metrics import call_metrics, gauge
from tracing.telemetry.totals import read_totals


def counted(append: Callable[[Event], bool], counters: Counters) -> Callable[[CallEvent], bool]:
    """Puts a call on record, and counts it."""

    def record(event: CallEvent) -> bool:
        recorded = append(event)
        counters.call(event, recorded=recorded)
        return recorded

    return record


def may_see(who: Callable[[Request], Principal]) -> Callable[[Request, Iterable[str]], None]:
    """Whether whoever asks may see something that is made of these prompts' calls; raises RegistryError.

    The empty name stands for what belongs to no prompt: whoever is bound to some prompts may not see that.
    """

    def check(request: Request, prompts: Iterable[str]) -> None:
        by = who(request)
        permit(by, "inspect")
        hidden = sorted(slug for slug in prompts if by.prompts and not (slug and by.sees(slug)))
        if hidden:
            what = "prompts that are not among them" if any(hidden) else "calls and spans that name none of them"
            raise AuthPromptNotAllowedError(
                f"{by.name} may use the prompts {', '.join(by.prompts[:20])} only, and this shows {what}",
                param="prompt",
            )

    return check


def build_router(
    folder: DataFolder, live: LiveRegistry, permitted: Callable[[Request, Iterable[str]], None], *, embedded: bool
) -> APIRouter:
    """`GET /metrics`: open on loopback, for keys that may inspect everything beyond it."""
    router = APIRouter(tags=["health"])

    @router.get("/metrics", summary="Metrics of all workers, for Prometheus")
    def metrics(request: Request) -> Response:
        permitted(request, {""})
        fresh = live.look()
        told = [
            *call_metrics(read_totals(folder.counters)),
            *folder_metrics(folder, time.time(), embedded=embedded),
            gauge("slugline.registry.revision", "{revision}", "The registry's revision that is served.", live.revision),
            gauge(
                "slugline.registry.stale",
                "1",
                "1 while calls are served from the last snapshot, else 0.",
                int(not fresh),
            ),
        ]
        return Response(prometheus.text(told), media_type=prometheus.CONTENT_TYPE)

    return router
