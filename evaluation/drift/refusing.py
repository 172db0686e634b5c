"""What a report can't say, why, and the one thing that would settle it.

Knows sides, contributions and the commands that people have. Refuses to know how numbers were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from evaluation.comparison.needed import for_means, for_rates
from evaluation.drift.events import hour_of
from evaluation.drift.evidence import Controls
from evaluation.drift.looking import Look
from evaluation.drift.sentences import amount
from evaluation.drift.values import Contribution, Metric, NextStep, Refusal, Side

LEAST = 30
"""So many observations each side must have for any report."""
LEAST_UNNAMED = 100
"""So many for one that finds nothing: fewer may show a large change, but can't show that there is none."""
COVERAGE_DIFFERS = 0.10
UNPARSED_DIFFERS = 0.02


def too_little(metric: Metric, before: Side, after: Side, deviation: float, *, named: bool) -> Refusal | None:
    """Why there is no report at all, if that is so."""
    short = min(before, after, key=lambda side: side.n)
    if short.n >= (LEAST if named else LEAST_UNNAMED):
        return None
    what = "calls" if metric.unit != "score" and metric.name in _OF_CALLS else "scored calls"
    if deviation <= 0:
        return Refusal(
            what="what changed",
            why=f"not enough data: {LEAST_UNNAMED} {what} per side are needed, there are {short.n:,.0f}",
        )
    rate = metric.unit == "points" and before.mean is not None
    effect = 0.05 if rate else deviation / 5
    needed = for_rates(before.mean or 0.0, effect) if rate else for_means(deviation, effect)
    return Refusal(
        what="what changed",
        why=f"not enough data: {needed:,} {what} per side are needed to see "
        f"{amount(metric, effect, deviation)}, you have {short.n:,.0f}",
    )


_OF_CALLS = ("error_rate", "refusal_rate", "truncation_rate", "output_tokens", "latency", "cost")


def refusals(
    look: Look,
    before: Side,
    after: Side,
    contributions: Sequence[Contribution],
    controls: Controls | None,
    design_effect: float | None,
) -> tuple[Refusal, ...]:
    """What this report leaves open."""
    found = []
    if abs(before.coverage - after.coverage) > COVERAGE_DIFFERS:
        found.append(Refusal(
            what="whether those that were scored stand for all calls",
            why=f"{before.coverage:.0%} of calls were scored before and {after.coverage:.0%} after: another choice of calls "
            "looks like another quality",
        ))  # fmt: skip
    if abs(before.unparsed - after.unparsed) > UNPARSED_DIFFERS:
        found.append(Refusal(
            what="how answers scored that the scorer could not read",
            why=f"{before.unparsed:.1%} of scores could not be read before and {after.unparsed:.1%} after: they count nowhere",
        ))  # fmt: skip
    for each in contributions:
        if each.grade == "X":
            found.append(Refusal(what="how much each of them was", why=_together(each)))
        elif each.cause == "local" and each.named:
            found.append(Refusal(what="what it was", why=_local(controls)))
    found += _taken_back(look)
    if len(look.scored.stratum.names) < 2 and set(look.scored.stratum.names) <= {""}:
        found.append(Refusal(
            what="whether other inputs came",
            why="calls carry no stratum, so that other inputs can't be told from other answers; send x-slugline-stratum with calls",
        ))  # fmt: skip
    if design_effect is None:
        found.append(Refusal(
            what="whether few users make up the change",
            why="calls name few users or none, so that intervals take every call for a new one; send x-slugline-user with calls",
        ))  # fmt: skip
    return tuple(found)


def next_step(look: Look, contributions: Sequence[Contribution]) -> NextStep | None:
    """The one experiment that would settle what is open, for the largest cause that is less than proven."""
    slug = look.question.prompt
    for each in contributions:
        if not each.named or each.grade == "A" or each.cause in ("mix", "scorer"):
            continue
        if each.cause in ("prompt", "parameters"):
            old = each.event.before if each.event is not None else ""
            share = f" {old}=10" if old.isdigit() else ""
            return NextStep(
                what=f"give version {old or 'before'} to 10 % of callers for a day: both versions then answer at the same hours",
                command=f'slugline prompt rollout {slug}{share} -m "compare with version {old}"' if share else "",
            )
        what = {
            "prompt or model": "replay the same inputs with both versions on the same model",
            "not separable": "replay the same inputs with one of both changed",
        }.get(
            each.cause, "replay the same inputs with the version and the model pinned: a change is then the provider's"
        )
        return NextStep(what=what, command=f"slugline probe {slug}")
    return None


def _taken_back(look: Look) -> list[Refusal]:
    """Versions that answered for a while only: the sides don't show what they did."""
    found = []
    moves = [event for event in look.events if event.announced]
    for place, came in enumerate(moves):
        went = next(
            (each for each in moves[place + 1 :] if each.channel == came.channel and each.before == came.after), None
        )
        if went is None or not came.before or went.after != came.before or hour_of(went.at) <= look.before.begin:
            continue
        if came.after not in look.table.version.names:
            continue  # it answered nothing
        begin, end = (f"{event.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for event in (came, went))
        found.append(Refusal(
            what=f"what version {came.after} did while it answered",
            why=f"it was taken back, and neither side of the comparison is of it alone: ask with --since {begin} --until {end}",
        ))  # fmt: skip
    return found


def _together(each: Contribution) -> str:
    parts = "the prompt and the model" if each.cause == "prompt or model" else "two changes"
    return (
        f"{parts} changed together, and fewer than 200 observations have one without the other; "
        "a replay of the old version on the new model would settle it"
    )


def _local(controls: Controls | None) -> str:
    if controls is None or not controls.asked:
        return (
            "nothing recorded explains it, and no other prompt with enough calls uses this model, which would show whether the "
            "provider changed it"
        )
    return (
        f"nothing recorded explains it, and what uses the same model did not move with it ({', '.join(controls.asked[:4])}): "
        "look at retrieval, tools, and inputs that aren't measured"
    )
