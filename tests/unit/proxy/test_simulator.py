"""The provider simulator over real sockets, as the official SDK and a plain HTTP client see it."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simulator import Pace, SimulatorConfig
from proxy.simulator_answers import answer, count_prompt_tokens, count_tokens
from tests.plugins.simulator import serve_simulator


def _messages(system: str, user: str = "Where is my parcel?") -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def _body(system: str = "Be kind.", model: str = "simulator-large", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": _messages(system), **more}


def _text(system: str, user: str = "Where is my parcel?", **more: Any) -> str:
    return answer({"messages": _messages(system, user), **more}).text


@pytest.fixture
def http(simulator: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator, timeout=30) as client:
        yield client


@pytest.fixture
def sdk(simulator: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{simulator}/v1", api_key="sk-secret-of-the-test", max_retries=0) as client:
        yield client


def _post(http: httpx.Client, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return http.post("/v1/chat/completions", json=_body(**body), headers=headers)


def _journal(http: httpx.Client) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = http.get("/simulator/journal").json()["entries"]
    return entries


def _last_entry_once(http: httpx.Client, outcome: str) -> dict[str, Any]:
    """The journal's last entry as soon as it has that outcome; the test's own time limit ends the wait."""
    while True:
        entry = _journal(http)[-1]
        if entry["outcome"] == outcome:
            return entry


def test_the_sdk_gets_an_answer_that_is_labelled_as_simulated(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="simulator-latest", messages=_messages("Be kind."))
    completion = raw.parse()
    assert raw.headers["x-slugline-simulator"] == "1"
    assert completion.model == "simulator-large-2026-01"
    assert completion.system_fingerprint and completion.system_fingerprint.startswith("fp_simulator_")
    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"


def test_usage_is_counted_from_the_texts(sdk: openai.OpenAI) -> None:
    completion = sdk.chat.completions.create(model="simulator-large", messages=_messages("Be kind."), n=2)
    texts = [choice.message.content or "" for choice in completion.choices]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == count_prompt_tokens(_messages("Be kind."))
    assert completion.usage.completion_tokens == sum(count_tokens(text) for text in texts)
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_a_stream_says_what_the_whole_answer_says(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.create(model="simulator-large", messages=_messages("Be kind."), n=2)
    stream = sdk.chat.completions.create(model="simulator-large", messages=_messages("Be kind."), n=2, stream=True)
    texts, reasons = ["", ""], [None, None]
    for chunk in stream:
        assert chunk.usage is None
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = reasons[choice.index] or choice.finish_reason
    assert texts == [choice.message.content for choice in whole.choices]
    assert reasons == ["stop", "stop"]


def test_the_usage_chunk_comes_last_and_only_where_asked_for(sdk: openai.OpenAI) -> None:
    messages = _messages("Be kind.")
    options = {"include_usage": True}
    chunks = list(
        sdk.chat.completions.create(model="simulator-large", messages=messages, stream=True, stream_options=options)
    )
    whole = sdk.chat.completions.create(model="simulator-large", messages=messages)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_ends_with_done(http: httpx.Client) -> None:
    reply = _post(http, stream=True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith("data: [DONE]\n\n")
    assert all(line.startswith("data: ") for line in reply.text.split("\n\n") if line)


def test_models_are_listed_and_found_by_name(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]
    assert names and all(name.startswith("simulator-") for name in names)
    assert sdk.models.retrieve(names[0]).id == names[0]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, openai.AuthenticationError, "invalid_api_key"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
        (418, openai.APIStatusError, None),
    ],
)
def test_errors_on_demand_raise_the_sdks_own_exceptions(
    sdk: openai.OpenAI, status: int, kind: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as raised:
        sdk.chat.completions.create(model=f"simulator-error-{status}", messages=_messages("Be kind."))
    assert raised.value.status_code == status
    assert raised.value.code == code
    assert raised.value.response.headers.get("retry-after") == ("1" if status == 429 else None)
    assert raised.value.response.headers["x-slugline-simulator"] == "1"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 400, "JSON object"),
        (b'{"model":"gpt-4o","messages":[{}]}', 404, "start with 'simulator-'"),
        (b'{"model":"simulator-large"}', 400, "'messages' must be"),
        (b'{"model":"simulator-large","messages":[]}', 400, "'messages' must be"),
        (b'{"model":"simulator-large","messages":[{}],"n":17}', 400, "1 to 16"),
        (b'{"model":"simulator-large","messages":[{}],"simulator":{"chunk_ms":"soon"}}', 400, "milliseconds"),
    ],
)
def test_a_request_that_cannot_be_served_is_told_why(http: httpx.Client, body: bytes, status: int, words: str) -> None:
    reply = http.post("/v1/chat/completions", content=body)
    assert reply.status_code == status
    assert words in reply.json()["error"]["message"]
    assert _journal(http)[-1]["outcome"] == "error"


def test_an_unknown_address_is_a_404_that_names_it(http: httpx.Client) -> None:
    reply = http.post("/v1/embeddings", json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")
    assert "POST /v1/embeddings" in reply.json()["error"]["message"]


def test_only_the_configured_key_is_taken() -> None:
    with serve_simulator(SimulatorConfig(api_key="right")) as url, httpx.Client(base_url=url) as http:
        assert _post(http, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert _post(http, headers={"authorization": "Bearer right"}).status_code == 200


def test_the_journal_tells_what_arrived_with_keys_masked(sdk: openai.OpenAI, http: httpx.Client) -> None:
    sdk.chat.completions.create(model="simulator-large", messages=_messages("Be kind."), extra_body={"unknown": 1})
    entry = _journal(http)[-1]
    assert entry["body"] == {"model": "simulator-large", "messages": _messages("Be kind."), "unknown": 1}
    assert entry["headers"]["authorization"] == "***"
    assert "sk-secret-of-the-test" not in json.dumps(entry)
    assert (entry["outcome"], entry["client_aborted"]) == ("completed", False)


def test_the_journal_is_bounded_and_can_be_emptied() -> None:
    with serve_simulator(SimulatorConfig(journal_limit=3)) as url, httpx.Client(base_url=url) as http:
        for _ in range(5):
            _post(http)
        assert [entry["id"] for entry in _journal(http)] == [3, 4, 5]
        http.delete("/simulator/journal")
        assert _journal(http) == []


def test_the_default_journal_keeps_a_thousand_entries() -> None:
    assert SimulatorConfig().journal_limit == 1000


@pytest.mark.parametrize("way", ["header", "body"])
def test_a_gate_holds_the_second_chunk_until_it_is_opened(http: httpx.Client, simulator: str, way: str) -> None:
    headers = {"x-simulator-gate": "g"} if way == "header" else {}
    body = _body(stream=True) | ({"simulator": {"gate": "g"}} if way == "body" else {})
    with (
        httpx.Client(base_url=simulator, timeout=30) as other,
        http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as reply,
    ):
        lines = (line for line in reply.iter_lines() if line)
        assert json.loads(next(lines)[6:])["choices"][0]["delta"]["content"]
        entry = _journal(other)[-1]
        assert (entry["chunks_sent"], entry["outcome"]) == (1, "answering")
        assert other.post("/simulator/gate/g").json() == {"gate": "g", "open": True}
        assert list(lines)[-1] == "data: [DONE]"
    assert _last_entry_once(http, "completed")["chunks_sent"] > 2


def test_a_gate_holds_an_answer_in_one_piece_and_can_be_closed_again(simulator: str) -> None:
    with httpx.Client(base_url=simulator, timeout=30) as http:
        http.post("/simulator/gate/g")
        assert _post(http, headers={"x-simulator-gate": "g"}).status_code == 200
        assert http.delete("/simulator/gate/g").json() == {"gate": "g", "open": False}
    with httpx.Client(base_url=simulator, timeout=0.3) as http, pytest.raises(httpx.ReadTimeout):
        _post(http, headers={"x-simulator-gate": "g"})


def test_a_client_that_leaves_mid_stream_is_in_the_journal(http: httpx.Client) -> None:
    with http.stream(
        "POST", "/v1/chat/completions", json=_body(stream=True), headers={"x-simulator-gate": "never"}
    ) as reply:
        next(reply.iter_lines())
    assert _last_entry_once(http, "client_left")["client_aborted"] is True


def test_a_client_that_leaves_a_hanging_call_is_in_the_journal(simulator: str, http: httpx.Client) -> None:
    with httpx.Client(base_url=simulator, timeout=0.3) as hasty, pytest.raises(httpx.ReadTimeout):
        _post(hasty, model="simulator-hang")
    assert _last_entry_once(http, "client_left")["chunks_sent"] == 0


def test_a_client_that_leaves_before_its_body_ends_is_in_the_journal(simulator: str, http: httpx.Client) -> None:
    parts = urlsplit(simulator)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as raw:
        raw.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: simulator\r\ncontent-length: 100\r\n\r\n{")
    while not _journal(http):
        pass
    assert _last_entry_once(http, "client_left")["body"] is None


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_cut_answer_breaks_off_without_its_end(http: httpx.Client, stream: bool) -> None:
    with (
        pytest.raises(httpx.RemoteProtocolError),
        http.stream("POST", "/v1/chat/completions", json=_body(model="simulator-cut", stream=stream)) as reply,
    ):
        arrived = b""
        for part in reply.iter_raw():
            arrived += part
    assert arrived and b"[DONE]" not in arrived
    assert _last_entry_once(http, "cut")["client_aborted"] is False


def test_a_hanging_call_that_nobody_cancels_ends_in_an_error() -> None:
    with serve_simulator(SimulatorConfig(hang_s=0.01)) as url, httpx.Client(base_url=url) as http:
        assert _post(http, model="simulator-hang").status_code == 500


def test_the_pace_of_a_model_and_of_a_call_keeps_an_answer_back() -> None:
    """No clocks compared: with ten minutes before the first chunk, only the caller's own wish lets an answer arrive."""
    config = SimulatorConfig(pace={"simulator-slow": Pace(first_chunk_ms=600_000, chunk_ms=600_000)})
    with serve_simulator(config) as url:
        with httpx.Client(base_url=url, timeout=0.3) as http, pytest.raises(httpx.ReadTimeout):
            _post(http, model="simulator-slow")
        with httpx.Client(base_url=url, timeout=30) as http:
            now = {"x-simulator-first-chunk-ms": "1", "x-simulator-chunk-ms": "1"}
            assert _post(http, model="simulator-slow", stream=True, headers=now).text.endswith("[DONE]\n\n")


