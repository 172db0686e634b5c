"""Every fidelity case, in every pair of dialects that it is made for: what was said reads the same on the other side."""

from typing import Any

import orjson
import pytest

from proxy.dialects.translation import Translation, translation
from tests.unit.proxy.dialects.assembling import assembled
from tests.unit.proxy.dialects.cases import ANSWERS, FAILURES, HI, REQUESTS, Answer, Failure, Request
from tests.unit.proxy.dialects.readers import answer_differences, request_differences

CALLERS_BODY: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": HI},
    "responses": {"model": "m", "input": "Hi"},
    "messages": {"model": "m", "max_tokens": 9, "messages": HI},
}


def between(caller: str, provider: str) -> Translation:
    made = translation(caller, provider, clock=lambda: 1700000000.5)  # type: ignore[arg-type]
    assert made is not None
    return made


def streamed(made: Translation, body: dict[str, Any], events: list[Any]) -> list[bytes]:
    stream = made.stream(body)
    return [said for event in events for said in stream.feed(orjson.dumps(event))] + stream.finish()


def pairs(cases: list[Any], others: str) -> list[Any]:
    return [pytest.param(case, other, id=f"{case.name} - {other}") for case in cases for other in getattr(case, others)]


@pytest.mark.parametrize(("case", "provider"), pairs(REQUESTS, "providers"))
def test_request_says_the_same(case: Request, provider: str) -> None:
    before = orjson.dumps(case.body)
    translated = between(case.caller, provider).request(case.body)
    assert request_differences(case.caller, case.body, provider, translated) == []
    assert orjson.dumps(case.body) == before, "the caller's body is left as it is"


answers = pytest.mark.parametrize(
    ("case", "caller"),
    [
        pytest.param(case, who, id=f"{case.provider}: {case.name} - {who}")
        for case in ANSWERS
        for who in case.callers
        if who != case.provider
    ],
)


@answers
def test_answer_says_the_same(case: Answer, caller: str) -> None:
    answer = between(caller, case.provider).answer(case.whole, CALLERS_BODY[caller])
    assert answer_differences(caller, answer, case.provider, case.whole) == []


@answers
def test_stream_says_the_same(case: Answer, caller: str) -> None:
    raw = streamed(between(caller, case.provider), {**CALLERS_BODY[caller], "stream": True}, case.events)
    assert answer_differences(caller, assembled(caller, raw), case.provider, case.whole) == []


@answers
def test_stream_is_told_as_it_comes(case: Answer, caller: str) -> None:
    """Nothing waits for the end but what only the end can tell."""
    stream = between(caller, case.provider).stream({**CALLERS_BODY[caller], "stream": True})
    told = [stream.feed(orjson.dumps(event)) for event in case.events]
    assert told[0], "the first event is told at once"
    spoken = [
        bool(said)
        for event, said in zip(case.events, told, strict=True)
        if "Hello" in str(event) or "moment" in str(event)
    ]
    assert all(spoken)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: f"{failure.provider} {failure.status}")
def test_error_keeps_the_providers_words(failure: Failure) -> None:
    for caller in ("chat", "responses"):
        error = between(caller, failure.provider).error(failure.body, failure.status)["error"]
        assert (error["message"], error["type"]) == (failure.message, failure.openai_type)
        assert error["code"] and error["param"] is None
    if failure.provider == "gemini":
        error = between("messages", "gemini").error(failure.body, failure.status)
        assert error["type"] == "error"
        assert (error["error"]["message"], error["error"]["type"]) == (failure.message, failure.anthropic_type)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, "billing_error"),
        (422, "invalid_request_error"),
        (503, "overloaded_error"),
        (529, "overloaded_error"),
        (500, "api_error"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "No."}}, {"error": "No."}, {"object": "error", "message": "No."}, {"detail": "No."}],
)
def test_errors_of_servers_that_speak_chat_in_their_own_ways(status: int, kind: str, body: Any) -> None:
    error = between("messages", "chat").error(body, status)
    assert error == {"type": "error", "error": {"type": kind, "message": "No."}}


def test_an_error_without_words() -> None:
    assert "answered 502" in between("chat", "messages").error(None, 502)["error"]["message"]
    assert '"odd"' in between("chat", "gemini").error({"odd": 1}, 500)["error"]["message"]


def test_total_of_tokens() -> None:
    case = next(case for case in ANSWERS if case.provider == "messages")
    assert between("chat", "messages").answer(case.whole, CALLERS_BODY["chat"])["usage"]["total_tokens"] == 38
    assert between("responses", "messages").answer(case.whole, CALLERS_BODY["responses"])["usage"]["total_tokens"] == 38


@pytest.mark.parametrize("provider", ["messages", "gemini", "chat"])
@pytest.mark.parametrize("body", [{}, {"ok": True}, {"choices": [], "content": None, "candidates": []}])
def test_an_object_that_is_no_answer_is_never_made_one(provider: str, body: dict[str, Any]) -> None:
    for caller in {"chat", "responses", "messages"} - {provider}:
        with pytest.raises(ValueError, match="the answer has no"):
            between(caller, provider).answer(body, CALLERS_BODY[caller])
