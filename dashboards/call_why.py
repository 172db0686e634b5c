"""Why a call got the version that it got, in sentences: who had put it there, which share it drew and by what, or that it was named. Pure.

Knows a call's row and the prompt's history. What the record doesn't have (imported calls) is said, not guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from dashboards.text import percent, since
from dashboards.zones import name_of, stamp
from registry.reference import PINNED
from registry.split import Caller
from registry.storage.rows import LATEST
from registry.values import HistoryEntry, Prompt

_SETTLED = timedelta(seconds=1)
"""A move is dated just before it is committed: a call that began within so little time may rightly not have seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The sentences, and the move that put the version where the call found it, None where there was none or it isn't known."""

    sentences: tuple[str, ...]
    move: HistoryEntry | None = None


def why(call: Mapping[str, Any], history: Sequence[HistoryEntry], prompt: Prompt | None, zone: tzinfo) -> Why:
    """Why the call got its version. `history` is the prompt's, newest first; `prompt` None where the call names none, or it is gone."""
    if not call["prompt"]:
        return Why(sentences=("The call named no prompt: it was passed on as it came.",))
    version, channel = int(call["version"]), str(call["channel"])
    if prompt is None:
        return Why(sentences=(f"Nothing is known of the prompt {call['prompt']} here.",))
    if channel == PINNED:
        told = [f"The call named version {version} itself, so no channel was asked."]
        return Why(sentences=(*told, *_since(call, prompt)))
    if not channel or not call["revision"]:
        return Why(sentences=("It isn't on record by which channel the call came.", *_since(call, prompt)))
    move = _before(history, channel, int(call["revision"]))
    told = [_channel(call, channel, move, zone)]
    if call["variant"] in ("rollout", "holdback") or (call["variant"] == "main" and move is not None):
        told += _share(call, channel, move)
    missed = _missed(call, channel, history)
    if missed is not None:
        told.append(
            f"It was answered from an older state: {missed.actor} had moved {channel} to version {missed.to_version} "
            f"{_ago(missed.at, _at(call))} before, and the registry could not be reached."
        )
    return Why(sentences=(*told, *_since(call, prompt)), move=move)


def overridden(call: Mapping[str, Any]) -> str:
    """What of the version the call itself replaced, in a sentence; "" for nothing."""
    names = list(call["overrides"])
    return f"The call's own {', '.join(names)} won over the version's." if names else ""


def _channel(call: Mapping[str, Any], channel: str, move: HistoryEntry | None, zone: tzinfo) -> str:
    version = int(call["version"])
    if move is None:
        return f"The call came by {channel}, which led to version {version}."
    if channel == LATEST:
        return f"The call came by {LATEST}, which follows every save: {move.actor} saved version {version} at {_when(move, zone)}."
    did = "had rolled it back to" if move.action == "rollback" else "had moved it to"
    reason = f": “{move.reason}”" if move.reason else "."
    return f"The call came by {channel}. {move.actor} {did} version {move.to_version} at {_when(move, zone)}{reason}"


def _share(call: Mapping[str, Any], channel: str, move: HistoryEntry | None) -> list[str]:
    version, variant = int(call["version"]), str(call["variant"])
    arms = list(move.evidence.get("split") or ()) if move is not None else []
    arm = next((each for each in arms if each["version"] == version), None)
    bound = _bound(call, str(move.evidence.get("sticky", "session")) if move is not None else "session")
    if variant == "main":
        shares = ", ".join(f"{percent(each['share'])} version {each['version']}" for each in arms)
        return (
            [f"Beside it {channel} gives {shares} of callers; this one drew the main version{bound}."] if shares else []
        )
    share = f"{percent(arm['share'])} of callers" if arm is not None else "some callers"
    if variant == "holdback":
        return [f"{share[:1].upper()}{share[1:]} were held back on version {version}; this one is among them{bound}."]
    return [f"{share[:1].upper()}{share[1:]} got version {version} in a rollout; this one is among them{bound}."]


def _bound(call: Mapping[str, Any], sticky: str) -> str:
    """What the draw hangs on, so that the same caller gets the same version."""
    variables = call.get("variables") or {}
    key = Caller(
        session=str(call["session"]),
        user=str(call["user"]),
        trace=str(call["trace_id"]),
        variables=variables if isinstance(variables, Mapping) else {},
    ).key(sticky)
    kind, _, value = key.partition(" ")
    return f", by the {kind} {json.dumps(value[:80], ensure_ascii=False)}" if key else ""


def _before(history: Sequence[HistoryEntry], channel: str, revision: int) -> HistoryEntry | None:
    return next(
        (each for each in history if each.channel == channel and each.to_version and each.revision <= revision), None
    )


def _missed(call: Mapping[str, Any], channel: str, history: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """The newest move of the channel that had been made and that the call's answer doesn't show."""
    begun, revision = _at(call), int(call["revision"])
    return next(
        (
            each
            for each in history
            if each.channel == channel and each.to_version and each.revision > revision and each.at + _SETTLED < begun
        ),
        None,
    )


def _since(call: Mapping[str, Any], prompt: Prompt) -> list[str]:
    """Where the version stands now."""
    version = int(call["version"])
    on = [name for name, number in prompt.channels.items() if number == version]
    return [f"Now version {version} is on {', '.join(on)}." if on else f"Now version {version} is on no channel."]


def _at(call: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(call["ts"]))


def _when(move: HistoryEntry, zone: tzinfo) -> str:
    return f"{stamp(move.at, zone)} {name_of(zone)}"


def _ago(at: datetime, then: datetime) -> str:
    return since(at, then).removesuffix(" ago").replace("just now", "less than a minute")
