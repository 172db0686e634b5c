"""What an evaluation asks, and in which order: targets, cases and repeats become attempts. Pure.

Knows which attempts are the same, and which are left. Refuses to know how one is carried out, and what it costs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import orjson

from evaluation.runs.errors import EvaluationError
from evaluation.runs.values import Attempt, Target
from registry.cases import Case, Check

Key = tuple[str, str, int]
"""An attempt within its evaluation: the target's label, the case's id, the repeat."""

FORMAT = 1
MOST_ATTEMPTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that an evaluation tries. It never changes once the evaluation has an id: what is left is what has no result.

    `dataset` and `number` say where the cases come from; a file of cases has its name in `dataset` and the number 0. `checks` hold for
    every case, before its own. `hashes` are the content hashes of the targets' versions, by label. `baseline` is the label of the target
    that the others are compared with. `embedding_model` is asked for what the check `similar` compares.
    """

    targets: tuple[Target, ...]
    cases: tuple[Case, ...]
    checks: tuple[Check, ...] = ()
    repeats: int = 1
    baseline: str | None = None
    dataset: str = ""
    number: int = 0
    hashes: Mapping[str, str] = field(default_factory=dict)
    embedding_model: str | None = None

    def __post_init__(self) -> None:
        labels = [target.label for target in self.targets]
        if not labels:
            raise EvaluationError("an evaluation needs a version to try: name one, such as support-agent@latest")
        if len({target.slug for target in self.targets}) > 1:
            slugs = ", ".join(sorted({target.slug for target in self.targets}))
            raise EvaluationError(f"an evaluation tries versions of one prompt, not of several ({slugs})")
        if not self.cases:
            raise EvaluationError(f"there is no case to try in {self.dataset or 'the dataset'}")
        if self.repeats < 1:
            raise EvaluationError(f"a case is tried once or more often, not {self.repeats} times")
        if self.baseline is not None and self.baseline not in labels:
            raise EvaluationError(f"the baseline {self.baseline} is none of the targets ({', '.join(labels)})")
        if self.size > MOST_ATTEMPTS:
            raise EvaluationError(
                f"{self.size:,} attempts are more than an evaluation may have ({MOST_ATTEMPTS:,}): take fewer targets, cases or repeats"
            )

    @property
    def slug(self) -> str:
        """The prompt whose versions are tried."""
        return self.targets[0].slug

    @property
    def source(self) -> str:
        """Where the cases come from, for people: `support-golden@3`, `tests.yaml`."""
        return f"{self.dataset}@{self.number}" if self.number else self.dataset

    @property
    def size(self) -> int:
        """How many attempts there are."""
        return len(_distinct(self.targets)) * len({case.case_id for case in self.cases}) * self.repeats

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order in which they are begun.

        A case meets all targets one after the other, so that a provider that changes in the course of the run changes for all alike; which
        target is the first goes round from case to case. All cases come once before any comes again.
        """
        targets = _distinct(self.targets)
        cases = {case.case_id: case for case in self.cases}
        found = []
        for repeat in range(self.repeats):
            for place, case in enumerate(cases.values(), start=repeat):
                first = place % len(targets)
                turn = (*targets[first:], *targets[:first])
                found += [Attempt(target=target, case=case, repeat=repeat) for target in turn]
        return found

    def left(self, done: Collection[Key]) -> list[Attempt]:
        """The attempts that have no result yet, in order."""
        return [attempt for attempt in self.attempts() if attempt.key not in done]

    def request_key(self, attempt: Attempt) -> str:
        """Equal for attempts that ask the same model the same thing for the same time: what a version says, what goes into it, and which
        repetition it is. Repeats are there to show the noise, so one's answer is never another's."""
        asked = [self.hashes.get(attempt.target.label, attempt.target.label), attempt.target.model]
        about = [*asked, attempt.case.variables, attempt.case.messages, attempt.repeat]
        return hashlib.sha256(orjson.dumps(about, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, all cases in it: whoever resumes it needs nothing else."""
        told: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return {"format": FORMAT, **told}

    def without_cases(self) -> dict[str, Any]:
        """The plan as JSON values where the cases are kept elsewhere: in the dataset that it names."""
        return {name: value for name, value in self.to_json().items() if name not in {"cases", "checks"}}

    @classmethod
    def with_cases(cls, told: Mapping[str, Any], cases: Sequence[Case], checks: Sequence[Check]) -> Self:
        """A plan as `without_cases` wrote it, with its cases. Raises EvaluationError."""
        given = orjson.loads(orjson.dumps({"cases": cases, "checks": checks}))
        return cls.from_json({**told, **given})

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """A plan as `to_json` wrote it. Raises EvaluationError."""
        if told.get("format") != FORMAT:
            raise EvaluationError(
                f"the evaluation's plan has the format {told.get('format')!r}, and this release reads {FORMAT}: "
                "resume it with the release that began it"
            )
        try:
            return msgspec.convert({name: value for name, value in told.items() if name != "format"}, cls)
        except msgspec.ValidationError as error:
            raise EvaluationError(f"the evaluation's plan can't be read: {error}") from error


def _distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    return tuple({target.label: target for target in targets}.values())
