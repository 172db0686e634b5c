"""Probes over HTTP: sets them up, says what their nights found, and runs one now. The keeper runs them.

Knows routes. Refuses to know what a night is compared with and how (`slugline.probing`).
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request

from registry.probes import Probe
from registry.roles import Principal, permit
from registry.writing.store import Store
from slugline.probe_access import LocalProbes
from slugline.probe_schemas import ProbeBody, ProbeList, ProbeOut, ReferenceBody

By = Callable[[Request], Principal]


def build_router(store: Store, by: By) -> APIRouter:
    """The routes; `by` says who asks. What is seen is what the key's prompts let be seen."""
    router = APIRouter(prefix="/api/probes", tags=["probes"])

    @router.get("")
    def list_probes(request: Request, prompt: str | None = None) -> ProbeList:
        """Probes with their newest nights, oldest first."""
        return ProbeList(probes=LocalProbes(store, by(request)).all_probes(prompt))

    @router.post("", status_code=201)
    def add_probe(body: ProbeBody, request: Request) -> ProbeOut:
        """Set up a probe; its first night, the reference, begins at once."""
        return LocalProbes(store, by(request)).add(body)

    @router.get("/{probe_id}")
    def get_probe(probe_id: str, request: Request) -> ProbeOut:
        """One probe with its newest nights."""
        return ProbeOut.of(store, _seen(probe_id, by(request)))

    @router.post("/{probe_id}/run", status_code=202)
    def run_probe(probe_id: str, request: Request) -> ProbeOut:
        """Run it now; the newest of its nights is this one."""
        return LocalProbes(store, by(request)).run(probe_id)

    @router.post("/{probe_id}/reference")
    def refer_probe(probe_id: str, body: ReferenceBody, request: Request) -> ProbeOut:
        """Compare nights with this one from now on."""
        return LocalProbes(store, by(request)).refer(probe_id, body)

    @router.delete("/{probe_id}")
    def remove_probe(probe_id: str, request: Request, reason: str = "") -> ProbeOut:
        """Take a probe away; what its nights found stays."""
        return LocalProbes(store, by(request)).remove(probe_id, reason)

    def _seen(probe_id: str, me: Principal) -> Probe:
        permit(me, "inspect")
        found = store.probe(probe_id)
        permit(me, "inspect", slug=found.slug)
        return found

    return router
