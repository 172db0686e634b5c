"""What a channel asks of an evaluation, and whether its facts give it. Pure.

Knows policies, how they are written down, and what the findings of their criteria come to. Refuses to know how facts came about, where
either is kept, and whether the evidence is still about what is served (`registry.rules`). docs/gates.md says why it decides as it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any, Literal

from registry.criteria import Outcome, increase, must_pass, no_worse, thresholds, whole
from registry.errors import PromptInvalidError, PromptReferenceInvalidError, nearest
from registry.facts import read_facts
from registry.reference import parse_reference

_MOST_METRICS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is looked at after a promotion, for `days`: `scores` by name, which must not get worse by more than `margin`, in the scores' own
    unit. `then` says what follows from an alarm: `tell` puts it into the history, `roll back` also puts the version before back.
    """

    scores: tuple[str, ...]
    margin: float = 0.02
    days: float = 14.0
    then: Literal["tell", "roll back"] = "tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a channel asks of an evaluation on `dataset` (`support-golden`, or `support-golden@3` for always that version).

    `margin` is the share of cases by which a candidate may be worse than the version in the channel, shown at a one-sided `confidence`.
    `min_pass_rate` and `metrics` (metric to least mean score) are about the dataset's cases as they are, without a baseline. Increases are
    shares of the baseline: 0.1 is 10 % more. `uncertain` "allow" takes for a pass what too few cases leave open, where what was measured
    is within its limit.
    """

    dataset: str
    margin: float = 0.05
    confidence: float = 0.95
    min_pass_rate: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    max_age_hours: float = 168.0
    max_cost_increase: float | None = None
    max_latency_increase: float | None = None
    max_length_increase: float | None = None
    repeats: int = 1
    uncertain: Literal["refuse", "allow"] = "refuse"
    watch: Watch | None = None

    @property
    def dataset_name(self) -> str:
        """The dataset's name without a number."""
        return self.dataset.partition("@")[0]

    @property
    def dataset_number(self) -> int | None:
        """The version of the dataset that the evidence must be of; None for its newest."""
        number = self.dataset.partition("@")[2]
        return int(number) if number else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy makes of facts, a sentence for each reason. `needed` is how many cases would decide, None where more wouldn't."""

    outcome: Outcome
    reasons: tuple[str, ...]
    needed: int | None = None


_FIELDS = tuple(each.name for each in fields(Policy))


def read_policy(data: Mapping[str, Any]) -> Policy:
    """A policy from its JSON form, where all but the dataset has a default. PromptInvalidError names the field and what would be right."""
    if not isinstance(data, Mapping):
        raise _invalid("policy", f"is an object with the fields {', '.join(_FIELDS)}")
    for name in data:
        if name not in _FIELDS:
            guess = nearest(str(name), _FIELDS)
            hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(_FIELDS)}"
            raise _invalid(str(name)[:80], f"is not a field of a policy; {hint}")
    uncertain = data.get("uncertain", "refuse")
    if uncertain not in ("refuse", "allow"):
        raise _invalid("policy.uncertain", f"is 'refuse' or 'allow', not {uncertain!r}")
    repeats = data.get("repeats", 1)
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= 100:
        raise _invalid("policy.repeats", f"is a whole number from 1 to 100, not {repeats!r}")
    return Policy(
        dataset=_dataset(data.get("dataset")),
        margin=_required(data, "margin", 0.05, 0.0, 1.0),
        confidence=_required(data, "confidence", 0.95, 0.8, 0.999),
        min_pass_rate=_number(data, "min_pass_rate", 0.0, 1.0),
        metrics=_metrics(data.get("metrics")),
        max_age_hours=_required(data, "max_age_hours", 168.0, 0.01, 1_000_000.0),
        max_cost_increase=_number(data, "max_cost_increase", 0.0, 1000.0),
        max_latency_increase=_number(data, "max_latency_increase", 0.0, 1000.0),
        max_length_increase=_number(data, "max_length_increase", 0.0, 1000.0),
        repeats=repeats,
        uncertain="allow" if uncertain == "allow" else "refuse",
        watch=_watch(data.get("watch")),
    )


def write_policy(policy: Policy) -> dict[str, Any]:
    """A policy as JSON, every field named, so that a default that changes one day changes no policy."""
    told = {**asdict(policy), "metrics": dict(policy.metrics)}
    return told if policy.watch is None else {**told, "watch": {**told["watch"], "scores": list(policy.watch.scores)}}


