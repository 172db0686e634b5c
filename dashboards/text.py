"""Values as people read them: times, shares, template tags, and each event of the history as a sentence. Pure.

Refuses to know layout. What goes in as text comes out escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from registry.cases import Check
from registry.values import HistoryEntry

_CODE = re.compile(r"`([^`]+)`")
_TAG = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def since(at: datetime, now: datetime) -> str:
    """How long ago a time is; the date where that says more.

    >>> since(datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 14, 30))
    '2 h ago'
    """
    seconds = (now - at).total_seconds()
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    if seconds < 30 * _DAY:
        return f"{seconds // _DAY:.0f} days ago"
    return f"{at:%Y-%m-%d}"


def percent(share: float) -> str:
    """A share in per cent, to two places."""
    return f"{round(share, 2):g} %"


def tagged(text: str) -> Markup:
    """A template's text, escaped, with its tags marked."""
    pieces = _TAG.split(text)
    marked = (
        Markup('<span class="tag">{}</span>').format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )
    return Markup("").join(marked)


def coded(text: str, capital: bool = True) -> Markup:
    """A sentence, escaped, that begins with a capital unless a name begins it; what stands between backticks is code."""
    pieces = _CODE.split(text[:1].upper() + text[1:] if capital else text)
    marked = (
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )
    return Markup("").join(marked)


