"""Cases whose content was erased: what goes, what stays, and that the history can still be checked."""

import pytest
from sqlalchemy import text

from registry.cases import Case, Check
from registry.errors import PromptInvalidError, RegistryError
from registry.evaluations import AttemptResult
from registry.roles import owner
from registry.writing.audit import verify

ANN = owner("ann")
ADAS = Case(variables={"q": "Ada lives in Elm Street"}, source={"call_id": "call-1"}, note="a complaint", tags=("x",))
BOBS = Case(variables={"q": "Bob lives in Oak Street"}, source={"call_id": "call-2"})


@pytest.fixture
def saved(store):
    store.save_dataset("golden", [ADAS, BOBS], checks=[Check(type="is-complete")], message="first", by=ANN)
    store.save_dataset("golden", [ADAS], message="second", by=ANN)
    store.save_dataset("other", [BOBS], message="first", by=ANN)
    return store


def test_content_goes_and_versions_stay_true(saved):
    assert saved.cases_of_calls({"call-1", "call-9"}) == [ADAS.case_id]
    would = saved.erase_cases([ADAS.case_id], by=ANN, dry_run=True)
    assert (would.cases, saved.read_dataset("golden@1").cases) == (1, (ADAS, BOBS))
    assert saved.erase_cases([ADAS.case_id], reason="request 1", by=ANN) == would
    assert saved.read_dataset("golden@1").cases == (BOBS,)
    assert saved.read_dataset("golden@2").cases == ()
    assert saved.read_dataset("other").cases == (BOBS,)
    assert verify(saved).whole, verify(saved).problems
    assert saved.erase_cases([ADAS.case_id], by=ANN).cases == 0
    [event] = [entry for entry in saved.history() if entry.action == "dataset.erase"]
    assert (event.evidence, event.reason) == ({"cases": [ADAS.case_id]}, "request 1")
    with pytest.raises(PromptInvalidError, match="was erased"):
        saved.save_dataset("golden", [ADAS, BOBS], by=ANN)


def test_nothing_else_may_change_a_case(saved):
    for put in ("content = '{}'", "content = '{\"erased\":true}', hash = 'x'", "case_id = 'x'"):
        with pytest.raises(Exception, match="a case never changes"), saved.engine.begin() as connection:
            connection.execute(text(f"UPDATE dataset_cases SET {put}".replace(":", r"\:")))


def test_content_that_is_gone_without_an_event_is_found(saved):
    with saved.engine.begin() as connection:
        connection.execute(text("UPDATE dataset_cases SET content = '{\"erased\"\\:true}'"))
    assert len([each for each in verify(saved).problems if "without an event of its erasure" in each]) == 2


def test_answers_go_with_their_case(saved):
    saved.save("a", _content(), message="m", by=ANN)
    done = saved.create_evaluation("a", "golden@1", plan={}, total=2, by=ANN)
    saved.claim_evaluation("me", evaluation_id=done.evaluation_id)
    results = [
        AttemptResult(target="a@1", case_id=case.case_id, passed=True, result={"output": {"text": case.variables["q"]}})
        for case in (ADAS, BOBS)
    ]
    saved.add_results(done.evaluation_id, results, runner="me")
    facts = {
        "worse": [{"case_id": case.case_id, "name": case.variables["q"], "reason": "Street"} for case in (ADAS, BOBS)]
    }
    saved.finish_evaluation(done.evaluation_id, runner="me", facts=facts)
    assert saved.erase_cases([ADAS.case_id], by=ANN).results == 1
    assert [each.case_id for each in saved.results(done.evaluation_id)] == [BOBS.case_id]
    [first, second] = (saved.evaluation(done.evaluation_id).facts or {})["worse"]
    assert (first["name"], first["reason"], second["name"]) == ("(erased)", "", "Bob lives in Oak Street")


def _content():
    from registry.values import Content

    return Content(messages=({"role": "user", "content": "hi"},), model="m")


def test_errors_are_the_registrys(saved):
    with pytest.raises(RegistryError):
        saved.read_dataset("nothing")
