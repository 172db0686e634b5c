"""Which changes are one: several metrics of a prompt, or several prompts that one model answers, that moved at about the same time. Pure.

Knows times, models and moves of channels. Refuses to know how a change is found, and what is told of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evaluation.monitors.looking import Found
from registry.alerts import About, Alert, AlertLine

NEAR = timedelta(hours=6)
"""Changes whose possible beginnings lie no farther apart than this are taken for one."""

BY_HAND = timedelta(hours=2)
"""A move of a channel so near to the possible beginnings of a change is suspected to be its cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A move of a prompt's channel: a promotion, a rollback or a rollout."""

    slug: str
    channel: str
    action: str
    version: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes that are told as one. `extends` is the open alert that they belong to, None for a new one."""

    about: About
    name: str
    lines: tuple[AlertLine, ...]
    cause: dict[str, Any] = field(default_factory=dict)
    extends: str | None = None


def group(found: Sequence[Found], moves: Sequence[Moved], alerts: Iterable[Alert]) -> list[Group]:
    """What is to be told. A served model that changed with a move of the prompt's channel alone is not: somebody did it on purpose."""
    mine = [_of_prompt(some, moves) for some in _clusters(found)]
    groups = [each for each, _ in mine if each.cause.get("kind") == "promotion"]
    others = [(each, model) for each, model in mine if each.cause.get("kind") != "promotion"]
    groups = [each for each in groups if any(line.metric != "served_models" for line in each.lines)]
    for some in _clusters_of_groups(others):
        if len({each.name for each, _ in some}) > 1:
            lines = tuple(line for each, _ in some for line in each.lines)
            groups.append(Group(about="model", name=some[0][1], lines=lines, cause=_common(some[0][1], lines)))
        else:
            groups += [each for each, _ in some]
    standing = [alert for alert in alerts if alert.state == "open"]
    return [_placed(each, {f.line.slug: f.model for f in found}, standing) for each in groups]


def near(one: Iterable[AlertLine], other: Iterable[AlertLine]) -> bool:
    """Whether two sets of changes may have begun together."""
    (a, b), (c, d) = _span(one), _span(other)
    return a - NEAR <= d and c - NEAR <= b


def _clusters(found: Sequence[Found]) -> list[list[Found]]:
    clusters: list[list[Found]] = []
    for each in sorted(found, key=lambda one: (one.line.slug, one.line.since, one.line.metric)):
        slug = each.line.slug
        same = [some for some in clusters if some[0].line.slug == slug and near([f.line for f in some], [each.line])]
        if same:
            same[0].append(each)
        else:
            clusters.append([each])
    return clusters


def _clusters_of_groups(groups: Sequence[tuple[Group, str]]) -> list[list[tuple[Group, str]]]:
    clusters: list[list[tuple[Group, str]]] = []
    for each in groups:
        same = [
            some for some in clusters if each[1] and some[0][1] == each[1] and near(some[0][0].lines, each[0].lines)
        ]
        if same:
            same[0].append(each)
        else:
            clusters.append([each])
    return clusters


def _of_prompt(some: Sequence[Found], moves: Sequence[Moved]) -> tuple[Group, str]:
    lines = tuple(each.line for each in some)
    slug, model = lines[0].slug, some[0].model
    begin, end = _span(lines)
    suspects = [
        move for move in moves if move.slug == slug and begin - BY_HAND <= move.at <= end + timedelta(hours=1) + BY_HAND
    ]
    cause: dict[str, Any] = {}
    if suspects:
        move = min(suspects, key=lambda each: abs(each.at - lines[0].since))
        verb = {"rollback": "was rolled back to", "rollout": "was rolled out on"}.get(move.action, "was promoted to")
        cause = {
            "kind": "promotion",
            "text": f"version {move.version} {verb} {move.channel} on {move.at:%Y-%m-%d %H:%M} UTC by {move.by}",
            "version": move.version,
            "channel": move.channel,
            "at": move.at.isoformat(),
        }
    elif (served := next((line for line in lines if line.metric == "served_models"), None)) is not None:
        cause = {
            "kind": "model",
            "text": f"the model that answers changed: {served.note}",
            "at": served.since.isoformat(),
        }
    return Group(about="prompt", name=slug, lines=lines, cause=cause), model


def _common(model: str, lines: Sequence[AlertLine]) -> dict[str, Any]:
    count = len({line.slug for line in lines})
    served = next((line.note for line in lines if line.metric == "served_models"), "")
    text = f"{count} prompts that {model} answers changed at about the same time, and nobody moved a channel of theirs"
    return {
        "kind": "model",
        "text": f"{text}: {served}" if served else text,
        "at": min(line.since for line in lines).isoformat(),
    }


def _placed(each: Group, models: dict[str, str], standing: Sequence[Alert]) -> Group:
    """The group with the open alert that it belongs to."""
    for alert in standing:
        if not near(alert.lines, each.lines):
            continue
        same_prompts = {line.slug for line in each.lines} <= set(alert.prompts)
        same_model = alert.about == "model" and each.cause.get("kind") != "promotion"
        if same_prompts or (same_model and all(models.get(line.slug) == alert.name for line in each.lines)):
            return Group(about=each.about, name=each.name, lines=each.lines, cause=each.cause, extends=alert.alert_id)
    return each


def _span(lines: Iterable[AlertLine]) -> tuple[datetime, datetime]:
    told = list(lines)
    return min(line.earliest for line in told), max(line.latest for line in told)
