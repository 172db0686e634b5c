"""What `/api/evaluations` takes and gives, as bodies.

Knows shapes, and which fields belong together. Refuses to know how an evaluation is made from them (`slugline.evaluations_api`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry.criteria import Outcome
from registry.evaluations import Evaluation, EvaluationState

_FOR_GATES = {"candidate", "channel"}
_FOR_VERSIONS = {"against", "models", "repeats"}

Word = Annotated[str, Field(min_length=1, max_length=200)]


class EvaluationBody(BaseModel):
    """What to evaluate: with `versions` those over a dataset, as `slugline eval` does; without, what a channel asks of a candidate, as
    `slugline gate` does."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(description="the prompt's slug")
    candidate: str = Field("latest", description="the version that is to get onto the channel: a channel, a number")
    channel: str = "stable"
    dataset: str | None = Field(
        None,
        description="support-golden or support-golden@3; for a gate this alone, by default all that the channel asks for",
    )
    versions: list[Word] | None = Field(
        None, min_length=1, max_length=100, description="the versions to try, each a channel or a number: latest, 7"
    )
    against: Word | None = Field(None, description="with `versions`: the version to compare them with, such as stable")
    models: list[Word] = Field(
        [], max_length=100, description="with `versions`: models to ask instead of a version's own"
    )
    repeats: int = Field(1, ge=1, le=1000, description="with `versions`: how often each case is asked")
    budget_usd: float | None = Field(None, gt=0, description="US dollars for each dataset, judges included")
    embedding_model: str | None = Field(None, description="the model for the check 'similar'")
    dry_run: bool = Field(False, description="say what would be asked and cost, and ask nothing")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.versions is None:
            if odd := sorted(self.model_fields_set & _FOR_VERSIONS):
                raise ValueError(f"'{odd[0]}' goes with 'versions': a gate takes what the channel's policies say")
        elif odd := sorted(self.model_fields_set & _FOR_GATES):
            raise ValueError(f"'{odd[0]}' is a gate's: leave it out, or leave out 'versions'")
        elif self.dataset is None:
            raise ValueError("'dataset' is missing: with 'versions', say which cases to ask")
        return self


class EvaluationOut(BaseModel):
    """An evaluation as far as it is. `outcome` and `reasons` are what the channel's policies make of it now, once it is done."""

    evaluation_id: str
    prompt: str
    dataset: str
    targets: list[str]
    state: EvaluationState
    total: int
    done: int
    failed: int
    cost: float
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    error: str
    candidate: int | None = None
    channel: str | None = None
    outcome: Outcome | None = None
    reasons: list[str] = Field(default_factory=list)
    needed: int | None = None
    facts: dict[str, Any] | None = None

    @classmethod
    def of(cls, one: Evaluation) -> Self:
        """What the registry has of it, without facts and what follows from them."""
        gate = one.plan.get("gate") or {}
        return cls(
            evaluation_id=one.evaluation_id,
            prompt=one.slug,
            dataset=one.dataset_reference,
            targets=[_label(target) for target in one.plan.get("targets", ())],
            state=one.state,
            total=one.total,
            done=one.done,
            failed=one.failed,
            cost=one.cost,
            created_by=one.actor,
            created_at=one.created_at,
            ended_at=one.ended_at,
            error=one.error,
            candidate=gate.get("candidate"),
            channel=gate.get("channel"),
        )


class EvaluationList(BaseModel):
    """Evaluations, newest first."""

    evaluations: list[EvaluationOut]


class AskedOut(BaseModel):
    """What was asked for: the evaluations that wait now, none for a dry run. `expected` says, a sentence for each, what it will ask and
    about what it will cost."""

    evaluations: list[EvaluationOut]
    expected: list[str]


def _label(target: Any) -> str:
    on = f" on {target['model']}" if target.get("model") else ""
    return f"{target['slug']}@{target['version']}{on}"