def pretty(value: Any) -> str:
    """JSON to read."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "approval")
    '1 approval'
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def near(pages: int, page: int) -> list[int]:
    """The pages to name beside the one that is shown: the first, the last, and its neighbours.

    >>> near(30, 12)
    [1, 10, 11, 12, 13, 14, 30]
    """
    return [each for each in range(1, pages + 1) if each in {1, pages} or abs(each - page) <= 2]


def check_words(check: Check, *, longest: int = 120) -> str:
    """A check as people read it.

    >>> check_words(Check(type="icontains", value="refund"))
    'icontains: refund'
    """
    at = "" if check.threshold is None else f" ({check.threshold:g})"
    value = check.value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = ", ".join(value)
    said = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    told = f"{check.type}{at}" + (f": {' '.join(said.split())}" if said else "")
    return told if len(told) <= longest else f"{told[: longest - 1]}…"


def asks_for(approvals: int, evaluation: bool, holdback: float, datasets: Sequence[str] = ()) -> str:
    """What a rule asks for, in words; `datasets` are those that its policies name."""
    wants = [count(approvals, "approval")] if approvals else []
    wants += ["an evaluation that passed"] if evaluation else []
    wants += [f"an evaluation on {dataset} that passed its policy" for dataset in datasets]
    back = [f"{percent(holdback)} of callers stay back for a day"] if holdback else []
    return "; ".join([*([" and ".join(wants)] if wants else []), *back]) or "nothing"


def told(entry: HistoryEntry) -> str:
    """What an event did, as the end of a sentence that begins with who did it."""
    sentence = _SENTENCES.get(entry.action)
    return sentence(entry) if sentence else entry.action


def _where(entry: HistoryEntry) -> str:
    """Version and channel of an event that moves nothing, such as a request."""
    return f"version {entry.evidence.get('version', '?')} for {entry.evidence.get('channel', '?')}"


def _promoted(entry: HistoryEntry) -> str:
    before = f" in place of version {entry.from_version}" if entry.from_version else ""
    due = ", as scheduled" if "schedule" in entry.evidence else ""
    return f"put version {entry.to_version} on {entry.channel}{before}{_beside(entry)}{due}"


def _beside(entry: HistoryEntry) -> str:
    arms = entry.evidence.get("split") or ()
    names = {"holdback": "hold-back", "rollout": "rollout"}
    parts = [f"{percent(a['share'])} version {a['version']} ({names.get(a['kind'], a['kind'])})" for a in arms]
    return f", beside it {', '.join(parts)}" if parts else ""


def _split(entry: HistoryEntry) -> str:
    if not entry.evidence.get("split"):
        return f"gave all of {entry.channel} to version {entry.to_version}"
    return f"split {entry.channel}: version {entry.to_version}{_beside(entry)}"


def _scheduled(entry: HistoryEntry) -> str:
    return f"scheduled {_where(entry)} at {str(entry.evidence.get('at', ''))[:16].replace('T', ' ')} UTC"


def _protected(entry: HistoryEntry) -> str:
    rule: Mapping[str, Any] = entry.evidence.get("to", {})
    policy = rule.get("policy")
    datasets = [str(policy["dataset"])] if policy else []
    wants = asks_for(rule.get("approvals", 0), rule.get("evaluation", False), rule.get("holdback", 0.0), datasets)
    of = "" if entry.slug else " of every prompt"
    return f"set what {rule.get('channel')}{of} asks for: {wants}"


def _key(entry: HistoryEntry) -> str:
    verb = {"key.create": "made", "key.update": "changed", "key.revoke": "revoked"}[entry.action]
    return f"{verb} the key {entry.evidence.get('name') or entry.evidence.get('key_id', '')}"


def _watched(entry: HistoryEntry, which: str) -> str:
    monitor: Mapping[str, Any] = entry.evidence.get(which) or {}
    of = "" if entry.slug else " of every prompt"
    off = "" if monitor.get("enabled", True) else ": nothing"
    return f"{monitor.get('metric', '?')}{of}{off}"


_SENTENCES: Mapping[str, Callable[[HistoryEntry], str]] = {
    "create": lambda entry: f"made the prompt, with version {entry.to_version}",
    "save": lambda entry: f"saved version {entry.to_version}",
    "describe": lambda entry: f"changed {', '.join(entry.evidence)}",
    "archive": lambda _: "archived the prompt",
    "restore": lambda _: "took the prompt into use again",
    "promote": _promoted,
    "rollback": lambda e: f"rolled {e.channel} back from version {e.from_version} to {e.to_version}",
    "rollout": _split,
    "schedule": _scheduled,
    "schedule.cancel": lambda entry: f"cancelled the scheduled move of {_where(entry)}",
    "schedule.fail": lambda entry: f"could not make the scheduled move of {_where(entry)}",
    "protect": _protected,
    "dataset.save": lambda e: f"saved dataset {e.evidence.get('dataset')}@{e.evidence.get('number')}",
    "dataset.archive": lambda e: f"archived dataset {e.evidence.get('dataset')}",
    "dataset.restore": lambda e: f"restored dataset {e.evidence.get('dataset')}",
    "dataset.erase": lambda e: f"erased the content of {len(e.evidence.get('cases', ()))} cases of datasets",
    "probe.add": lambda e: f"set up a nightly probe of version {e.evidence.get('version')}",
    "probe.reference": lambda e: (
        f"took another night as the reference of a probe of version {e.evidence.get('version')}"
    ),
    "probe.remove": lambda e: f"removed the probe of version {e.evidence.get('version')}",
    "probe.change": lambda e: f"noted that a probe found a change: {e.reason}",
    "monitor.set": lambda e: f"set what is watched of {_watched(e, 'to')}",
    "monitor.remove": lambda e: f"took away what was set to be watched of {_watched(e, 'from')}",
    "alert.acknowledge": lambda e: f"acknowledged the alert “{e.evidence.get('title', '')}”",
    "alert.mute": lambda e: (
        f"muted the alert “{e.evidence.get('title', '')}” until {str(e.evidence.get('until', ''))[:16].replace('T', ' ')} UTC"
    ),
    "verdict": lambda e: (
        f"noted that version {e.evidence.get('version')} {'passed' if e.evidence.get('passed') else 'failed'} its evaluation"
    ),
    "watch": lambda e: f"noted that version {e.evidence.get('version')} does worse on {e.channel}",
    "request": lambda entry: f"asked for {_where(entry)}",
    "request.withdraw": lambda entry: f"withdrew the request of {_where(entry)}",
    "review.approve": lambda entry: f"approved {_where(entry)}",
    "review.reject": lambda entry: f"rejected {_where(entry)}",
    "review.comment": lambda entry: f"commented on {_where(entry)}",
    "key.create": _key,
    "key.update": _key,
    "key.revoke": _key,
    "session.open": lambda e: f"signed in {'with a key' if 'key_id' in e.evidence else 'by the identity provider'}",
    "session.end": lambda _: "signed out everywhere",
    "person.block": lambda e: f"blocked {e.evidence.get('name', '')}",
    "person.unblock": lambda e: f"let {e.evidence.get('name', '')} in again",
    "share.create": lambda e: f"shared the page {e.evidence.get('path', '')}",
    "share.revoke": lambda e: f"ended the link to the page {e.evidence.get('path', '')}",
}
