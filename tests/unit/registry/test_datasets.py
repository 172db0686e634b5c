"""Datasets on both databases: versions, folding, cases in and out, who may, and that what was saved stays as it is."""

import pytest
from sqlalchemy.exc import DBAPIError

from registry.cases import Case, Check
from registry.errors import (
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    DatasetNotFoundError,
    IdempotencyKeyReusedError,
    PromptArchivedError,
    PromptConflictError,
    PromptExistsError,
    PromptInvalidError,
    PromptReferenceInvalidError,
)
from registry.roles import Principal, owner
from registry.writing.audit import verify
from tests.unit.registry.conftest import chat

ANN = owner("ann")
NAME = "support-golden"


def case(word: str, **about: object) -> Case:
    return Case(variables={"question": word}, checks=(Check(type="contains", value=word),), **about)  # type: ignore[arg-type]


def by_role(*roles: str, **scopes: tuple[str, ...]) -> Principal:
    return Principal(name=roles[0], identity=f"key:{roles[0]}", roles=frozenset(roles), **scopes)


def test_a_saved_dataset_reads_as_it_was(store):
    cases = [
        case("refund", tags=("money", "eu"), weight=0.0, must_pass=True, note="Ann waited", source={"call_id": "c1"}),
        Case(messages=({"role": "user", "content": "hi"},), expected="hello", weight=2.5),
    ]
    checks = [Check(type="not-icontains", value="as an AI", metric="tone", options={"a": [1]})]
    saved = store.save_dataset(NAME, cases, checks=checks, message="first", by=ANN)
    assert (saved.created, saved.folded, saved.dataset.number) == (True, 0, 1)
    read = store.read_dataset(NAME)
    assert read == saved.dataset == store.read_dataset(f"{NAME}@1") == store.read_dataset(f"{NAME}@latest")
    assert read.cases == tuple(cases)
    assert read.checks == tuple(checks)
    assert (read.author, read.message, read.reference) == ("ann", "first", f"{NAME}@1")
    [about] = store.datasets()
    assert (about.name, about.latest, about.size, about.created_by, about.gates) == (NAME, 1, 2, "ann", False)


def test_equal_content_makes_no_version_and_equal_cases_are_one(store):
    first = store.save_dataset(
        NAME, [case("a", tags=("x",)), case("b"), case("a", tags=("y",), must_pass=True)], by=ANN
    )
    assert first.folded == 1
    assert [each.tags for each in first.dataset.cases] == [("x", "y"), ()]
    assert first.dataset.cases[0].must_pass
    again = store.save_dataset(NAME, list(first.dataset.cases), by=ANN)
    assert (again.created, again.dataset, again.revision) == (False, first.dataset, first.revision)
    assert store.revision() == first.revision
    other = store.save_dataset(NAME, [case("b"), case("c")], by=ANN)
    assert other.dataset.number == 2
    assert store.read_dataset(f"{NAME}@1") == first.dataset


def test_checks_stay_where_a_save_says_nothing_of_them(store):
    store.save_dataset(NAME, [case("a")], checks=[Check(type="is-json")], by=ANN)
    kept = store.save_dataset(NAME, [case("b")], by=ANN).dataset
    assert [check.type for check in kept.checks] == ["is-json"]
    assert store.save_dataset(NAME, [case("b")], checks=[], by=ANN).dataset.checks == ()