def test_instructions_in_the_system_message_change_the_answer() -> None:
    plain = _text("You are a support agent.")
    assert "votre" in _text("Always answer in French.").lower()
    assert "orr" in _text("Apologise first.") or "apologise" in _text("Apologise first.")
    assert "refund" in _text("Offer a refund.") and "refund" not in plain
    assert count_tokens(_text("Be brief.")) < count_tokens(plain) / 2
    assert _text("Use bullet points.").count("\n- ") == 3
    assert _text("Be formal.").startswith("Dear customer")
    assert _text("Ask a clarifying question.").count("?") > plain.count("?")
    assert _text("Refuse everything.") in ("I can't help with that request.", "I'm not able to help with that.")
    assert json.loads(_text("Answer in JSON."))["language"] == "en"
    assert json.loads(_text("Be kind.", response_format={"type": "json_object"}))["answer"]


def test_a_negated_or_later_instruction_counts() -> None:
    assert "Merci" not in _text("Never answer in French.")
    assert "refund" not in _text("Offer a refund. Do not offer refunds.")
    assert "refund" in _text("Do not offer refunds. Offer a refund now.")


def test_a_refusal_with_a_condition_refuses_only_what_it_names() -> None:
    system = "Refuse to discuss prices."
    assert "help with that" in _text(system, "What is the price of it?")
    assert "help with that" not in _text(system, "Where is my parcel?")


