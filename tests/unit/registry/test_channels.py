"""Moves of channels: rollouts, hold-backs, scheduled moves; what a protected channel lets in; writes that are asked for twice."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import (
    AuthChannelNotAllowedError,
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    IdempotencyKeyReusedError,
    PromptArchivedError,
    PromptChannelEmptyError,
    PromptInvalidError,
    PromptOwnWorkError,
    PromptProtectedError,
    PromptRequestClosedError,
    PromptRequestNotFoundError,
    RegistryError,
)
from registry.keys import KeyTerms, principal_of
from registry.roles import Principal, owner
from registry.serving.live import LiveRegistry
from registry.split import Arm, Caller
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN, BOB = owner("ann"), owner("bob")


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine, clock) -> Store:
    return Store(engine, clock=clock)


@pytest.fixture
def live(engine, store, clock):
    for text in ("one", "two", "three"):
        store.save("a", chat(text), message=text, by=ANN)
    store.promote("a", 1, reason="first", by=BOB)
    live = LiveRegistry(engine, clock=clock)
    yield live
    live.close()


def _served(live: LiveRegistry, reference: str = "a") -> dict[tuple[int, str], int]:
    """How many of 400 sessions get which version."""
    found: dict[tuple[int, str], int] = {}
    for number in range(400):
        resolved = live.resolve(reference, caller=Caller(session=f"s{number}"))
        place = resolved.version.number, resolved.variant
        found[place] = found.get(place, 0) + 1
    return found


def test_a_rollout_gives_a_share_and_ends_with_the_promotion(store, live):
    assert _served(live) == {(1, ""): 400}
    move = store.rollout("a", [Arm(version=2, share=25)], reason="try", by=BOB)
    assert (move.changed, move.from_version, move.to_version, move.split.arms[0].share) == (True, 1, 1, 25)
    served = _served(live)
    assert set(served) == {(1, "main"), (2, "rollout")}
    assert 60 < served[2, "rollout"] < 140
    assert live.resolve("a").version.number == 1  # nobody told apart
    assert live.channels_on("a", 2) == ["stable"]
    store.promote("a", 2, reason="good", by=BOB)
    assert _served(live) == {(2, ""): 400}
    assert store.prompt("a").splits == {}


def test_a_rollout_is_taken_back_by_one_without_arms_and_by_a_rollback(store, live):
    store.promote("a", 2, reason="good", by=BOB)
    store.rollout("a", [Arm(version=3, share=50)], sticky="user", reason="try", by=BOB)
    assert store.prompt("a").splits["stable"].sticky == "user"
    assert not store.rollout("a", [Arm(version=3, share=50)], sticky="user", reason="again", by=BOB).changed
    assert store.rollout("a", [], reason="no", by=BOB).changed
    assert _served(live) == {(2, ""): 400}
    store.rollout("a", [Arm(version=3, share=50)], reason="try", by=BOB)
    assert store.rollback("a", reason="bad", by=BOB).to_version == 1
    assert _served(live) == {(1, ""): 400}


def test_a_rollout_needs_a_version_of_the_channels_own(store, live):
    with pytest.raises(RegistryError, match="has no channel 'canary'"):
        store.rollout("a", [Arm(version=2, share=5)], channel="canary", reason="r", by=BOB)
    store.save("b", chat("x"), message="m", by=ANN)
    with pytest.raises(PromptChannelEmptyError):
        store.rollout("b", [Arm(version=1, share=5)], reason="r", by=BOB)


def test_a_hold_back_stays_a_day_on_the_version_before(store, live, clock):
    move = store.promote("a", 2, reason="good", holdback=20, by=BOB)
    assert move.split.arms == (Arm(version=1, share=20, kind="holdback", until=START + timedelta(hours=24)),)
    assert set(_served(live)) == {(2, "main"), (1, "holdback")}
    clock.now += timedelta(hours=24)
    assert _served(live) == {(2, ""): 400}
    clock.now -= timedelta(hours=1)
    assert store.rollback("a", reason="bad", by=BOB).to_version == 1
    assert _served(live) == {(1, ""): 400}


def test_a_rule_can_ask_for_a_hold_back_at_each_promotion(store, live):
    store.protect("*", holdback=10, by=ANN)
    assert store.promote("a", 2, reason="good", by=BOB).split.arms[0].share == 10
    assert store.promote("a", 3, reason="urgent", holdback=0, by=BOB).split.arms == ()


def test_what_was_live_tells_the_split(store, live, clock):
    clock.now += timedelta(hours=1)
    store.rollout("a", [Arm(version=2, share=25)], reason="try", by=BOB)
    (before,) = [e for e in store.live_at(START, "a") if e.channel == "stable"]
    (after,) = [e for e in store.live_at(clock.now, "a") if e.channel == "stable"]
    assert (before.to_version, before.evidence.get("split")) == (1, None)
    assert (after.to_version, after.evidence["split"]) == (1, [{"version": 2, "share": 25, "kind": "rollout"}])
    assert {e.slug for e in store.live_at(clock.now)} == {"a"}


# Protected channels


def _key(engine, name: str, *roles: str, **terms: object) -> Principal:
    given = KeyTerms(name=name, roles=roles, **terms)  # type: ignore[arg-type]
    return principal_of(KeyStore(engine).create(given, by=owner("root")).key)


def test_a_protected_channel_takes_approved_versions_only(store, live, engine):
    rita, paul = _key(engine, "rita", "reviewer"), _key(engine, "paul", "promoter")
    store.protect("a", approvals=1, by=ANN, reason="four eyes")
    with pytest.raises(PromptProtectedError, match=r"version 2 has 0 of 1 approvals: ask for one with .* request a 2"):
        store.promote("a", 2, reason="r", by=paul)
    asked = store.ask("a", 2, reason="please", by=ANN)
    assert (asked.state, asked.missing[0][:25]) == ("open", "version 2 has 0 of 1 appr")
    assert store.ask("a", 2, reason="again", by=ANN).request_id == asked.request_id
    assert store.review(asked.request_id, "comment", text="hm", by=rita).missing
    assert store.review(asked.request_id, "approve", by=rita).missing == ()
    move = store.promote("a", 2, reason="r", by=paul)
    assert (move.changed, _served(live)) == (True, {(2, ""): 400})
    entry = store.history("a")[0]
    assert (entry.actor, entry.evidence) == ("key paul", {"approved_by": ["key rita"], "requests": [asked.request_id]})
    assert store.request(asked.request_id).state == "promoted"
    # What was said once isn't said for ever: away from it and back takes another approval, but for a rollback.
    assert store.rollback("a", reason="bad", by=paul).to_version == 1
    with pytest.raises(PromptProtectedError):
        store.promote("a", 2, reason="r", by=paul)


@pytest.mark.parametrize("door", ["promote", "rollout", "schedule", "admin", "another channel's approval"])
def test_no_door_passes_by_the_rule(door, store, live, clock, engine):
    store.protect("*", approvals=1, by=ANN)
    with pytest.raises(PromptProtectedError):
        if door == "promote":
            store.promote("a", 2, reason="r", by=BOB)
        elif door == "rollout":
            store.rollout("a", [Arm(version=2, share=0.01)], reason="r", by=BOB)
        elif door == "admin":
            store.promote("a", 2, reason="r", by=_key(engine, "root", "admin"))
        elif door == "another channel's approval":
            asked = store.ask("a", 2, channel="canary", reason="r", by=ANN)
            store.review(asked.request_id, "approve", by=BOB)
            store.promote("a", 2, reason="r", by=BOB)
        else:
            planned = store.schedule("a", 2, at=START + timedelta(hours=1), reason="r", by=BOB)
            clock.now += timedelta(hours=1)
            (done,) = store.run_due()
            assert (done.schedule_id, done.state) == (planned.schedule_id, "failed")
            raise PromptProtectedError(done.outcome)
    assert store.prompt("a").channels["stable"] == 1
    assert _served(live) == {(1, ""): 400}


def test_a_rollout_of_an_approved_version_may_grow(store, live):
    store.protect("a", approvals=1, by=ANN)
    asked = store.ask("a", 2, reason="r", by=ANN)
    store.review(asked.request_id, "approve", by=BOB)
    store.rollout("a", [Arm(version=2, share=5)], reason="r", by=BOB)
    store.rollout("a", [Arm(version=2, share=50)], reason="r", by=BOB)
    assert store.request(asked.request_id).state == "open"
    store.promote("a", 2, reason="r", by=BOB)


def test_nobody_approves_their_own_work(store, live, engine):
    store.protect("a", approvals=1, by=ANN)
    carl = _key(engine, "carl", "author", "reviewer")
    store.save("a", chat("four"), message="m", by=carl)
    by_carl = store.ask("a", 4, reason="r", by=BOB)
    with pytest.raises(PromptOwnWorkError, match="key carl wrote version 4 of prompt 'a' or asked"):
        store.review(by_carl.request_id, "approve", by=carl)
    with pytest.raises(PromptOwnWorkError, match="bob wrote version 4"):  # who asked for it
        store.review(by_carl.request_id, "approve", by=BOB)
    with pytest.raises(PromptOwnWorkError, match="somebody whom the server knows"):
        store.review(by_carl.request_id, "approve", by=owner("claims to be eve", verified=False))
    # Under another key, and under the name in Git.
    again = _key(engine, "carl-2", "reviewer", owner="carl")
    with pytest.raises(PromptOwnWorkError):
        store.review(by_carl.request_id, "approve", by=again)
    ci = _key(engine, "ci", "author")
    store.save("a", chat("five"), message="m", by=ci, author="Dora <dora@example.org>")
    pushed = store.ask("a", 5, reason="r", by=ci)
    with pytest.raises(PromptOwnWorkError):
        store.review(pushed.request_id, "approve", by=_key(engine, "dora", "reviewer"))
    with pytest.raises(PromptOwnWorkError):
        store.review(pushed.request_id, "approve", by=_key(engine, "d", "reviewer", owner="dora@example.org"))
    assert store.review(pushed.request_id, "approve", by=ANN).missing == ()


def test_two_approvals_are_two_people(store, live, engine):
    store.protect("a", approvals=2, by=ANN)
    asked = store.ask("a", 2, reason="r", by=ANN)
    rita = _key(engine, "rita", "reviewer")
    store.review(asked.request_id, "approve", by=rita)
    assert "1 of 2 approvals by key rita" in store.review(asked.request_id, "approve", by=rita).missing[0]
    assert store.review(asked.request_id, "approve", by=BOB).missing == ()


def test_a_rejection_stands_until_it_is_withdrawn(store, live):
    store.protect("a", approvals=1, by=ANN)
    asked = store.ask("a", 2, reason="r", by=ANN)
    store.review(asked.request_id, "approve", by=BOB)
    with pytest.raises(PromptInvalidError, match="say why"):
        store.review(asked.request_id, "reject", by=BOB)
    assert store.review(asked.request_id, "reject", text="too long", by=BOB).state == "rejected"
    with pytest.raises(PromptRequestClosedError, match="was rejected already"):
        store.review(asked.request_id, "approve", by=BOB)
    again = store.ask("a", 2, reason="r", by=ANN)
    assert "bob rejected version 2" in store.review(again.request_id, "approve", by=BOB).missing[0]
    with pytest.raises(PromptProtectedError, match="bob rejected version 2"):
        store.promote("a", 2, reason="r", by=BOB)
    store.withdraw(asked.request_id, by=ANN)
    store.promote("a", 2, reason="r", by=BOB)


def test_a_verdict_is_about_one_version(store, live):
    store.protect("a", evaluation=True, by=ANN)
    with pytest.raises(PromptProtectedError, match="version 2 has not been evaluated"):
        store.promote("a", 2, reason="r", by=BOB)
    store.judge("a", 2, passed=False, evidence={"dataset": "d"}, by=ANN)
    store.judge("a", 3, passed=True, evidence={"dataset": "d"}, by=ANN)
    with pytest.raises(PromptProtectedError, match="version 2 failed its evaluation"):
        store.promote("a", 2, reason="r", by=BOB)
    verdict = store.judge("a", 2, passed=True, evidence={"dataset": "d"}, by=ANN)
    store.promote("a", 2, reason="r", by=BOB)
    assert store.history("a")[0].evidence == {"verdict": verdict}


def test_rules_are_for_one_prompt_or_all_and_add_up(store, live):
    store.protect("*", approvals=1, by=ANN)
    store.protect("a", evaluation=True, by=ANN)
    assert len(store.lacking("a", "stable", 2)) == 2
    assert store.lacking("a", "canary", 2) == []
    store.protect("a", by=ANN)
    assert [(rule.slug, rule.approvals) for rule in store.rules()] == [("*", 1)]
    assert [e.action for e in store.history()][:3] == ["protect"] * 3
    with pytest.raises(RegistryError, match="'latest' can't be protected"):
        store.protect("a", channel="latest", approvals=1, by=ANN)
    with pytest.raises(PromptInvalidError, match="from 0 to 10"):
        store.protect("a", approvals=11, by=ANN)


# Scheduled moves


def test_a_scheduled_move_happens_once_when_it_is_due(store, live, clock, engine):
    planned = store.schedule("a", 2, at=START + timedelta(hours=1), reason="launch", by=BOB)
    assert (planned.state, store.run_due()) == ("waiting", [])
    clock.now += timedelta(hours=1)
    assert [(done.state, done.schedule_id) for done in store.run_due()] == [("done", planned.schedule_id)]
    assert store.run_due() == Store(engine, clock=clock).run_due() == []
    assert _served(live) == {(2, ""): 400}
    entry = store.history("a")[0]
    assert (entry.action, entry.actor, entry.reason, entry.evidence["schedule"]) == (
        "promote",
        "bob",
        "launch",
        planned.schedule_id,
    )


def test_a_scheduled_move_is_taken_back_or_refused_with_its_reason(store, live, clock, engine):
    paul = _key(engine, "paul", "promoter")
    one = store.schedule("a", 2, at=START + timedelta(hours=1), reason="r", by=BOB)
    two = store.schedule("a", 3, at=START + timedelta(hours=1), reason="r", by=paul)
    assert store.cancel(one.schedule_id, reason="not yet", by=BOB).state == "cancelled"
    with pytest.raises(PromptRequestClosedError, match="cancelled already"):
        store.cancel(one.schedule_id, by=BOB)
    with pytest.raises(PromptRequestNotFoundError):
        store.cancel("nonsense", by=BOB)
    KeyStore(engine).revoke(paul.identity.removeprefix("key:"), by=ANN)
    clock.now += timedelta(hours=2)
    (failed,) = store.run_due()
    assert (failed.schedule_id, failed.state) == (two.schedule_id, "failed")
    assert "the key of key paul, who scheduled the move, has ended" in failed.outcome
    assert store.history("a")[0].action == "schedule.fail"
    with pytest.raises(PromptInvalidError, match="lies in the past"):
        store.schedule("a", 2, at=START, reason="r", by=BOB)
    with pytest.raises(PromptInvalidError, match="time zone"):
        store.schedule("a", 2, at=datetime(2030, 1, 1), reason="r", by=BOB)  # noqa: DTZ001


# Archived prompts


def test_an_archived_prompt_serves_and_does_not_change(store, live):
    store.promote("a", 2, reason="r", by=BOB)
    archived = store.archive("a", reason="replaced by b", by=BOB)
    assert (archived.archived_at, archived.archived_by) == (START, "bob")
    assert _served(live) == {(2, ""): 400}
    with pytest.raises(PromptArchivedError, match="was archived at 2026-11-22 12:00 UTC by bob"):
        store.save("a", chat("x"), message="m", by=ANN)
    with pytest.raises(PromptArchivedError):
        store.promote("a", 3, reason="r", by=BOB)
    with pytest.raises(PromptArchivedError):
        store.ask("a", 3, reason="r", by=BOB)
    assert store.rollback("a", reason="still in use", by=BOB).to_version == 1
    assert store.archive("a", reason="again", by=BOB).archived_at == START
    assert store.restore("a", reason="needed", by=BOB).archived_at is None
    store.save("a", chat("x"), message="m", by=ANN)
    assert [e.action for e in store.history("a")][:4] == ["save", "restore", "rollback", "archive"]


# Once only


def test_a_write_with_a_key_happens_once(store, live):
    first = store.save("a", chat("x"), message="m", by=ANN, idempotency_key="k1")
    second = store.save("a", chat("y"), message="m", by=ANN)
    again = store.save("a", chat("x"), message="m", by=ANN, idempotency_key="k1")
    assert (again, second.version.number) == (first, 5)
    one = store.promote("a", 2, reason="r", by=BOB, idempotency_key="k1")  # another one's key of that name
    store.promote("a", 3, reason="r", by=BOB)
    assert store.promote("a", 2, reason="r", by=BOB, idempotency_key="k1") == one
    assert store.prompt("a").channels["stable"] == 3
    with pytest.raises(IdempotencyKeyReusedError, match="was used for another write"):
        store.promote("a", 1, reason="r", by=BOB, idempotency_key="k1")
    asked = store.ask("a", 4, reason="r", by=BOB, idempotency_key="k2")
    assert store.ask("a", 4, reason="r", by=BOB, idempotency_key="k2") == asked
    rolled = store.rollback("a", reason="r", by=BOB, idempotency_key="k3")
    assert store.rollback("a", reason="r", by=BOB, idempotency_key="k3") == rolled
    arms = [Arm(version=5, share=5)]
    shared = store.rollout("a", arms, reason="r", by=BOB, idempotency_key="k4")
    store.rollout("a", [], reason="r", by=BOB)
    assert store.rollout("a", arms, reason="r", by=BOB, idempotency_key="k4") == shared
    with pytest.raises(PromptInvalidError, match="at most 255"):
        store.save("a", chat("z"), message="m", by=ANN, idempotency_key="k" * 256)


# Roles and scopes


def test_scopes_limit_prompts_and_channels(store, live, engine):
    mine = _key(engine, "mine", "author", "promoter", prompts=("b*",), channels=("canary",))
    with pytest.raises(AuthPromptNotAllowedError, match=r"may use the prompts b\* only, not 'a'"):
        store.save("a", chat("x"), message="m", by=mine)
    store.save("bb", chat("x"), message="m", by=mine)
    store.promote("bb", 1, channel="canary", reason="r", by=mine)
    with pytest.raises(AuthChannelNotAllowedError, match="may use the channels canary only, not 'stable'"):
        store.promote("bb", 1, reason="r", by=mine)
    admin = _key(engine, "half", "admin", prompts=("b*",))
    with pytest.raises(AuthPromptNotAllowedError):
        KeyStore(engine).create(KeyTerms(name="x"), by=admin)
    with pytest.raises(AuthPromptNotAllowedError):
        store.protect("*", by=admin)


def test_a_role_says_what_it_takes(store, live, engine):
    with pytest.raises(
        AuthRoleNotAllowedError,
        match=r"key v may not move channels: that takes the role promoter or admin \(this one has viewer\)",
    ):
        store.promote("a", 2, reason="r", by=_key(engine, "v", "viewer"))
