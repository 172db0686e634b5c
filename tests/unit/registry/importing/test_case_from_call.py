"""A recorded call as a case: what of it is the caller's own, and which calls can't become one."""

import json

import pytest

from registry.errors import PromptInvalidError
from registry.importing.cases.from_call import case_of_call
from registry.values import Content


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


SYSTEM, EXAMPLE, ANSWER, OWN, LAST = (
    message("system", "Be kind."),
    message("user", "example"),
    message("assistant", "answer"),
    message("user", "my own"),
    message("user", "last"),
)
PLACE = {"role": "placeholder", "name": "messages"}
CALL = {
    "call_id": "c1",
    "endpoint": "chat.completions",
    "record_mode": "full",
    "redactions": 0,
    "variables": {"q": 1},
    "request": {"model": "m", "messages": [SYSTEM, EXAMPLE, ANSWER, OWN]},
}


def test_the_callers_messages_are_those_beside_the_prompts():
    case = case_of_call(
        CALL, Content(messages=(SYSTEM, EXAMPLE, ANSWER)), expected="e", note="n", tags=["t"], must_pass=True
    )
    assert case.messages == (OWN,)
    assert (case.variables, case.expected, case.note, case.tags, case.must_pass) == ({"q": 1}, "e", "n", ("t",), True)
    assert case.source == {"call_id": "c1"}


def test_a_placeholder_in_the_middle():
    call = {**CALL, "request": {"messages": [SYSTEM, EXAMPLE, OWN, OWN, LAST]}}
    assert case_of_call(call, Content(messages=(SYSTEM, EXAMPLE, PLACE, LAST))).messages == (OWN, OWN)
    shots = {"role": "placeholder", "name": "shots"}
    call = {**call, "variables": {"shots": [EXAMPLE, ANSWER]}, "request": {"messages": [EXAMPLE, ANSWER, OWN]}}
    assert case_of_call(call, Content(messages=(SYSTEM, shots, PLACE))).messages == (OWN,)


def test_other_endpoints_and_no_prompt():
    anthropic = {**CALL, "endpoint": "messages", "request": json.dumps({"system": "Be kind.", "messages": [OWN]})}
    assert case_of_call(anthropic, Content(messages=(SYSTEM,))).messages == (OWN,)
    responses = {**CALL, "endpoint": "responses", "request": {"instructions": "Be kind.", "input": "my own"}}
    assert case_of_call(responses, Content(messages=(SYSTEM,))).messages == (OWN,)
    assert case_of_call({**CALL, "variables": ""}, None).messages == (SYSTEM, EXAMPLE, ANSWER, OWN)
    text = {**CALL, "endpoint": "completions", "request": {"prompt": "Hello"}}
    assert case_of_call(text, Content(kind="text", text="Hello")).messages == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"record_mode": "metadata", "request": ""}, "was recorded as 'metadata', without its words"),
        ({"request": ""}, "without its words"),
        ({"redactions": 2}, "was recorded with 2 values redacted"),
        ({"endpoint": "embeddings"}, "asked embeddings"),
        ({"request": {"messages": [SYSTEM]}}, "has fewer messages than its prompt"),
    ],
)
def test_calls_that_are_not_on_record_as_they_were_sent(changes, said):
    with pytest.raises(PromptInvalidError, match="no case can be made of call c1") as refused:
        case_of_call({**CALL, **changes}, Content(messages=(SYSTEM, EXAMPLE)))
    assert said in refused.value.message
