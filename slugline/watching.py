"""The watch after promotions, in the keeper: looks every few minutes at what policies ask to be watched, and does what they say.

An alarm is noted once in the history, and a rollback made where the policy says so and the version is still on the channel: so a keeper
that is killed in between, or a second one, does no harm. Refuses to know how a loss is told from chance (`evaluation.watch`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from registry.errors import PromptConflictError, RegistryError
from registry.roles import Principal
from registry.rules import strictest
from registry.values import HistoryEntry, Prompt
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable

if TYPE_CHECKING:
    from evaluation.watch.looking import Promoted, Seen
    from registry.policy import Watch

log = logging.getLogger("slugline.watch")

LOOK_SECONDS = 300.0
FIRST_SECONDS = 20.0
KEEPER = Principal(name="the watch", identity="slugline:watch", roles=frozenset({"promoter"}))

_MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A promotion that is watched, and what follows from an alarm. `revision` is the promotion's."""

    promoted: Promoted
    watch: Watch
    revision: int


async def watch_for_ever(store: Store, clickhouse: ClickHouse, stopping: Callable[[], bool]) -> None:
    """Looks every `LOOK_SECONDS` until `stopping`. What can't be looked at now is looked at the next time."""
    pause = FIRST_SECONDS
    while True:
        until = asyncio.get_running_loop().time() + pause
        while asyncio.get_running_loop().time() < until:
            if stopping():
                return
            await asyncio.sleep(0.1)
        pause = LOOK_SECONDS
        try:
            await look_at_all(store, clickhouse, datetime.now(UTC))
        except (ClickHouseUnavailable, ClickHouseRefused, RegistryError) as error:
            log.warning("promotions could not be watched this time: %s", error)
        except Exception:
            log.exception("promotions could not be watched this time")


async def look_at_all(store: Store, clickhouse: ClickHouse, now: datetime) -> list[Seen]:
    """Looks at every promotion that is watched now; gives what was seen. Raises what ClickHouse and the registry raise."""
    watched = await asyncio.to_thread(lambda: list(_watched(store, now)))
    if not watched:
        return []
    from evaluation.watch.looking import look

    series = sum(len(each.promoted.scores) for each in watched)
    found: list[Seen] = []
    for each in watched:
        seen = await look(clickhouse, replace(each.promoted, series=series), now)
        found += seen
        alarms = [one for one in seen if one.alarm]
        if alarms:
            await asyncio.to_thread(_raise_alarm, store, each, alarms)
    return found


def _watched(store: Store, now: datetime) -> Iterator[Watching]:
    from evaluation.watch.looking import Promoted

    rules = store.rules()
    if not any(policy.watch for rule in rules for policy in rule.asked):
        return
    for prompt in store.prompts():
        if prompt.archived_at is not None:
            continue
        for channel, version in prompt.channels.items():
            asked = strictest(rules, prompt.slug, channel).asked
            for watch in (policy.watch for policy in asked if policy.watch is not None):
                move = _last_move(store, prompt, channel)
                if move is None or move.action != "promote" or move.to_version != version or not move.from_version:
                    continue
                if now - move.at > timedelta(days=watch.days):
                    continue
                yield Watching(
                    promoted=Promoted(
                        prompt=prompt.slug,
                        channel=channel,
                        version=version,
                        before=move.from_version,
                        at=move.at,
                        scores=watch.scores,
                        margin=watch.margin,
                        series=1,
                    ),
                    watch=watch,
                    revision=move.revision,
                )


def _last_move(store: Store, prompt: Prompt, channel: str) -> HistoryEntry | None:
    moves = (
        entry
        for entry in store.history(prompt.slug, limit=_MOST_EVENTS)
        if entry.channel == channel and entry.to_version is not None and entry.action != "save"
    )
    return next(moves, None)


def _raise_alarm(store: Store, watching: Watching, alarms: Sequence[Seen]) -> None:
    promoted = watching.promoted
    told = ", ".join(_in_words(one) for one in alarms)
    reason = f"version {promoted.version} does worse than version {promoted.before} did: {told}"
    evidence: Mapping[str, object] = {
        "before": promoted.before,
        "promotion": watching.revision,
        "scores": [one.to_json() for one in alarms],
    }
    key = f"watch:{promoted.channel}:{watching.revision}"
    if store.alarm(
        promoted.prompt, promoted.channel, promoted.version, reason=reason, evidence=evidence, key=key, by=KEEPER
    ):
        log.warning("%s on %s: %s", promoted.prompt, promoted.channel, reason)
    if watching.watch.then != "roll back":
        return
    now = store.prompt(promoted.prompt)
    if now.channels.get(promoted.channel) != promoted.version:
        return
    try:
        store.rollback(
            promoted.prompt,
            channel=promoted.channel,
            to=promoted.before,
            reason=reason,
            evidence=evidence,
            if_match=now.revision,
            by=KEEPER,
        )
    except PromptConflictError:
        return  # somebody has moved it meanwhile: the next look sees what is there then
    log.warning("%s: %s was rolled back to version %d", promoted.prompt, promoted.channel, promoted.before)


def _in_words(seen: Seen) -> str:
    if seen.usual is None or seen.mean is None:
        return seen.score
    return f"'{seen.score}' is {seen.mean:.3g} over {seen.n:,.0f} values, where {seen.usual.mean:.3g} was usual"
