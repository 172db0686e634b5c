"""The main job through the whole server: what a call sends, gets back, and leaves on record, for every outcome."""

import json
import threading
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server

USER = {"role": "user", "content": "Where is my parcel?"}


def journal(provider: str, marker: str) -> list[dict[str, Any]]:
    """What arrived at the provider with this marker in the body's `metadata`."""
    entries = httpx.get(provider + "/simulator/journal").json()
    entries = entries["entries"] if isinstance(entries, dict) else entries
    return [entry for entry in entries if ((entry.get("body") or {}).get("metadata") or {}).get("marker") == marker]


def test_a_slug_goes_in_and_an_answer_and_a_row_come_out(server: Server, provider: str) -> None:
    number = server.save(
        "main-job", "You are a support agent of {{ company }}.", parameters={"temperature": 0.2, "max_tokens": 60}
    )
    server.promote("main-job", number)
    answer = server.chat(
        prompt={"id": "main-job", "variables": {"company": "Acme & Söhne {{ 7*7 }}"}},
        messages=[USER],
        metadata={"marker": "main-job"},
        user="u-1",
        headers={"x-slugline-session": "s-1", "x-slugline-tags": "team=support", "x-slugline-external-id": "order-9"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-slugline-prompt"] == "main-job@1"
    assert answer.headers["x-slugline-channel"] == "stable"
    assert answer.headers["x-slugline-version-id"]
    assert {part.split(";")[0].strip() for part in answer.headers["server-timing"].split(",")} == {
        "auth",
        "resolve",
        "render",
        "upstream",
    }

    [arrived] = journal(provider, "main-job")
    assert arrived["body"]["messages"] == [
        {"role": "system", "content": "You are a support agent of Acme & Söhne {{ 7*7 }}."},
        USER,
    ]
    assert arrived["body"]["model"] == "simulator-large"
    assert (arrived["body"]["temperature"], arrived["body"]["max_tokens"]) == (0.2, 60)
    assert "prompt" not in arrived["body"]

    row = server.row(answer.headers["x-slugline-call-id"])
    body = answer.json()
    assert (row["prompt"], row["version"], row["channel"], row["outcome"], row["status"]) == (
        "main-job",
        1,
        "stable",
        "ok",
        200,
    )
    assert row["version_id"] == answer.headers["x-slugline-version-id"]
    assert row["revision"] == int(answer.headers["x-slugline-revision"])
    assert json.loads(row["variables"]) == {"company": "Acme & Söhne {{ 7*7 }}"}
    assert json.loads(row["request"])["messages"][0]["content"] == "You are a support agent of Acme & Söhne {{ 7*7 }}."
    assert json.loads(row["response"]) == body
    assert (row["model_requested"], row["model_served"], row["provider"]) == (
        "simulator-large",
        body["model"],
        "simulator",
    )
    assert row["system_fingerprint"] == body["system_fingerprint"]
    assert (row["input_tokens"], row["output_tokens"]) == (
        body["usage"]["prompt_tokens"],
        body["usage"]["completion_tokens"],
    )
    assert (row["usage_source"], row["finish_reason"]) == ("provider", body["choices"][0]["finish_reason"])
    assert (row["user"], row["session"], row["external_id"], row["tags"]["team"]) == (
        "u-1",
        "s-1",
        "order-9",
        "support",
    )
    assert json.loads(row["params"]) == {"max_tokens": 60, "temperature": 0.2}
    assert 0 < row["overhead_ms"] <= row["duration_ms"]
    assert row["cost"] is None, "a simulator has no price: unknown is NULL, never 0"
    assert len(row["trace_id"]) == 32


@pytest.mark.parametrize("asked", [False, True], ids=["usage not asked for", "usage asked for"])
def test_a_stream_has_the_same_row_and_the_client_gets_only_what_it_asked_for(server: Server, asked: bool) -> None:
    server.save("streamed", "Be brief.")
    options = {"stream_options": {"include_usage": True}} if asked else {}
    answer = server.chat(model="prompt/streamed@latest", messages=[USER], stream=True, **options)
    assert answer.headers["content-type"].startswith("text/event-stream")
    payloads = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert payloads[-1] == "[DONE]"
    chunks = [json.loads(payload) for payload in payloads[:-1]]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert any(chunk.get("usage") for chunk in chunks) is asked
    assert all(chunk["choices"] for chunk in chunks) is not asked

    row = server.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["channel"], row["version"], row["stream"]) == ("ok", "latest", 1, True)
    assert json.loads(row["response"])["choices"][0]["message"]["content"] == text
    assert row["output_tokens"] > 0
    assert row["finish_reason"] == "stop"
    assert 0 < row["first_chunk_ms"] <= row["duration_ms"]


def test_the_first_chunk_is_passed_on_before_the_second_exists(server: Server, provider: str) -> None:
    body = {
        "model": "simulator-large",
        "messages": [USER],
        "stream": True,
        "simulator": {"gate": "first-chunk"},
    }
    with server.api.stream("POST", "/v1/chat/completions", json=body) as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        assert b"data: " in first
        assert b"[DONE]" not in first
        assert httpx.post(provider + "/simulator/gate/first-chunk").status_code < 300
        rest = b"".join(chunks)
    assert rest.endswith(b"data: [DONE]\n\n")
    assert server.row(answer.headers["x-slugline-call-id"])["outcome"] == "ok"


def test_a_client_that_leaves_cancels_the_providers_call_and_is_on_record(server: Server, provider: str) -> None:
    server.save("left", "Be kind.")
    body = {
        "model": "prompt/left@latest",
        "messages": [USER],
        "stream": True,
        "metadata": {"marker": "left"},
        "simulator": {"gate": "left"},
    }
    with server.api.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(answer.iter_raw())
        call_id = answer.headers["x-slugline-call-id"]
    row = server.row(call_id)
    assert (row["outcome"], row["status"], row["prompt"], row["version"]) == ("client_left", 499, "left", 1)
    assert (row["usage_source"], row["output_tokens"]) == ("partial", None)
    assert json.loads(row["response"])["choices"][0]["message"]["content"]
    deadline = time.monotonic() + 20
    while not (found := journal(provider, "left")) or not found[0].get("client_aborted"):
        assert time.monotonic() < deadline, f"the provider was not told: {found}"
        time.sleep(0.05)


def test_a_client_that_leaves_before_the_answer_cancels_it_too(server: Server, provider: str) -> None:
    body = {"model": "simulator-hang", "messages": [USER], "metadata": {"marker": "left-early"}}
    with pytest.raises(httpx.ReadTimeout):
        server.api.post("/v1/chat/completions", json=body, timeout=0.5)
    rows = server.until(
        "SELECT outcome, status FROM calls WHERE tags['marker'] = 'left-early'", lambda found: len(found) == 1
    )
    assert rows == [{"outcome": "client_left", "status": 499}]
    deadline = time.monotonic() + 20
    while not (found := journal(provider, "left-early")) or not found[0].get("client_aborted"):
        assert time.monotonic() < deadline, f"the provider was not told: {found}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("model", "status"), [("simulator-error-429", 429), ("simulator-error-500", 500), ("simulator-error-401", 401)]
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_providers_error_passes_through_and_is_on_record(
    server: Server, model: str, status: int, stream: bool
) -> None:
    server.save("failing", "Be kind.")
    answer = server.chat(model=model, prompt={"id": "failing", "version": "latest"}, messages=[USER], stream=stream)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert ("retry-after" in answer.headers) is (status == 429)
    row = server.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["status"], row["prompt"], row["version"]) == ("provider_error", status, "failing", 1)
    assert (row["model_requested"], row["overrides"]) == (model, ["model"])
    assert row["error_message"] == answer.json()["error"]["message"]
    assert row["duration_ms"] > 0


