"""The last thing between an event and the disk: what may be kept of it is decided here, and nowhere else.

    event -> mode and sample -> redaction -> spool

A fault on the way never fails a call and never lets a body through unredacted: the row is kept without its bodies then, and the fault
is counted and reported.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec

from tracing.event import CallEvent, Event, ScoreEvent, SpanEvent
from tracing.privacy.policy import RecordPolicy, metadata_only
from tracing.privacy.redactor import Redactor

_JSON = ("params", "attempts", "variables", "request", "response")
_NAMES = (
    "user", "session", "external_id", "stratum", "caller", "model_requested", "model_served", "endpoint", "error_code",
    "finish_reason", "response_id", "system_fingerprint", "trace_id",
)  # fmt: skip
_PEOPLE = ("user", "session")
_texts_of = attrgetter(*_JSON)
_names_of = attrgetter(*_NAMES)

_CUT = re.compile(r"… \(cut: [\d,]+ characters in all\)\Z")
_CUT_ENDS = " characters in all)"
_TORN_CHARS = 256
"""What is dropped before a cut: half a secret may stand there, too short to be known for one."""


@dataclass(slots=True)
class PrivacyCounts:
    """What this process left out on purpose, and what went wrong with it (shown on the health page)."""

    unrecorded: int = 0
    redactions: int = 0
    failed: int = 0


@dataclass(slots=True)
class Recorder:
    """Records events as far as they may be kept. Calling it is as calling `append`.

    `bodies` redacts texts, `names` identifiers (keys and tokens only: an app's own ids are what it asks for its calls by). With an
    `identity_key`, users and sessions are replaced by their keyed hashes.
    """

    policy: RecordPolicy
    bodies: Redactor
    names: Redactor
    append: Callable[[Event], bool]
    on_failed: Callable[[Exception], None]
    identity_key: bytes | None = None
    counts: PrivacyCounts = field(default_factory=PrivacyCounts)

    def __call__(self, event: Event) -> bool:
        """True when the event is on disk, or is not to be there."""
        kept = self.kept(event)
        return kept is None or self.append(kept)

    def kept(self, event: Event) -> Event | None:
        """The event as it may be kept; None where it leaves no row."""
        if isinstance(event, SpanEvent):
            return self._span(event)
        if isinstance(event, ScoreEvent):
            return self._score(event)
        kept = self.policy.kept(event)
        if kept is None:
            self.counts.unrecorded += 1
            return None
        before = kept.redactions
        try:
            kept = self.redacted(kept)
        except Exception as error:  # an own function's, say: rather no body than an unredacted one
            self._failed(error)
            kept = self._bare(kept)
        self.counts.redactions += kept.redactions - before
        return kept

    def redacted(self, event: CallEvent) -> CallEvent:
        """The event without what has to go, and with how many values that were."""
        if self.identity_key is None and not event.tags and not event.error_message:
            texts = _texts_of(event)
            if (
                not any(text.endswith(_CUT_ENDS) for text in texts)
                and self.bodies.nothing_in(texts)
                and self.names.nothing_in(_names_of(event))
            ):
                return event
        changes: dict[str, Any] = {}
        count = 0
        for name in _JSON:
            text = getattr(event, name)
            if len(text) > 2:
                said, went = self.bodies.json_text(_untorn(text))
                if went or len(said) != len(text):
                    changes[name] = said
                    count += went
        if event.error_message:
            changes["error_message"], went = self.bodies.text(event.error_message)
            count += went
        if event.tags:
            tags = [(self.bodies.text(key), self.bodies.text(value)) for key, value in event.tags.items()]
            changes["tags"] = {key: value for (key, _), (value, _) in tags}
            count += sum(in_key + in_value for (_, in_key), (_, in_value) in tags)
        if self.names.text("\n".join([getattr(event, name) for name in _NAMES]))[1]:
            for name in _NAMES:
                changes[name], went = self.names.text(getattr(event, name))
                count += went
        if self.identity_key is not None:
            for name in _PEOPLE:
                if identity := changes.get(name, getattr(event, name)):
                    changes[name] = hashed_identity(identity, self.identity_key)
        return msgspec.structs.replace(event, **changes, redactions=event.redactions + count) if changes else event

    def _score(self, event: ScoreEvent) -> ScoreEvent:
        try:
            (comment, in_comment), (label, in_label) = self.bodies.text(event.comment), self.bodies.text(event.label)
            self.counts.redactions += in_comment + in_label
        except Exception as error:
            self._failed(error)
            comment, label = "", event.label
        if (comment, label) == (event.comment, event.label):
            return event
        return msgspec.structs.replace(event, comment=comment, label=label)

    def _span(self, event: SpanEvent) -> SpanEvent:
        """A span from an app without what has to go of its texts."""
        try:
            return msgspec.structs.replace(
                event,
                name=self.bodies.text(event.name)[0],
                status_message=self.bodies.text(event.status_message)[0],
                attributes=self._values(event.attributes),
                resource_attributes=self._values(event.resource_attributes),
                event_attributes=tuple(map(self._values, event.event_attributes)),
                link_attributes=tuple(map(self._values, event.link_attributes)),
            )
        except Exception as error:
            self._failed(error)
            bare: tuple[dict[str, str], ...] = tuple({} for _ in event.event_attributes)
            linked: tuple[dict[str, str], ...] = tuple({} for _ in event.link_attributes)
            return msgspec.structs.replace(
                event, status_message="", attributes={}, event_attributes=bare, link_attributes=linked
            )

    def _values(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """Lists and maps are JSON in a span's attributes, and stay so."""
        return {
            key: (self.bodies.json_text if value[:1] in ("{", "[") else self.bodies.text)(value)[0]
            for key, value in attributes.items()
        }

    def _bare(self, event: CallEvent) -> CallEvent:
        """What can be kept of a call that could not be redacted."""
        free = dict.fromkeys(("user", "session", "external_id", "stratum"), "")
        return msgspec.structs.replace(metadata_only(event), **free, tags={}, error_message="", attempts="[]")

    def _failed(self, error: Exception) -> None:
        self.counts.failed += 1
        self.on_failed(error)


def hashed_identity(identity: str, key: bytes) -> str:
    """A person's id as the record keeps it where ids are hashed: HMAC-SHA256, cut to 128 bits."""
    return hmac.new(key, identity.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _untorn(text: str) -> str:
    """A body that was cut, without its last characters."""
    found = _CUT.search(text[-100:])
    if found is None:
        return text
    mark = found[0]
    return text[: -len(mark) - _TORN_CHARS] + mark