def decide(policy: Policy, facts: Mapping[str, Any], *, tries: int = 1) -> Decision:
    """Pass, fail or not enough cases. Raises PromptInvalidError for facts in a format that it doesn't know.

    One criterion that fails fails the whole; one that can't tell keeps it from passing. `tries` counts this evaluation of the same versions
    on the same cases and those before it that did not pass: the more, the surer it must be.
    """
    known, allow = read_facts(facts), policy.uncertain == "allow" and tries == 1
    increases = {
        "cost": policy.max_cost_increase,
        "latency": policy.max_latency_increase,
        "length": policy.max_length_increase,
    }
    found = [
        *must_pass(known),
        *whole(known, dataset=policy.dataset_name, number=policy.dataset_number, repeats=policy.repeats),
        *no_worse(known, margin=policy.margin, confidence=policy.confidence, allow=allow, tries=tries),
        *thresholds(known, min_pass_rate=policy.min_pass_rate, metrics=policy.metrics),
    ]
    for name, allowed in increases.items():
        found += increase(known, name, allowed=allowed, confidence=policy.confidence, allow=allow, tries=tries)
    failed = [each.sentence for each in found if each.outcome == "fail"]
    unsure = [each for each in found if each.outcome == "not_enough_cases"]
    if failed:
        return Decision(outcome="fail", reasons=(*failed, *(each.sentence for each in unsure)))
    if unsure:
        needed = max((each.needed for each in unsure if each.needed is not None), default=None)
        return Decision(outcome="not_enough_cases", reasons=tuple(each.sentence for each in unsure), needed=needed)
    said = tuple(each.sentence for each in found)
    return Decision(outcome="pass", reasons=said or ("there is nothing to compare it with, and no threshold is set",))


def _watch(given: Any) -> Watch | None:
    if given is None:
        return None
    known = tuple(each.name for each in fields(Watch))
    if not isinstance(given, Mapping) or any(name not in known for name in given):
        raise _invalid("policy.watch", f"is an object with the fields {', '.join(known)}")
    scores, then = given.get("scores"), given.get("then", "tell")
    if not isinstance(scores, list | tuple) or not scores or not all(isinstance(name, str) and name for name in scores):
        raise _invalid("policy.watch.scores", "names the scores to look at, such as ['helpful']")
    if len(scores) > _MOST_METRICS:
        raise _invalid("policy.watch.scores", f"names at most {_MOST_METRICS} scores")
    if then not in ("tell", "roll back"):
        raise _invalid("policy.watch.then", f"is 'tell' or 'roll back', not {then!r}")
    return Watch(
        scores=tuple(dict.fromkeys(scores)),
        margin=_checked("policy.watch.margin", given.get("margin", 0.02), 0.0, 1_000_000.0),
        days=_checked("policy.watch.days", given.get("days", 14.0), 0.05, 365.0),
        then="roll back" if then == "roll back" else "tell",
    )


def _dataset(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise _invalid("policy.dataset", "names a dataset, such as 'support-golden' or 'support-golden@3'")
    try:
        reference = parse_reference(given)
    except PromptReferenceInvalidError as error:
        raise _invalid("policy.dataset", f"is no name of a dataset: {error.message}") from error
    if isinstance(reference.selector, str):
        raise _invalid(
            "policy.dataset", f"takes a number after '@', such as '{reference.slug}@3', not {reference.selector!r}"
        )
    return str(reference)


def _metrics(given: Any) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or len(given) > _MOST_METRICS:
        raise _invalid(
            "policy.metrics",
            f"gives at most {_MOST_METRICS} metrics their least mean score, such as {{'similar': 0.8}}",
        )
    found = {}
    for name, least in given.items():
        if not isinstance(name, str) or not name:
            raise _invalid("policy.metrics", f"names metrics by text, not {name!r}")
        found[name] = _checked(f"policy.metrics.{name[:80]}", least, 0.0, 1.0)
    return found


def _required(data: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    return _checked(f"policy.{name}", data.get(name, default), least, most)


def _number(data: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    return None if data.get(name) is None else _checked(f"policy.{name}", data[name], least, most)


def _checked(name: str, value: Any, least: float, most: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not isfinite(value)
        or not least <= value <= most
    ):
        raise _invalid(name, f"is a number from {least:g} to {most:,.10g}, not {value!r}")
    return float(value)


def _invalid(name: str, said: str) -> PromptInvalidError:
    return PromptInvalidError(f"'{name}' {said}", param=name)