def test_a_stream_that_the_provider_cuts_ends_with_an_error_event(server: Server) -> None:
    answer = server.chat(model="simulator-cut", messages=[USER], stream=True)
    last = [line for line in answer.text.splitlines() if line.startswith("data: ")][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "provider_cut_off"
    row = server.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["error_code"], row["usage_source"]) == ("provider_error", "provider_cut_off", "partial")


REFUSALS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("unknown slug", {"prompt": {"id": "refusd"}}, 404, "prompt_not_found", "did you mean 'refused'"),
    ("nothing promoted", {"prompt": {"id": "refused"}}, 404, "prompt_channel_empty", "slugline prompt promote refused"),
    ("no such version", {"prompt": {"id": "refused@9"}}, 404, "prompt_version_not_found", "version 9"),
    ("missing variable", {"prompt": {"id": "refused", "version": 1}}, 400, "prompt_variable_missing", "company"),
    (
        "wrong type",
        {"prompt": {"id": "refused@1", "variables": {"company": 7}}},
        400,
        "prompt_variable_invalid",
        "company",
    ),
    ("unreadable prompt", {"prompt": "refused"}, 400, "prompt_parameter_invalid", "must be an object"),
    ("no model", {}, 400, "request_invalid", "model"),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "says"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_refusals_are_clear_and_on_record(
    server: Server, body: dict[str, Any], status: int, code: str, says: str
) -> None:
    server.save(
        "refused",
        "You work for {{ company }}.",
        variables={"type": "object", "properties": {"company": {"type": "string"}}},
    )
    answer = server.chat(messages=[USER], **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert says in error["message"]
    row = server.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["status"], row["error_code"]) == ("refused", status, code)
    assert row["error_message"] == error["message"]


