"""What `/api/probes` takes and gives, as bodies; the command line prints the same.

Knows shapes. Refuses to know how a probe is run (`slugline.probing`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from registry.probes import Probe, ProbeNight
from registry.writing.store import Store
from slugline.probing import reference_of

_MOST_NIGHTS = 30


class ProbeBody(BaseModel):
    """A probe to set up."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(description="the prompt's slug")
    version: str = Field("stable", description="the version that is asked from now on, by a channel or its number")
    dataset: str = Field(
        description="the cases: support-golden or support-golden@3; without a number the newest, from now on"
    )
    model: str | None = Field(None, description="a model to ask instead of the version's own")
    repeats: int = Field(1, ge=1, le=100, description="how often each case is asked in a night")
    budget_usd: float = Field(1.0, gt=0, description="US dollars for each night, judges included")
    nightly_at: str = Field("03:00", description="when, UTC")
    embedding_model: str | None = Field(None, description="the model for the check 'similar'")
    reason: str = ""


class ReferenceBody(BaseModel):
    """The night that others are compared with from now on."""

    model_config = ConfigDict(extra="forbid")

    evaluation_id: str | None = Field(None, description="by default the newest that came to its end")
    reason: str = ""


class NightOut(BaseModel):
    """One night. `state`, `done` and `cost` are its evaluation's; `change` is what it came to against the reference."""

    night: str
    at: datetime
    evaluation_id: str
    reference: bool
    state: str
    done: int
    total: int
    failed: int
    cost: float
    error: str
    changed: bool | None
    sentence: str
    change: dict[str, Any] | None = None


class ProbeOut(BaseModel):
    """A probe, and its newest nights in front. `sentence` is what the newest compared night says."""

    probe_id: str
    prompt: str
    version: int
    model: str | None
    target: str
    dataset: str
    repeats: int
    budget_usd: float
    nightly_at: str
    created_by: str
    created_at: datetime
    removed_at: datetime | None
    changed: bool | None
    sentence: str
    nights: list[NightOut]

    @classmethod
    def of(cls, store: Store, probe: Probe) -> Self:
        """With what the registry has of its nights. Raises RegistryError."""
        all_nights = store.probe_nights(probe.probe_id)
        reference = reference_of(store, probe, all_nights)
        nights = [_night_of(store, each, reference) for each in all_nights[:_MOST_NIGHTS]]
        newest = next((each for each in nights if each.changed is not None), None)
        return cls(
            probe_id=probe.probe_id,
            prompt=probe.slug,
            version=probe.version,
            model=probe.model,
            target=probe.target,
            dataset=probe.source,
            repeats=probe.repeats,
            budget_usd=probe.budget_usd,
            nightly_at=probe.nightly_at,
            created_by=probe.actor,
            created_at=probe.created_at,
            removed_at=probe.removed_at,
            changed=None if newest is None else newest.changed,
            sentence="" if newest is None else newest.sentence,
            nights=nights,
        )


class ProbeList(BaseModel):
    """Probes, oldest first."""

    probes: list[ProbeOut]


def _night_of(store: Store, night: ProbeNight, reference: ProbeNight | None) -> NightOut:
    from registry.errors import EvaluationNotFoundError

    change = None if night.change is None else dict(night.change)
    out = NightOut(
        night=night.night,
        at=night.at,
        evaluation_id=night.evaluation_id,
        reference=night == reference,
        state="queued",
        done=0,
        total=0,
        failed=0,
        cost=0.0,
        error="",
        changed=None if change is None else bool(change["changed"]),
        sentence="" if change is None else str(change["sentence"]),
        change=change,
    )
    try:
        ran = store.evaluation(night.evaluation_id)
    except EvaluationNotFoundError:
        return out
    told = {
        "state": ran.state,
        "done": ran.done,
        "total": ran.total,
        "failed": ran.failed,
        "cost": ran.cost,
        "error": ran.error,
    }
    return out.model_copy(update=told)
