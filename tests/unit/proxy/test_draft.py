"""The notes on a call, and the event that they become."""

import json
from datetime import UTC, datetime

from proxy.draft import Draft
from proxy.providers import Provider, Route
from proxy.tally import Tally


def test_an_attempt_is_noted_once_also_when_the_call_ends_in_the_pause_after_it() -> None:
    draft = Draft(
        call_id="c", at=datetime(2026, 1, 1, tzinfo=UTC), started=0.0, endpoint="chat.completions", purpose="production"
    )
    draft.route = Route(provider=Provider(name="p", base_url="http://x"), model="m")
    draft.attempt_started = 1.0
    draft.note_attempt(503, "provider_error", 1.5)
    event = draft.event(outcome="client_left", status=499, now=2.0, tally=Tally(), priced=None)
    assert [(attempt["status"], attempt["duration_ms"]) for attempt in json.loads(event.attempts)] == [(503, 500.0)]


def test_a_call_that_never_reached_a_provider_has_no_attempt() -> None:
    draft = Draft(
        call_id="c", at=datetime(2026, 1, 1, tzinfo=UTC), started=0.0, endpoint="chat.completions", purpose="production"
    )
    event = draft.event(outcome="refused", status=400, now=0.25, tally=Tally(), priced=None)
    assert (event.attempts, event.duration_ms) == ("[]", 250.0)