def test_a_body_that_is_no_json_is_refused_and_on_record(server: Server) -> None:
    answer = server.api.post("/v1/chat/completions", content=b'{"model": ')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")
    assert server.row(answer.headers["x-slugline-call-id"])["outcome"] == "refused"


def test_a_provider_that_is_not_there(server: Server) -> None:
    answer = server.chat(model="dead/some-model", messages=[USER])
    # With one provider configured its name is no prefix: the model goes there and it says that it has none such.
    assert answer.status_code == 404
    assert server.row(answer.headers["x-slugline-call-id"])["outcome"] == "provider_error"


def test_a_call_that_names_no_prompt_passes_through_unchanged(server: Server, provider: str) -> None:
    body = {
        "model": "simulator-large",
        "messages": [{"role": "system", "content": "Hardcoded."}, USER],
        "metadata": {"marker": "plain"},
        "new": [1],
    }
    answer = server.chat(**body)
    direct = httpx.post(provider + "/v1/chat/completions", json=body).json()
    assert answer.json()["choices"] == direct["choices"]
    assert "x-slugline-prompt" not in answer.headers
    assert journal(provider, "plain")[0]["body"] == body
    row = server.row(answer.headers["x-slugline-call-id"])
    assert (row["prompt"], row["version"], row["outcome"]) == ("", 0, "ok")
    assert len(row["system_prompt_hash"]) == 16


def test_what_is_recorded_can_be_less(server: Server) -> None:
    metadata = server.chat(model="simulator-large", messages=[USER], headers={"x-slugline-record": "metadata"})
    row = server.row(metadata.headers["x-slugline-call-id"])
    assert (row["request"], row["response"], row["variables"]) == ("", "", "")
    assert row["output_tokens"] > 0
    nothing = server.chat(model="simulator-large", messages=[USER], headers={"x-slugline-record": "none"})
    after = server.chat(model="simulator-large", messages=[USER])
    server.row(after.headers["x-slugline-call-id"])
    assert server.sql(f"SELECT count() AS n FROM calls WHERE call_id = '{nothing.headers['x-slugline-call-id']}'") == [
        {"n": 0}
    ]


