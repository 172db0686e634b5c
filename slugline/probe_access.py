"""Probes for the command line, wherever the registry is: its own database here, or a server that is asked over HTTP.

Both give what `/api/probes` answers, raise the same RegistryErrors, and ask for the same roles; ServerError where a server
can't be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from registry.errors import PromptInvalidError
from registry.roles import Principal, permit
from registry.writing.store import Store
from slugline.local_reads import LocalReads
from slugline.probe_schemas import ProbeBody, ProbeOut, ReferenceBody
from slugline.probing import begin

if TYPE_CHECKING:
    from slugline.client import ServerClient


class ProbeAccess(Protocol):
    """Probes, as somebody works on them."""

    def all_probes(self, slug: str | None = None) -> list[ProbeOut]:
        """Probes of one prompt or of all, oldest first, with their newest nights."""
        ...

    def add(self, body: ProbeBody) -> ProbeOut:
        """Set one up."""
        ...

    def run(self, probe_id: str) -> ProbeOut:
        """Ask the server's keeper to run one now."""
        ...

    def refer(self, probe_id: str, body: ReferenceBody) -> ProbeOut:
        """Compare nights with one from now on, by default the newest that came to its end."""
        ...

    def remove(self, probe_id: str, reason: str = "") -> ProbeOut:
        """Take one away."""
        ...


class LocalProbes:
    """Probes of a registry's own database, as `by` works on them."""

    def __init__(self, store: Store, by: Principal) -> None:
        self._store = store
        self._by = by

    def all_probes(self, slug: str | None = None) -> list[ProbeOut]:
        permit(self._by, "inspect", slug=slug)
        if slug is not None:
            self._store.prompt(slug)  # says what is right when there is no such prompt
        return [ProbeOut.of(self._store, each) for each in self._store.probes(slug) if self._by.sees(each.slug)]

    def add(self, body: ProbeBody) -> ProbeOut:
        from evaluation.checks.cases import check_cases

        version = LocalReads(self._store, self._by).resolve(f"{body.prompt}@{body.version}")
        permit(self._by, "evaluate", slug=version.slug)
        cases = self._store.read_dataset(body.dataset)
        check_cases(cases.cases, cases.checks, source=cases.reference, own_python=False)
        if not (body.model or version.content.model):
            raise PromptInvalidError(
                f"{version.reference} names no model: say which one is to be probed", param="model"
            )
        probe = self._store.add_probe(
            version.slug,
            version.number,
            cases.reference,
            model=body.model,
            repeats=body.repeats,
            budget_usd=body.budget_usd,
            nightly_at=body.nightly_at,
            embedding_model=body.embedding_model,
            reason=body.reason,
            by=self._by,
        )
        return ProbeOut.of(self._store, probe)

    def run(self, probe_id: str) -> ProbeOut:
        probe = self._store.probe(probe_id)
        permit(self._by, "evaluate", slug=probe.slug)
        begin(self._store, probe)
        return ProbeOut.of(self._store, probe)

    def refer(self, probe_id: str, body: ReferenceBody) -> ProbeOut:
        chosen = body.evaluation_id or _newest(ProbeOut.of(self._store, self._store.probe(probe_id)))
        return ProbeOut.of(self._store, self._store.refer_probe(probe_id, chosen, reason=body.reason, by=self._by))

    def remove(self, probe_id: str, reason: str = "") -> ProbeOut:
        return ProbeOut.of(self._store, self._store.remove_probe(probe_id, reason=reason, by=self._by))


class RemoteProbes:
    """Probes of a registry behind a server, as the key's holder works on them."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def all_probes(self, slug: str | None = None) -> list[ProbeOut]:
        return [ProbeOut.model_validate(each) for each in self._client.get("/api/probes", prompt=slug)["probes"]]

    def add(self, body: ProbeBody) -> ProbeOut:
        return ProbeOut.model_validate(self._client.send("POST", "/api/probes", body.model_dump()))

    def run(self, probe_id: str) -> ProbeOut:
        return ProbeOut.model_validate(self._client.send("POST", f"{_path(probe_id)}/run", {}))

    def refer(self, probe_id: str, body: ReferenceBody) -> ProbeOut:
        return ProbeOut.model_validate(self._client.send("POST", f"{_path(probe_id)}/reference", body.model_dump()))

    def remove(self, probe_id: str, reason: str = "") -> ProbeOut:
        told = f"?reason={quote(reason, safe='')}" if reason else ""
        return ProbeOut.model_validate(self._client.send("DELETE", f"{_path(probe_id)}{told}", {}))


def _newest(probe: ProbeOut) -> str:
    """The newest night that came to its end."""
    done: Sequence[str] = [night.evaluation_id for night in probe.nights if night.state == "done"]
    if not done:
        raise PromptInvalidError(
            f"no night of the probe of {probe.target} has come to its end yet", param="evaluation_id"
        )
    return done[0]


def _path(probe_id: str) -> str:
    return f"/api/probes/{quote(probe_id, safe='')}"
