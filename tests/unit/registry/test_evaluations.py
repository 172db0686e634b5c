"""Evaluations on both databases: one runner at a time, nothing twice, nothing after the end, and no revision for a result."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from registry.cases import Case
from registry.errors import (
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    DatasetNotFoundError,
    EvaluationNotFoundError,
    EvaluationOverError,
    PromptInvalidError,
    PromptNotFoundError,
)
from registry.evaluations import AttemptResult
from registry.roles import ROLES, Principal, owner
from registry.serving.live import LiveRegistry
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

ANN = owner("ann")
T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine, clock) -> Store:
    made = Store(engine, clock=clock)
    made.save("a", chat("hi {{ q }}"), message="m", by=ANN)
    made.save_dataset("golden", [Case(variables={"q": "one"})], by=ANN)
    return made


def asked(store: Store, **more: object) -> str:
    plan = {"targets": ["a@1"]}
    return store.create_evaluation("a", "golden", plan=plan, total=4, by=ANN, **more).evaluation_id  # type: ignore[arg-type]


def result(case_id: str, *, repeat: int = 0, passed: bool | None = True, cost: float | None = 0.5) -> AttemptResult:
    return AttemptResult(
        target="a@1", case_id=case_id, repeat=repeat, passed=passed, cost=cost, result={"text": f"{case_id} ü"}
    )


def test_from_asking_to_the_end(store, clock):
    made = store.create_evaluation("a", "golden@1", plan={"targets": ["a@1"]}, total=2, by=ANN)
    assert (made.state, made.dataset_reference, made.plan, made.total) == (
        "queued",
        "golden@1",
        {"targets": ["a@1"]},
        2,
    )
    clock.pass_by(1)
    mine = store.claim_evaluation("r1")
    assert mine is not None
    assert (mine.state, mine.runner, mine.started_at) == ("running", "r1", T0 + timedelta(seconds=1))
    assert store.claim_evaluation("r2") is None
    assert store.add_results(mine.evaluation_id, [result("x"), result("y", passed=False, cost=None)], runner="r1")
    now = store.evaluation(mine.evaluation_id)
    assert (now.done, now.failed, now.cost) == (2, 1, 0.5)
    over = store.finish_evaluation(mine.evaluation_id, runner="r1", facts={"format": 1})
    assert (over.state, over.facts, over.ended_at, over.lease_until) == ("done", {"format": 1}, clock.now, None)
    assert store.results(mine.evaluation_id) == [result("x"), result("y", passed=False, cost=None)]
    assert store.evaluations("a", state="done") == [over]
    assert store.evaluations(state="queued") == []


def test_a_result_is_kept_once(store):
    one = asked(store)
    store.claim_evaluation("r1")
    store.add_results(one, [result("x"), result("x")], runner="r1")
    store.add_results(one, [result("x", passed=False), result("x", repeat=1), result("z")], runner="r1")
    assert [(each.key, each.passed) for each in store.results(one)] == [
        (("a@1", "x", 0), True),
        (("a@1", "x", 1), True),
        (("a@1", "z", 0), True),
    ]
    assert store.result_keys(one) == {("a@1", "x", 0), ("a@1", "x", 1), ("a@1", "z", 0)}
    assert (store.evaluation(one).done, store.evaluation(one).failed, store.evaluation(one).cost) == (3, 0, 1.5)


def test_what_a_killed_runner_left_is_taken_over(store, clock):
    one = asked(store)
    store.claim_evaluation("r1", seconds=60)
    store.add_results(one, [result("x")], runner="r1")
    clock.pass_by(59)
    assert store.renew_evaluation(one, "r1", seconds=60)
    clock.pass_by(59)
    assert store.claim_evaluation("r2") is None
    with pytest.raises(EvaluationOverError, match="is being run by r1"):
        store.claim_evaluation("r2", evaluation_id=one)
    clock.pass_by(2)
    taken = store.claim_evaluation("r2")
    assert taken is not None
    assert (taken.evaluation_id, taken.runner, taken.done, taken.started_at) == (one, "r2", 1, T0)
    # The first one lives after all: what it paid for is kept, and it is told to stop.
    assert not store.add_results(one, [result("y")], runner="r1")
    assert store.result_keys(one) == {("a@1", "x", 0), ("a@1", "y", 0)}
    with pytest.raises(EvaluationOverError, match="is run by r2 now"):
        store.finish_evaluation(one, runner="r1")
    assert store.finish_evaluation(one, runner="r2").state == "done"


def test_a_runner_goes_on_with_what_it_holds_and_may_let_go(store):
    one = asked(store)
    store.claim_evaluation("r1", evaluation_id=one)
    again = store.claim_evaluation("r1", evaluation_id=one)
    assert again is not None
    store.release_evaluation(one, "another")
    assert store.evaluation(one).state == "running"
    store.release_evaluation(one, "r1")
    assert store.evaluation(one).state == "queued"
    assert store.claim_evaluation("r2") is not None


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_what_is_over_stays_as_it_is(store, end):
    one = asked(store)
    store.claim_evaluation("r1")
    if end == "cancelled":
        store.cancel_evaluation(one, by=ANN)
    else:
        store.finish_evaluation(one, runner="r1", state=end, error="e" if end == "failed" else "")
    before = store.evaluation(one)
    assert before.state == end
    assert not store.renew_evaluation(one, "r1")
    assert not store.add_results(one, [result("x")], runner="r1")
    for act in (
        lambda: store.claim_evaluation("r1", evaluation_id=one),
        lambda: store.finish_evaluation(one, runner="r1"),
        lambda: store.cancel_evaluation(one, by=ANN),
    ):
        with pytest.raises(EvaluationOverError, match=f"is {end} already"):
            act()
    assert store.claim_evaluation("r2") is None
    assert store.evaluation(one) == before
    assert store.results(one) == []


def test_the_oldest_comes_first(store, clock):
    first = asked(store)
    clock.pass_by(1)
    second = asked(store)
    assert [store.claim_evaluation(runner).evaluation_id for runner in ("r1", "r2")] == [first, second]
    assert [each.evaluation_id for each in store.evaluations()] == [second, first]


def test_asked_again_under_an_id_it_is_the_same(store):
    assert asked(store, evaluation_id="mine") == asked(store, evaluation_id="mine") == "mine"
    assert len(store.evaluations()) == 1


def test_workers_have_nothing_to_reload(store, engine):
    live = LiveRegistry(engine)
    revision = store.revision()
    one = asked(store)
    store.claim_evaluation("r1")
    store.add_results(one, [result(str(number)) for number in range(10)], runner="r1")
    store.finish_evaluation(one, runner="r1")
    assert store.revision() == revision
    assert live.look()
    assert live.revision == revision
    live.close()


def test_authors_and_reviewers_run_evaluations(store):
    for role in ROLES:
        by = Principal(name=role, identity=f"key:{role}", roles=frozenset({role}))
        if role in {"author", "reviewer", "admin"}:
            made = store.create_evaluation("a", "golden", plan={}, total=1, by=by)
            assert store.cancel_evaluation(made.evaluation_id, by=by).error == f"cancelled by {role}"
            continue
        with pytest.raises(AuthRoleNotAllowedError, match="may not run evaluations"):
            store.create_evaluation("a", "golden", plan={}, total=1, by=by)
        with pytest.raises(AuthRoleNotAllowedError):
            store.cancel_evaluation(asked(store), by=by)


def test_what_is_not_there_or_out_of_scope_is_refused(store):
    near = Principal(name="n", identity="key:n", roles=frozenset({"author"}), prompts=("a",))
    with pytest.raises(AuthPromptNotAllowedError):
        store.create_evaluation("a", "golden", plan={}, total=1, by=near)
    with pytest.raises(PromptNotFoundError):
        store.create_evaluation("b", "golden", plan={}, total=1, by=ANN)
    with pytest.raises(DatasetNotFoundError):
        store.create_evaluation("a", "goldne", plan={}, total=1, by=ANN)
    with pytest.raises(DatasetNotFoundError):
        store.create_evaluation("a", "golden@2", plan={}, total=1, by=ANN)
    with pytest.raises(EvaluationNotFoundError):
        store.results("nope")
    with pytest.raises(PromptInvalidError, match="'state' is one of queued"):
        store.evaluations(state="odd")


def test_the_database_refuses_to_change_a_result(store, database):
    one = asked(store)
    store.claim_evaluation("r1")
    store.add_results(one, [result("x")], runner="r1")
    with pytest.raises(DBAPIError, match="never changes"):
        database.run("UPDATE evaluation_results SET result = '{}'")


def test_twenty_thousand_results(store):
    one = asked(store)
    store.claim_evaluation("r1")
    for start in range(0, 20_000, 2_000):
        store.add_results(one, [result(f"{number:05}") for number in range(start, start + 2_000)], runner="r1")
    assert len(store.result_keys(one)) == store.evaluation(one).done == 20_000
    found = store.results(one)
    assert [each.case_id for each in found[:2]] == ["00000", "00001"]
