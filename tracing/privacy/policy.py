"""How much of a call is recorded, and whether it is among those that are. Pure.

1. **Mode.** `full` keeps everything, `metadata` all but the bodies, `none` no row. Rules by prompt and by caller come before the setting
   for all calls; of two that fit, one each way, the one that keeps less counts. What a caller asks for in the header x-slugline-record
   can only make it less.
2. **Sample.** The same call is always in or out: a hash of its session, else its trace, decides, so sessions and traces stay whole.
   Errors, calls that somebody means to score (an external id), and what is not production are always kept.
3. A row says how it was chosen: `sample_rate` is the share of such calls that is kept, so 1 / sample_rate calls stand behind it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from tracing.event import CallEvent

MODES = ("none", "metadata", "full")
_BODIES = {"variables": "", "request": "", "response": ""}
_PLAIN_PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "reasoning_effort",
        "service_tier",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "verbosity",
        "truncation",
        "dimensions",
        "encoding_format",
    }
)
"""Parameters that say how a model was asked, and can't hold what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What counts for calls of one prompt or one caller; None where it says nothing of its own."""

    mode: str | None = None
    sample: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPolicy:
    """What is kept. Rules are by pattern with `*`; the first that fits counts. A call without a prompt has the empty name."""

    mode: str = "full"
    sample: float = 1.0
    prompts: Mapping[str, Rule] = field(default_factory=dict)
    callers: Mapping[str, Rule] = field(default_factory=dict)
    whole: bool = False
    """No sample is taken: of what is imported, one was taken where it was recorded, or none."""

    def kept(self, event: CallEvent) -> CallEvent | None:
        """The event as far as it may be kept, or None where it leaves no row."""
        rules = [rule for rule in (_first(self.prompts, event.prompt), _first(self.callers, event.caller)) if rule]
        mode = min((rule.mode or self.mode for rule in rules), default=self.mode, key=MODES.index)
        mode = min(mode, event.record_mode, key=MODES.index)
        if mode == "none":
            return None
        rate = (
            1.0
            if self.whole
            else min([self.sample if rule.sample is None else rule.sample for rule in rules], default=self.sample)
        )
        if rate < 1.0 and not always_kept(event):
            if not sampled(event, rate):
                return None
            event = msgspec.structs.replace(event, sample_rate=rate)
        return event if mode == "full" else metadata_only(event)


def metadata_only(event: CallEvent) -> CallEvent:
    """The event without its bodies, and without what a provider's message may quote of them."""
    message = event.error_message if event.outcome == "refused" else ""  # Slugline's own words
    params = _plain(event.params)
    return msgspec.structs.replace(event, **_BODIES, params=params, error_message=message, record_mode="metadata")


def _plain(params: str) -> str:
    """The parameters that are numbers, switches and names of choices."""
    if len(params) < 3:
        return params
    try:
        given = msgspec.json.decode(params)
    except msgspec.DecodeError:  # an imported row may hold anything
        return ""
    if not isinstance(given, dict):
        return ""
    plain = {
        name: value
        for name, value in given.items()
        if name in _PLAIN_PARAMETERS
        and (not isinstance(value, str | dict | list) or (isinstance(value, str) and len(value) <= 32))
    }
    return msgspec.json.encode(plain).decode()


def always_kept(event: CallEvent) -> bool:
    """Whether a sample has no say over a call."""
    return event.outcome != "ok" or bool(event.external_id) or event.purpose != "production"


def sampled(event: CallEvent, rate: float) -> bool:
    """Whether a call is in a sample; a call that is in a small one is in every larger one."""
    digest = hashlib.sha256((event.session or event.trace_id or event.call_id).encode()).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64


def _first(rules: Mapping[str, Rule], name: str) -> Rule | None:
    return next((rule for pattern, rule in rules.items() if fnmatchcase(name, pattern)), None) if rules else None