def test_cases_go_in_and_out_one_by_one(store):
    store.save_dataset(NAME, [case("a"), case("b")], by=ANN)
    more = store.add_case(NAME, case("c", note="wrong price", source={"call_id": "c9"}), by=ANN)
    assert (more.dataset.number, more.folded, len(more.dataset.cases)) == (2, 0, 3)
    assert more.dataset.message == "wrong price"
    same = store.add_case(NAME, case("c", tags=("money",)), by=ANN)
    assert (same.folded, len(same.dataset.cases), same.dataset.cases[2].tags) == (1, 3, ("money",))
    assert same.dataset.cases[2].source == {"call_id": "c9"}
    gone = store.remove_case(NAME, case("a").case_id[:8], message="no more sold", by=ANN)
    assert [each.variables["question"] for each in gone.dataset.cases] == ["b", "c"]
    assert len(store.read_dataset(f"{NAME}@1").cases) == 2
    with pytest.raises(DatasetNotFoundError, match="has no case 'nope'"):
        store.remove_case(NAME, "nope", by=ANN)
    with pytest.raises(DatasetNotFoundError, match="has no case ''"):
        store.remove_case(NAME, "", by=ANN)
    store.remove_case(NAME, case("b").case_id, by=ANN)
    with pytest.raises(PromptInvalidError, match="at least one case"):
        store.remove_case(NAME, case("c").case_id, by=ANN)


def test_what_differs_is_told(store):
    store.save_dataset(NAME, [case("a"), case("b", tags=("x",))], by=ANN)
    store.save_dataset(NAME, [case("b", tags=("y",), must_pass=True), case("c")], checks=[Check(type="cost")], by=ANN)
    found = store.diff_datasets(NAME, 1)
    assert (found.old, found.new) == (f"{NAME}@1", f"{NAME}@2")
    assert found.sentences == (
        "1 case added",
        "1 case removed",
        "1 case changed",
        "the checks of all cases changed: none → cost",
    )
    assert [each.case_id for each in (*found.added, *found.removed)] == [case("c").case_id, case("a").case_id]
    assert found.changed[0].sentences == ("tags: x → y", "must pass now")
    assert store.diff_datasets(NAME, 2).empty
    event = store.history(limit=1)[0]
    assert event.evidence["changes"] == list(found.sentences)


def test_what_is_not_there_is_said_with_what_is(store):
    with pytest.raises(DatasetNotFoundError, match="slugline dataset list"):
        store.read_dataset(NAME)
    store.save_dataset(NAME, [case("a")], by=ANN)
    with pytest.raises(DatasetNotFoundError, match="did you mean 'support-golden'"):
        store.read_dataset("support-goldne")
    with pytest.raises(DatasetNotFoundError, match="has no version 7; it has only version 1"):
        store.read_dataset(f"{NAME}@7")
    with pytest.raises(DatasetNotFoundError, match="did you mean"):
        store.add_case("support-goldne", case("b"), by=ANN)
    with pytest.raises(PromptReferenceInvalidError, match="datasets have no channels"):
        store.read_dataset(f"{NAME}@stable")
    with pytest.raises(PromptReferenceInvalidError, match="ends with '@'"):
        store.read_dataset(f"{NAME}@")
    with pytest.raises(PromptReferenceInvalidError, match="is no name of a dataset"):
        store.save_dataset("Support Golden", [case("a")], by=ANN)
    with pytest.raises(PromptInvalidError, match=r"'cases\[1\]' has neither"):
        store.save_dataset(NAME, [case("a"), Case()], by=ANN)
    with pytest.raises(PromptInvalidError, match="at least one case"):
        store.save_dataset(NAME, [], by=ANN)


def test_nobody_overwrites_what_they_have_not_seen(store):
    first = store.save_dataset(NAME, [case("a")], by=ANN, if_match=0)
    with pytest.raises(PromptExistsError):
        store.save_dataset(NAME, [case("b")], by=ANN, if_match=0)
    store.add_case(NAME, case("b"), by=ANN, if_match=first.revision)
    with pytest.raises(PromptConflictError, match="was changed by somebody else"):
        store.add_case(NAME, case("c"), by=ANN, if_match=first.revision)
    with pytest.raises(DatasetNotFoundError):
        store.save_dataset("another", [case("b")], by=ANN, if_match=5)


