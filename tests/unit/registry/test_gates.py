"""A channel with a policy, on both databases: what gets onto it, and that nobody makes the gate easier for their own work."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.cases import Case
from registry.errors import (
    AuthRoleNotAllowedError,
    DatasetNotFoundError,
    PromptInvalidError,
    PromptProtectedError,
)
from registry.policy import Policy, read_policy
from registry.roles import Principal, owner
from registry.serving.live import LiveRegistry
from registry.split import Arm
from registry.writing.audit import verify
from registry.writing.store import Store
from tests.plugins.verdicts import facts_about
from tests.unit.registry.conftest import chat

ANN, BOB = owner("ann"), owner("bob")
POLICY = {"dataset": "golden", "metrics": {}}
T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine, clock) -> Store:
    """Prompt `a` with three versions, the first of them live, and a gate before the others."""
    made = Store(engine, clock=clock)
    for text in ("one", "two", "three"):
        made.save("a", chat(text), message=text, by=ANN)
    made.promote("a", 1, reason="first", by=BOB)
    made.save_dataset("golden", [Case(variables={"q": "one"})], by=ANN)
    made.protect("a", policy=POLICY, by=ANN)
    return made


def judged(store: Store, version: int, *, against: int = 1, number: int = 1, broken: tuple[str, ...] = ()) -> str:
    facts = facts_about("a", version, against=against, number=number, broken=broken)
    return store.judge("a", version, passed=not broken, evidence=facts, dataset="golden", by=ANN)


def test_without_an_evaluation_nothing_gets_through(store):
    with pytest.raises(PromptProtectedError, match="has not been evaluated on golden.*slugline gate a --candidate 2"):
        store.promote("a", 2, reason="r", by=BOB)


def test_one_that_passed_gets_through_and_stands_in_the_history(store):
    verdict = judged(store, 2)
    store.promote("a", 2, reason="r", by=BOB)
    assert store.prompt("a").channels["stable"] == 2
    assert store.history("a")[0].evidence == {"verdicts": {"golden": verdict}}
    assert verify(store).whole


def test_one_that_failed_is_refused_by_every_move_with_the_names_of_its_cases(store, clock):
    judged(store, 2, broken=("refund of a gift", "the angry customer"))
    planned = store.schedule("a", 2, at=T0 + timedelta(hours=1), reason="r", by=BOB)
    said = "2 of 10 cases that must pass failed: refund of a gift .*; the angry customer"
    for move in (
        lambda: store.promote("a", 2, reason="r", by=BOB),
        lambda: store.promote("a", 2, reason="r", holdback=50, by=BOB),
        lambda: store.rollout("a", [Arm(version=2, share=5)], reason="r", by=BOB),
    ):
        with pytest.raises(PromptProtectedError, match=said):
            move()
    clock.now += timedelta(hours=2)
    [dealt] = store.run_due()
    assert (dealt.schedule_id, dealt.state) == (planned.schedule_id, "failed")
    assert "refund of a gift" in dealt.outcome
    asked = store.ask("a", 2, reason="please", by=ANN)
    assert "refund of a gift" in asked.missing[0]
    assert "refund of a gift" in store.lacking("a", "stable", 2)[0]
    assert store.prompt("a").channels["stable"] == 1
    # What was said before doesn't count, the newest verdict does.
    judged(store, 2)
    store.promote("a", 2, reason="r", by=BOB)


def test_back_to_what_was_live_is_free(store):
    judged(store, 2)
    store.promote("a", 2, reason="r", by=BOB)
    judged(store, 1, against=2, broken=("x",))
    assert store.rollback("a", reason="fire", by=BOB).to_version == 1


def test_evidence_goes_stale(store, clock):
    judged(store, 2)
    store.save_dataset("golden", [Case(variables={"q": "two"})], by=ANN)
    with pytest.raises(PromptProtectedError, match="evaluated on golden@1, and it is golden@2 now"):
        store.promote("a", 2, reason="r", by=BOB)
    judged(store, 2, number=2)
    clock.now += timedelta(hours=169)
    with pytest.raises(PromptProtectedError, match="169 hours old, and at most 168 are allowed"):
        store.promote("a", 2, reason="r", by=BOB)
    judged(store, 2, number=2)
    judged(store, 3, number=2)
    store.promote("a", 3, reason="r", by=BOB)
    with pytest.raises(PromptProtectedError, match="compared with a@1, and version 3 is on the channel now"):
        store.promote("a", 2, reason="r", by=BOB)


def test_a_verdict_over_another_dataset_says_nothing(store):
    store.save_dataset("easy", [Case(variables={"q": "1"})], by=ANN)
    facts = facts_about("a", 2, against=1, dataset="easy")
    store.judge("a", 2, passed=True, evidence=facts, dataset="easy", by=ANN)
    with pytest.raises(PromptProtectedError, match="has not been evaluated on golden"):
        store.promote("a", 2, reason="r", by=BOB)
    # Nor does one that only claims to be about this one.
    store.judge("a", 2, passed=True, evidence=facts, dataset="golden", by=ANN)
    with pytest.raises(PromptProtectedError, match="is on easy@1, and the policy asks for golden"):
        store.promote("a", 2, reason="r", by=BOB)


def test_policies_for_one_prompt_and_for_all_must_both_hold(store):
    store.save_dataset("tone", [Case(variables={"q": "1"})], by=ANN)
    store.protect("*", policy={"dataset": "tone", "metrics": {"similar": 0.5}}, by=ANN)
    judged(store, 2)
    with pytest.raises(PromptProtectedError, match="has not been evaluated on tone"):
        store.promote("a", 2, reason="r", by=BOB)


def test_a_rule_keeps_its_policy_as_it_was_written(store, engine):
    assert store.rules()[0].policy == read_policy(POLICY) == Policy(dataset="golden")
    event = store.history("a")[0]
    assert event.evidence["to"]["policy"]["margin"] == 0.05
    assert verify(store).whole
    store.protect("a", by=ANN)
    assert store.rules() == []
    assert verify(store).whole
    with pytest.raises(PromptInvalidError, match="'dateset' is not a field of a policy; did you mean 'dataset'"):
        store.protect("a", policy={"dateset": "golden"}, by=ANN)
    with pytest.raises(DatasetNotFoundError, match="did you mean 'golden'"):
        store.protect("a", policy={"dataset": "goldne"}, by=ANN)
    with pytest.raises(DatasetNotFoundError, match="has no version 9"):
        store.protect("a", policy={"dataset": "golden@9"}, by=ANN)


def test_a_policy_that_was_changed_by_hand_is_found(store, database):
    judged(store, 2, broken=("x",))
    database.tamper("UPDATE rules SET policy = replace(policy, '0.05', '0.95')")
    assert any("the rule for channel 'stable'" in problem for problem in verify(store).problems)


def test_a_verdict_that_was_changed_by_hand_is_found(store, database):
    judged(store, 2, broken=("x",))
    database.tamper("UPDATE verdicts SET evidence = replace(evidence, '\"x\"', '\"y\"')")
    assert any("isn't what the evaluation found" in problem for problem in verify(store).problems)


def test_the_dataset_of_a_gate_takes_a_reviewer(store):
    author, reviewer, both = (
        Principal(name="cy", identity="key:cy", roles=frozenset(roles))
        for roles in ({"author"}, {"reviewer"}, {"author", "promoter"})
    )
    assert store.dataset("golden").gates
    easier = [Case(variables={"q": "easy"})]
    for by in (author, both):
        with pytest.raises(AuthRoleNotAllowedError, match="dataset 'golden' is part of a gate.*reviewer or admin"):
            store.save_dataset("golden", easier, by=by)
        with pytest.raises(AuthRoleNotAllowedError, match="part of a gate"):
            store.remove_case("golden", store.read_dataset("golden").cases[0].case_id, by=by)
        with pytest.raises(AuthRoleNotAllowedError, match="part of a gate"):
            store.add_case("golden", easier[0], by=by)
    assert store.add_case("golden", easier[0], by=reviewer).created
    with pytest.raises(PromptInvalidError, match="is asked for by the policy of a channel"):
        store.archive_dataset("golden", by=reviewer)
    store.protect("a", by=ANN)
    assert store.save_dataset("golden", easier, by=author).created


def test_workers_see_a_version_only_once_it_got_through(store, engine):
    live = LiveRegistry(engine)
    judged(store, 2, broken=("x",))
    with pytest.raises(PromptProtectedError):
        store.promote("a", 2, reason="r", by=BOB)
    assert live.resolve("a").version.number == 1
    judged(store, 2)
    store.promote("a", 2, reason="r", by=BOB)
    assert live.resolve("a").version.number == 2
    live.close()
