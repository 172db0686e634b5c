"""From settings to scorers, and from a call to its automatic scores. Pure: the clock is an argument.

1. Which calls a scorer sees depends on the call alone: its prompt, its purpose, and for a sample a hash of its id. Asked again, the same
   calls are chosen.
2. A score's id is made of the scorer's name and version and the call's id: scored again after a crash, it replaces itself.
3. A scorer that raises gives an unparsed score with the reason, and stops no other.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from evaluation.scorers.judge import Judge, JudgeOptions
from evaluation.scorers.kinds import KINDS, Check
from evaluation.scorers.settings import ScorerSettings
from evaluation.scorers.subject import ENDPOINTS, Scored, Subject, subject_of, unparsed
from tracing.event import ScoreEvent, ScoreKind, ScoreSource, timestamp

LONGEST_COMMENT = 2000
POSTED_BY = "slugline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which calls a scorer sees."""

    name: str
    prompts: Sequence[str]
    purposes: Sequence[str]
    sample: float

    def takes(self, call: Mapping[str, Any]) -> bool:
        """Whether a call is one of them: it was answered, in words, by a prompt and for a purpose that fit, and is in the sample."""
        return (
            call["outcome"] == "ok"
            and call["endpoint"] in ENDPOINTS
            and call["purpose"] in self.purposes
            and any(fnmatchcase(call["prompt"], pattern) for pattern in self.prompts)
            and sampled(self.name, str(call["call_id"]), self.sample)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A check with its name and version, ready to be used."""

    choice: Choice
    kind: str
    version: str
    gives: ScoreKind
    needs_answer: bool
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorers:
    """All that score automatically: checks at once, judges by asking a model."""

    checks: Sequence[Scorer] = ()
    judges: Sequence[tuple[Choice, Judge]] = ()

    def __bool__(self) -> bool:
        return bool(self.checks or self.judges)


def scorers_of(settings: Mapping[str, ScorerSettings]) -> Scorers:
    """The scorers that settings ask for."""
    checks, judges = [], []
    for name, given in settings.items():
        choice = Choice(name=name, prompts=given.prompts, purposes=given.purposes, sample=given.sample)
        if given.kind == "judge":
            judges.append((choice, Judge(name=name, options=JudgeOptions.model_validate(given.options))))
            continue
        kind = KINDS[given.kind]
        options = kind.options.model_validate(given.options)
        checks.append(
            Scorer(
                choice=choice,
                kind=given.kind,
                version=f"{kind.version}-{_fingerprint(given.options)}" if given.options else kind.version,
                gives=kind.gives(options),
                needs_answer=kind.needs_answer,
                check=kind.make(options),
            )
        )
    return Scorers(checks=tuple(checks), judges=tuple(judges))


def checked(scorers: Sequence[Scorer], call: Mapping[str, Any], at: datetime) -> Iterator[ScoreEvent]:
    """The scores that checks give to a row of `calls`."""
    taking = [scorer for scorer in scorers if scorer.choice.takes(call)]
    subject = subject_of(call) if taking else Subject()
    for scorer in taking:
        said = _said(scorer, subject, call)
        if said is not None:
            yield automatic_score(
                said,
                call_id=str(call["call_id"]),
                name=scorer.choice.name,
                kind=scorer.gives,
                source="code",
                scorer=scorer.kind,
                version=scorer.version,
                identity=scorer.version,
                at=at,
            )


def automatic_score(
    said: Scored,
    *,
    call_id: str,
    name: str,
    kind: ScoreKind,
    source: ScoreSource,
    scorer: str,
    version: str,
    identity: str,
    at: datetime,
) -> ScoreEvent:
    """The event of an automatic score. `identity` tells apart what is to stand beside each other for one name and call."""
    now = timestamp(at)
    return ScoreEvent(
        score_id=f"{name}:{identity}:{call_id}",
        target_kind="call",
        target=call_id,
        ts=now,
        received_at=now,
        name=name,
        value=float(said.value) if isinstance(said.value, bool | int | float) else None,
        label=said.value if isinstance(said.value, str) else "",
        kind=kind,
        source=source,
        scorer=scorer,
        scorer_version=version,
        parsed=said.parsed,
        comment=said.comment[:LONGEST_COMMENT],
        posted_by=POSTED_BY,
    )


def sampled(name: str, call_id: str, share: float) -> bool:
    """Whether a call is in a scorer's sample: always the same answer for the same call, another for another scorer."""
    if share >= 1:
        return True
    digest = hashlib.sha256(f"{name}:{call_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _said(scorer: Scorer, subject: Subject, call: Mapping[str, Any]) -> Scored | None:
    if scorer.needs_answer and not subject.recorded:
        if not call["response"]:
            return None  # it is not to be on record
        return unparsed("the recorded request or answer is not whole JSON")
    try:
        said = scorer.check(subject)
    except Exception as error:
        return unparsed(f"the scorer failed: {type(error).__name__}: {error}")
    return said


def _fingerprint(options: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:8]