def test_prompts_and_providers_models_are_listed(server: Server) -> None:
    server.save("listed", "x")
    ids = [entry["id"] for entry in server.api.get("/v1/models").json()["data"]]
    assert "prompt/listed" in ids
    assert "simulator-large" in ids


def test_scores_before_and_after_by_every_name_and_replaced(server: Server) -> None:
    server.save("scored", "Be kind.")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = server.chat(
        model="prompt/scored@latest",
        messages=[USER],
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "x-slugline-external-id": "ticket-77"},
    )
    call_id = answer.headers["x-slugline-call-id"]
    posts = [
        {"call_id": call_id, "name": "helpful", "value": False, "id": "score-1"},
        {"trace_id": trace, "name": "tone", "value": 0.5},
        {"external_id": "ticket-77", "name": "topic", "value": "parcel"},
    ]
    assert server.api.post("/api/scores", json=posts).status_code == 201
    server.row(call_id)
    assert (
        server.api.post(
            "/api/scores", json={"call_id": call_id, "name": "helpful", "value": True, "id": "score-1"}
        ).status_code
        == 201
    )
    rows = server.until(
        f"SELECT name, value, label, prompt, version FROM scores WHERE call_id = '{call_id}' ORDER BY name",
        lambda found: len(found) == 3 and found[0]["value"] == 1,
    )
    assert rows == [
        {"name": "helpful", "value": 1.0, "label": "", "prompt": "scored", "version": 1},
        {"name": "tone", "value": 0.5, "label": "", "prompt": "scored", "version": 1},
        {"name": "topic", "value": None, "label": "parcel", "prompt": "scored", "version": 1},
    ]
    quality = server.api.get("/api/prompts/scored/quality").json()
    [total] = quality["totals"]
    assert (total["version"], total["calls"], total["scored_calls"]) == (1, 1, 1)
    assert {score["name"] for score in total["scores"]} == {"helpful", "tone", "topic"}


@pytest.mark.parametrize(
    "score",
    [
        {"name": "x", "value": 1},
        {"call_id": "a", "trace_id": "b", "name": "x", "value": 1},
        {"call_id": "a", "name": "x"},
        {"call_id": "a", "name": "x", "value": [1]},
        {"call_id": "a", "name": "x", "value": 1, "surce": "human"},
    ],
)
def test_a_score_that_makes_no_sense_is_refused(server: Server, score: dict[str, Any]) -> None:
    answer = server.api.post("/api/scores", json=score)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_fifty_at_once_keep_apart(server: Server) -> None:
    server.save("at-once", "You work for {{ company }}.")
    answers: dict[int, httpx.Response] = {}

    def ask(number: int) -> None:
        answers[number] = server.chat(
            model="prompt/at-once@latest", variables={"company": f"C{number}"}, messages=[USER], stream=number % 2 == 0
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers.values()} == {200}
    ids = {answer.headers["x-slugline-call-id"]: number for number, answer in answers.items()}
    assert len(ids) == 50
    rows = server.until("SELECT call_id, variables FROM calls WHERE prompt = 'at-once'", lambda found: len(found) == 50)
    assert {str(row["call_id"]): json.loads(row["variables"])["company"] for row in rows} == {
        key: f"C{n}" for key, n in ids.items()
    }


def test_a_price_makes_a_cost(tmp_path: Any, provider: str) -> None:
    from tests.plugins.server import run_server, simulator_settings

    settings = simulator_settings(provider + "/v1") + '[providers.simulator.prices."*"]\ninput = 1\noutput = 2\n'
    with run_server(tmp_path, settings, workers=1) as server:
        answer = server.chat(model="simulator-large", messages=[USER])
        usage = answer.json()["usage"]
        expected = Decimal(usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1_000_000
        row = server.row(answer.headers["x-slugline-call-id"])
        assert row["cost"] == expected
        assert json.loads(row["price"]) == {"source": "settings", "model": "*", "input": 1, "output": 2}