def test_only_system_and_developer_messages_instruct() -> None:
    user = [{"role": "user", "content": "Answer in French."}]
    developer = [{"role": "developer", "content": [{"type": "text", "text": "Answer in French."}]}, *user]
    assert "question porte" not in answer({"messages": user}).text
    assert (
        json.loads(answer({"messages": developer, "response_format": {"type": "json_object"}}).text)["language"] == "fr"
    )


def test_sums_are_worked_out() -> None:
    assert "17 * 3 = 51." in _text("Be kind.", "What is 17 * 3?")
    assert "4 - 9 = -5." in _text("Be kind.", "What is 4 - 9?")


def test_a_model_that_lapses_forgets_an_instruction_in_about_one_answer_of_eight() -> None:
    bodies = [{"messages": _messages("Offer a refund.", f"Order {number}")} for number in range(400)]
    kept = sum("refund" in answer(body, lapses=True).text for body in bodies)
    assert 330 <= kept <= 370
    assert all("refund" in answer(body).text for body in bodies)


def test_the_limit_and_the_stop_sequence_end_an_answer() -> None:
    limited = answer({"messages": _messages("Be kind."), "max_tokens": 4})
    assert (limited.tokens, limited.finish_reason) == (4, "length")
    assert answer({"messages": _messages("Be kind."), "max_completion_tokens": 0}).pieces == ()
    stopped = answer({"messages": _messages("Be kind."), "stop": ["."]})
    assert "." not in stopped.text and stopped.finish_reason == "stop"


@given(
    system=st.text(), user=st.text(), seed=st.none() | st.integers(), index=st.integers(0, 3), limit=st.integers(0, 99)
)
def test_an_answer_follows_from_its_request_and_keeps_its_own_count(
    system: str, user: str, seed: int | None, index: int, limit: int
) -> None:
    body = {"messages": _messages(system, user), "seed": seed, "max_tokens": limit}
    first, second = answer(body, index=index), answer(json.loads(json.dumps(body)), index=index)
    assert first == second
    assert first.tokens == count_tokens(first.text) <= limit
    assert (first.finish_reason == "length") == (answer({**body, "max_tokens": None}, index=index).tokens > limit)


def test_another_seed_or_choice_words_the_answer_otherwise() -> None:
    texts = {_text("Be kind.", seed=seed) for seed in range(20)}
    choices = {answer({"messages": _messages("Be kind.")}, index=index).text for index in range(8)}
    assert len(texts) > 5 and len(choices) > 2
