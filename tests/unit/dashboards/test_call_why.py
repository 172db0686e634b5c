"""Why a call got its version: every way that the request path has of choosing one, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.call_why import overridden, why
from registry.values import HistoryEntry, Prompt

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(revision: int, hours: float, to: int, channel: str = "stable", **more: Any) -> HistoryEntry:
    fields: dict[str, Any] = {"action": "promote", "reason": "warmer", "evidence": {}, **more}
    return HistoryEntry(
        revision=revision, at=NOW - timedelta(hours=hours), actor="ann", slug="agent", channel=channel, from_version=None,
        to_version=to, request_id="", **fields,
    )  # fmt: skip


def call(**more: Any) -> dict[str, Any]:
    fields = {"prompt": "agent", "version": 2, "channel": "stable", "variant": "", "revision": 5, "ts": NOW.isoformat()}
    return {**fields, "session": "s-1", "user": "", "trace_id": "t", "variables": {}, "overrides": [], **more}


HISTORY = [entry(9, 0.5, 4), entry(5, 3, 2), entry(3, 9, 1), entry(2, 9, 2, "latest", action="save")]
PROMPT = Prompt(
    slug="agent", owner="", purpose="", tags=(), created_at=NOW, created_by="ann", channels={"stable": 4, "latest": 4},
    latest=4, revision=9,
)  # fmt: skip


def told(known: Prompt | None = PROMPT, history: list[HistoryEntry] | None = None, **more: Any) -> str:
    return " ".join(why(call(**more), HISTORY[1:] if history is None else history, known, UTC).sentences)


def test_a_channel_with_who_moved_it() -> None:
    said = told()
    assert said.startswith(
        "The call came by stable. ann had moved it to version 2 at 2026-11-20 09:00:00 UTC: “warmer”"
    )
    assert said.endswith("Now version 2 is on no channel.")
    found = why(call(revision=4, version=1), HISTORY, PROMPT, UTC)
    assert found.move is HISTORY[2]
    rolled = [entry(5, 3, 2, action="rollback")]
    assert "ann had rolled it back to version 2" in told(history=rolled)
    assert "follows every save: ann saved version 2" in told(channel="latest")


def test_a_number_and_no_prompt() -> None:
    assert told(channel="pinned").startswith("The call named version 2 itself, so no channel was asked.")
    assert told(prompt="") == "The call named no prompt: it was passed on as it came."
    assert told(None) == "Nothing is known of the prompt agent here."
    assert "isn't on record by which channel" in told(channel="", revision=0)


def test_shares_and_what_binds_them() -> None:
    split = {
        "split": [{"version": 3, "share": 5.0, "kind": "rollout"}, {"version": 1, "share": 10.0, "kind": "holdback"}]
    }
    history = [entry(5, 3, 2, evidence={**split, "sticky": "user"})]
    assert '5 % of callers got version 3 in a rollout; this one is among them, by the user "ann".' in told(
        history=history, version=3, variant="rollout", user="ann"
    )
    assert '10 % of callers were held back on version 1; this one is among them, by the session "s-1".' in told(
        history=history, version=1, variant="holdback"
    )
    assert "Beside it stable gives 5 % version 3, 10 % version 1 of callers; this one drew the main version" in told(
        history=history, variant="main"
    )
    bound = [entry(5, 3, 2, evidence={**split, "sticky": "variable:tier"})]
    assert 'by the variable "gold"' in told(history=bound, version=3, variant="rollout", variables={"tier": "gold"})


def test_an_answer_from_an_older_state_is_said_to_be_one() -> None:
    assert "answered from an older state: ann had moved stable to version 4 30 min before" in told(history=HISTORY)
    just = [entry(9, 0.5 / 3600, 4), *HISTORY[1:]]
    assert "older state" not in told(history=just)
    assert "older state" not in told(history=HISTORY, revision=9, version=4)


def test_what_the_call_replaced() -> None:
    assert (
        overridden(call(overrides=["model", "temperature"]))
        == "The call's own model, temperature won over the version's."
    )
    assert overridden(call()) == ""