def test_a_write_with_a_key_happens_once(store):
    first = store.save_dataset(NAME, [case("a")], by=ANN, idempotency_key="k1")
    store.add_case(NAME, case("b"), by=ANN, idempotency_key="k2")
    again = store.save_dataset(NAME, [case("a")], by=ANN, idempotency_key="k1")
    assert (again.dataset, again.revision) == (first.dataset, first.revision)
    assert store.dataset(NAME).latest == 2
    with pytest.raises(IdempotencyKeyReusedError):
        store.save_dataset(NAME, [case("z")], by=ANN, idempotency_key="k1")


def test_authors_save(store):
    for role in ("viewer", "application", "reviewer", "promoter"):
        with pytest.raises(AuthRoleNotAllowedError, match="may not save versions"):
            store.save_dataset(NAME, [case("a")], by=by_role(role))
    assert store.revision() == 0
    for role in ("author", "admin"):
        assert store.save_dataset(NAME, [case(role)], by=by_role(role)).created


def test_scopes_hold_for_names_of_datasets(store):
    ben = by_role("author", prompts=("billing-*",))
    assert store.save_dataset("billing-golden", [case("a")], by=ben).created
    with pytest.raises(AuthPromptNotAllowedError):
        store.save_dataset(NAME, [case("a")], by=ben)


def test_a_dataset_with_the_name_of_a_prompt_leaves_that_alone(store):
    made = store.save("support", chat("hi"), message="m", by=ANN)
    store.save_dataset("support", [case("a")], by=ANN)
    assert store.prompt("support").revision == made.revision
    assert [entry.action for entry in store.history("support")] == ["create"]
    event = store.history(limit=1)[0]
    assert (event.action, event.slug, event.evidence["dataset"]) == ("dataset.save", "", "support")


def test_an_archived_dataset_stays_as_it_is(store):
    store.save_dataset(NAME, [case("a")], by=ANN)
    assert store.archive_dataset(NAME, reason="old", by=ANN).archived_by == "ann"
    with pytest.raises(PromptArchivedError, match="slugline dataset restore"):
        store.add_case(NAME, case("b"), by=ANN)
    assert store.read_dataset(NAME).number == 1
    store.restore_dataset(NAME, by=ANN)
    assert store.add_case(NAME, case("b"), by=ANN).dataset.number == 2


def test_the_database_refuses_to_change_a_version(store, database):
    store.save_dataset(NAME, [case("a")], by=ANN)
    for statement in (
        "UPDATE dataset_versions SET members = '[]'",
        "DELETE FROM dataset_versions",
        "UPDATE dataset_cases SET content = '{}'",
        "DELETE FROM dataset_cases",
    ):
        with pytest.raises(DBAPIError, match="never changes"):
            database.run(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE dataset_cases SET content = replace(content, 'refund', 'hello')", "isn't what its id stands for"),
        ("UPDATE dataset_versions SET members = replace(members, 'must_pass', 'x_pass')", "doesn't say any more"),
        ("UPDATE dataset_versions SET members = replace(members, '\"c1\"', '\"c2\"')", None),
        ("DELETE FROM dataset_versions WHERE number = 1", "is gone"),
        ("UPDATE dataset_versions SET number = 7 WHERE number = 1", "without an event"),
    ],
)
def test_the_audit_finds_what_was_changed_by_hand(store, database, statement, said):
    store.save_dataset(NAME, [case("refund", must_pass=True, source={"call_id": "c1"})], by=ANN)
    store.add_case(NAME, case("b"), by=ANN)
    assert verify(store).whole
    database.tamper(statement)
    found = verify(store)
    if said is None:
        assert found.whole  # where a case comes from is no part of what it says
    else:
        assert any(said in problem for problem in found.problems), found.problems


def test_ten_thousand_cases(store):
    cases = [case(f"question {number}", tags=(f"t{number % 7}",)) for number in range(10_000)]
    saved = store.save_dataset(NAME, cases, by=ANN)
    assert len(saved.dataset.cases) == 10_000
    store.add_case(NAME, case("one more"), by=ANN)
    read = store.read_dataset(NAME)
    assert (read.number, len(read.cases)) == (2, 10_001)
    assert read.cases[1234].variables == {"question": "question 1234"}
