"""What a split, a move and an event of the history say, in words for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.rules import Rule
    from registry.split import Split
    from registry.values import HistoryEntry, Move

_NOT_MOVES = {"request", "request.withdraw", "schedule", "verdict", "review.approve", "review.reject", "review.comment"}


def moment(time: datetime) -> str:
    """A time as all commands write it: in UTC, to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def arms_in_words(split: Split, now: datetime) -> str:
    """What a channel serves beside its own version at a time, such as "5 % on version 8 (by session)"; empty for nothing."""
    said = []
    for arm in split.at(now):
        ends = f" until {moment(arm.until)} UTC" if arm.until else ""
        verb = "stay on" if arm.kind == "holdback" else "on"
        said.append(f"{arm.share:g} % {verb} version {arm.version}{ends}")
    return f"{', '.join(said)} (by {split.sticky})" if said else ""


def moved_in_words(move: Move) -> list[str]:
    """What a move did, a line each."""
    arms = arms_in_words(move.split, move.at)
    if not move.changed:
        beside = f", with {arms}" if arms else ""
        return [f"{move.slug}: {move.channel} is on version {move.to_version}{beside} already"]
    if move.from_version == move.to_version:
        said = f"{move.slug}: {move.channel} stays on version {move.to_version}"
        return [f"{said}, {arms or 'and everybody gets it'} (revision {move.revision})", *_served(move)]
    before = f"version {move.from_version}" if move.from_version else "nothing"
    said = f"{move.slug}: {move.channel} moved from {before} to version {move.to_version}"
    return [f"{said} (revision {move.revision})", *([arms] if arms else []), *_served(move)]


def event_in_words(entry: HistoryEntry) -> str:
    """What an event did, in a few words: `promote stable: 7 → 8`."""
    told = entry.evidence
    if entry.to_version is not None:
        before = f"{entry.from_version} → " if entry.from_version else ""
        shares = ", ".join(f"{arm['share']:g} % on {arm['version']}" for arm in told.get("split", ()))
        return f"{entry.action} {entry.channel}: {before}{entry.to_version}{f', {shares}' if shares else ''}"
    if entry.action in _NOT_MOVES and "version" in told:
        said = f"{entry.action} version {told['version']}"
        return f"{said} on {told['channel']}" if "channel" in told else f"{said}: {_verdict(told)}"
    if entry.action == "watch":
        return f"watch {entry.channel}: version {told['version']} does worse than {told['before']}"
    if entry.action == "describe":
        return f"describe: {', '.join(told)}"
    if entry.action == "protect":
        rule = told["to"]
        return f"protect {rule['slug']} {rule['channel']}: {_asks(rule)}"
    return _of_no_prompt(entry.action, told)


def _of_no_prompt(action: str, told: Mapping[str, Any]) -> str:
    if action.startswith("key."):
        return f"{action} {told.get('name', '')} ({told.get('key_id', '')})"
    if action.startswith("dataset."):
        return f"{action} {told['dataset']}{'@{}'.format(told['number']) if 'number' in told else ''}"
    if action.startswith("monitor."):
        monitor = told.get("to") or told.get("from") or {}
        return f"{action} {monitor.get('slug', '')} {monitor.get('metric', '')}"
    if action.startswith("alert."):
        return f"{action}: {told.get('title', '')}"
    return action


def rule_in_words(rule: Rule) -> str:
    """What a channel asks for."""
    asked = {"approvals": rule.approvals, "evaluation": rule.evaluation, "holdback": rule.holdback}
    return _asks({**asked, "policy": None if rule.policy is None else {"dataset": rule.policy.dataset}})


def _asks(rule: Mapping[str, Any]) -> str:
    asked = []
    if rule["approvals"]:
        asked.append("1 approval" if rule["approvals"] == 1 else f"{rule['approvals']} approvals")
    if rule["evaluation"]:
        asked.append("an evaluation that passed")
    if policy := rule.get("policy"):
        asked.append(f"an evaluation on {policy['dataset']} that passed its policy")
    if rule["holdback"]:
        asked.append(f"{rule['holdback']:g} % held back for a day")
    return ", ".join(asked) or "nothing"


def _verdict(told: Mapping[str, Any]) -> str:
    return "passed" if told.get("passed") else "failed"


def _served(move: Move) -> list[str]:
    if move.served is None:
        return ["no server runs on this registry now; one that starts serves it"]
    lines = []
    if move.served.acknowledged:
        lines.append(f"served by {', '.join(move.served.acknowledged)}")
    for each in move.served.missing:
        lines.append(
            f"not reached: {each.worker}, silent for {each.silent_seconds:.1f} s "
            "(it serves nothing old as fresh once it can be reached)"
        )
    return lines
