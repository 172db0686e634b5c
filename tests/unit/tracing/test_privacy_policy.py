"""How much is recorded and which calls are: rules, headers, samples, and what happens when redaction itself fails."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tracing.event import CallEvent, Event, ScoreEvent
from tracing.privacy.policy import RecordPolicy, Rule, sampled
from tracing.privacy.recorder import Recorder, hashed_identity
from tracing.privacy.redactor import Redactor


def call(**given: Any) -> CallEvent:
    usual: dict[str, Any] = {"call_id": "c", "ts": "t", "outcome": "ok", "status": 200, "duration_ms": 1.0}
    bodies = {"request": '{"q":"Q"}', "response": '{"a":"A"}', "variables": '{"v":"V"}'}
    params = '{"temperature":0.5,"suffix":"mine","stop":["mine"],"seed":7}'
    return CallEvent(**{**usual, **bodies, "params": params, **given})


@dataclass
class Kept:
    events: list[Event] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def recorder(self, policy: RecordPolicy | None = None, **given: Any) -> Recorder:
        def append(event: Event) -> bool:
            self.events.append(event)
            return True

        redactor = given.pop("bodies", Redactor(("secrets", "email")))
        return Recorder(
            policy=policy or RecordPolicy(),
            bodies=redactor,
            names=Redactor(("secrets",)),
            append=append,
            on_failed=self.faults.append,
            **given,
        )


@pytest.mark.parametrize(
    ("policy", "asked", "kept"),
    [
        (RecordPolicy(), "full", "full"),
        (RecordPolicy(), "metadata", "metadata"),
        (RecordPolicy(mode="metadata"), "full", "metadata"),
        (RecordPolicy(mode="metadata"), "none", None),
        (RecordPolicy(mode="none"), "full", None),
        (RecordPolicy(mode="none", prompts={"support-*": Rule(mode="full")}), "full", "full"),
        (RecordPolicy(mode="none", prompts={"support-*": Rule(mode="full")}), "metadata", "metadata"),
        (RecordPolicy(prompts={"support-a": Rule(mode="full"), "*": Rule(mode="none")}), "full", "full"),
        (RecordPolicy(prompts={"*": Rule(mode="full")}, callers={"web": Rule(mode="metadata")}), "full", "metadata"),
        (RecordPolicy(mode="metadata", callers={"web": Rule(sample=0.9999999)}), "full", "metadata"),
    ],
)
def test_the_mode(policy: RecordPolicy, asked: str, kept: str | None) -> None:
    found = policy.kept(call(prompt="support-a", caller="web", record_mode=asked))
    assert (found.record_mode if found else None) == kept


def test_metadata_holds_nothing_that_was_said() -> None:
    said = call(error_message="you said Q", outcome="provider_error", input_tokens=3)
    kept = RecordPolicy(mode="metadata").kept(said)
    assert kept is not None
    assert (kept.request, kept.response, kept.variables, kept.error_message) == ("", "", "", "")
    assert json.loads(kept.params) == {"temperature": 0.5, "seed": 7}
    assert kept.input_tokens == 3


def test_a_sample_keeps_every_error_and_what_is_to_be_scored_and_weighs_the_rest() -> None:
    policy = RecordPolicy(sample=0.25)
    ids = [f"call-{number}" for number in range(4000)]
    kept = [found for name in ids if (found := policy.kept(call(call_id=name))) is not None]
    assert 900 < len(kept) < 1100
    assert {found.sample_rate for found in kept} == {0.25}
    assert [found.call_id for found in kept] == [name for name in ids if policy.kept(call(call_id=name))]
    for special in ({"outcome": "timeout"}, {"external_id": "order-7"}, {"purpose": "evaluation"}):
        always = [policy.kept(call(call_id=name, **special)) for name in ids[:100]]
        assert all(found is not None and found.sample_rate == 1.0 for found in always)


def test_a_session_is_in_or_out_as_a_whole() -> None:
    for session in ("one", "two", "three"):
        assert len({sampled(call(call_id=str(n), trace_id=str(n), session=session), 0.5) for n in range(20)}) == 1
    assert all(sampled(call(call_id=str(n)), 0.5) for n in range(200) if sampled(call(call_id=str(n)), 0.1))


def test_rules_sample_by_prompt_and_the_smaller_share_counts() -> None:
    policy = RecordPolicy(prompts={"chatty": Rule(sample=0.5)}, callers={"ci": Rule(sample=0.000001)})
    kept = [policy.kept(call(call_id=str(n), prompt="chatty")) for n in range(400)]
    assert 150 < sum(found is not None for found in kept) < 250
    assert not any(policy.kept(call(call_id=str(n), prompt="chatty", caller="ci")) for n in range(400))
    assert policy.kept(call(prompt="other")) is not None


def test_what_leaves_no_row_is_counted() -> None:
    kept = Kept()
    recorder = kept.recorder(RecordPolicy(mode="none"))
    assert recorder(call())
    assert (kept.events, recorder.counts.unrecorded) == ([], 1)


def test_identifiers_lose_secrets_and_keep_what_they_are_asked_for_by() -> None:
    kept = Kept()
    key = "sk-proj-abcdefghijklmnop0123"
    recorder = kept.recorder()
    recorder(call(user="ada@example.org", session=key, model_requested=f"m {key}", tags={"mail": "a@b.example"}))
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert (event.user, event.session) == ("ada@example.org", "[redacted:openai-key]")
    assert key not in str(msgspec.structs.asdict(event))
    assert event.tags == {"mail": "[redacted:email]"}
    assert event.redactions == recorder.counts.redactions == 3


def test_identities_are_hashed_when_asked_for() -> None:
    kept = Kept()
    kept.recorder(identity_key=b"key")(call(user="ada", session=""))
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert (event.user, event.session) == (hashed_identity("ada", b"key"), "")


def test_a_redaction_that_fails_keeps_no_body_and_fails_no_call() -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    kept = Kept()
    recorder = kept.recorder(bodies=Redactor((), function=broken))
    assert recorder(call(user="u", tags={"a": "b"}, status=200))
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert (event.request, event.response, event.variables, event.user, event.tags) == ("", "", "", "", {})
    assert (event.record_mode, recorder.counts.failed, len(kept.faults)) == ("metadata", 1, 1)


def test_what_half_a_secret_may_be_is_dropped_before_a_cut() -> None:
    kept = Kept()
    kept.recorder()(call(request='{"q":"' + "x " * 500 + "sk-pro… (cut: 9,999 characters in all)"))
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert "sk-pro" not in event.request
    assert event.request.endswith("… (cut: 9,999 characters in all)")


def test_comments_of_scores_are_redacted() -> None:
    kept = Kept()
    score = ScoreEvent(
        score_id="s", target_kind="call", target="c", ts="t", received_at="t", name="n", value=1, kind="number",
        comment="ask a@b.example",
    )  # fmt: skip
    kept.recorder()(score)
    (event,) = kept.events
    assert isinstance(event, ScoreEvent)
    assert event.comment == "ask [redacted:email]"


@pytest.mark.parametrize(
    "place", ["params", "attempts", "variables", "request", "response", "user", "stratum", "trace_id"]
)
def test_a_secret_anywhere_is_found_though_all_texts_are_scanned_at_once(place: str) -> None:
    key = "sk-ant-api03-Zq8LmR2vXc91bN"
    kept = Kept()
    kept.recorder()(
        call(**{place: json.dumps({"said": key}) if place in {"variables", "request", "response"} else key})
    )
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert key not in str(msgspec.structs.asdict(event))
    assert event.redactions == 1


def test_own_patterns_see_where_each_text_begins() -> None:
    kept = Kept()
    kept.recorder(bodies=Redactor(("secrets",), {"ticket": r"\AT-\d{4}\b"}))(
        call(error_message="", response="T-1234 is yours")
    )
    (event,) = kept.events
    assert isinstance(event, CallEvent)
    assert event.response == "[redacted:ticket] is yours"
