"""Caller keys through the whole server: who gets in, what each key opens, what it costs, and that no key is ever passed on or kept."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import uvicorn
from openai import OpenAI

from proxy.meter import read_used
from proxy.sheet import Sheet
from registry.storage.database import migrate, open_engine
from slugline.clock import now
from tests.e2e.test_serve import slugline
from tests.plugins.leaks import files_of
from tests.plugins.server import Server, run_server

USER = {"role": "user", "content": "hi"}


@dataclass(slots=True)
class Upstream:
    """A provider that keeps all that arrives, down to the bytes. A call costs one dollar: 100 tokens at a cent each."""

    url: str = ""
    arrived: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.arrived.append(
            {"path": scope["path"], "query": scope["query_string"].decode(), "headers": headers, "body": body.decode()}
        )
        if scope["path"].endswith("/models"):
            answer: dict[str, Any] = {"object": "list", "data": [{"id": name} for name in ("cheap", "dear")]}
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "cheap", "choices": [choice]}
            if "completions" in scope["path"]:
                answer["usage"] = usage
        raw, content_type = json.dumps(answer).encode(), b"application/json"
        if b'"stream":true' in body.replace(b" ", b""):
            chunk = {**answer, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
            end = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            raw = (
                b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in (chunk, end)) + b"data: [DONE]\n\n"
            )
            content_type = b"text/event-stream"
        kind = [(b"content-type", content_type), (b"x-ratelimit-remaining-requests", b"777")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": raw})


@contextlib.contextmanager
def serve_upstream() -> Iterator[Upstream]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    upstream = Upstream(url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    running = uvicorn.Server(uvicorn.Config(upstream, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])))
    thread.start()
    try:
        yield upstream
    finally:
        running.should_exit = True
        thread.join(20)
        listener.close()


def settings_for(upstream: Upstream) -> str:
    """Two providers at one address: one that has a key on the server, and one to which callers bring theirs."""
    price = '.prices."*"]\ninput = 10000\noutput = 0\n'
    keyed = f'[providers.keyed]\nbase_url = "{upstream.url}"\napi_key = "env:THE_KEY"\nmodels = ["cheap", "dear"]\n'
    keyless = f'[providers.own]\nbase_url = "{upstream.url}"\n'
    return f"{keyed}[providers.keyed{price}{keyless}[providers.own{price}"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with serve_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def keyed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers that asks for keys."""
    folder = tmp_path_factory.mktemp("keyed")
    with run_server(folder, settings_for(upstream), THE_KEY="server-side-key") as server:
        assert server.chat(model="cheap", messages=[USER]).status_code == 200, "open while there is no key"
        text = new_key(server, "first")
        assert server.chat(model="cheap", messages=[USER]).status_code == 401, "closed with the first key"
        assert call(server, text).status_code == 200
        for prompt in ("support-agent", "support-bot", "billing"):
            for number in (1, 2, 3):
                server.save(prompt, f"Version {number}.", model="cheap")
            server.promote(prompt, 2)
        yield server


def new_key(server: Server, name: str, **terms: Any) -> str:
    answer = server.api.post("/api/keys", json={"name": name, **terms})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def key_id(server: Server, name: str) -> str:
    return next(key["key_id"] for key in server.api.get("/api/keys").json()["keys"] if key["name"] == name)


def call(server: Server, key: str, path: str = "chat/completions", **body: Any) -> httpx.Response:
    """A call over a connection of its own, so that either worker may get it."""
    headers = {"authorization": f"Bearer {key}", **body.pop("headers", {})}
    with httpx.Client(timeout=60) as client:
        given = {"model": "cheap", "messages": [USER], **body}
        return client.post(f"{server.url}/v1/{path}", json=given, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_official_sdk_raises_its_own_exceptions(keyed: Server) -> None:
    limited = new_key(keyed, "limited", requests_per_minute=2, endpoints=["chat.completions"])

    def sdk(key: str) -> OpenAI:
        return OpenAI(base_url=keyed.url + "/v1", api_key=key, max_retries=0)

    with sdk("sk-nobody") as client, pytest.raises(openai.AuthenticationError) as missing:
        client.chat.completions.create(model="cheap", messages=[USER])  # type: ignore[list-item]
    assert missing.value.code == "auth_key_missing"
    with sdk("slk_" + "a" * 40) as client, pytest.raises(openai.AuthenticationError) as unknown:
        client.chat.completions.create(model="cheap", messages=[USER])  # type: ignore[list-item]
    assert unknown.value.code == "auth_key_unknown"
    with sdk(limited) as client:
        with pytest.raises(openai.PermissionDeniedError) as denied:
            client.embeddings.create(model="cheap", input="x")
        assert denied.value.code == "auth_endpoint_not_allowed"
        for left in ("1", "0"):
            raw = client.chat.completions.with_raw_response.create(model="cheap", messages=[USER])  # type: ignore[list-item]
            assert raw.headers.get_list("x-ratelimit-remaining-requests") == [left]
            assert raw.headers["x-ratelimit-limit-requests"] == "2"
            assert raw.headers["x-ratelimit-reset-requests"].endswith("s")
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="cheap", messages=[USER])  # type: ignore[list-item]
    assert (refused.value.code, refused.value.type) == ("auth_rate_limited", "rate_limit_error")
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 61
    assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_anthropics_sdk_puts_the_key_elsewhere_and_raises_its_own(keyed: Server, upstream: Upstream) -> None:
    message = {"role": "user", "content": "hi"}

    def sdk(key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=keyed.url, api_key=key, max_retries=0)

    with sdk("sk-ant-nobody") as client, pytest.raises(anthropic.AuthenticationError) as missing:
        client.messages.create(model="cheap", max_tokens=9, messages=[message])  # type: ignore[list-item]
    assert missing.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
    with sdk(new_key(keyed, "claude", models=["cheap"])) as client:
        assert client.messages.create(model="cheap", max_tokens=9, messages=[message]).type == "message"  # type: ignore[list-item]
        assert "slk_" not in str(upstream.arrived[-1])
        with pytest.raises(anthropic.PermissionDeniedError):
            client.messages.create(model="dear", max_tokens=9, messages=[message])  # type: ignore[list-item]


def test_a_stream_is_paid_for_too(keyed: Server) -> None:
    text = new_key(keyed, "streams", budget_usd="1.5", budget_period="day", requests_per_minute=100)
    for left in ("99", "98"):
        answer = call(keyed, text, stream=True)
        assert answer.text.rstrip().endswith("data: [DONE]")
        assert answer.headers.get_list("x-ratelimit-remaining-requests") == [left]
    refused = call(keyed, text, stream=True)
    assert code(refused) == (429, "auth_budget_spent")
    assert "the next day begins at" in refused.json()["error"]["message"]


def test_a_revoked_key_is_refused_by_the_very_next_request_on_every_worker(keyed: Server) -> None:
    late = []
    with ThreadPoolExecutor(4) as pool:
        for number in range(25):
            text = new_key(keyed, f"short-lived-{number}")
            assert {answer.status_code for answer in pool.map(lambda _, key=text: call(keyed, key), range(4))} == {200}
            assert keyed.api.post(f"/api/keys/{key_id(keyed, f'short-lived-{number}')}/revoke").status_code == 200
            late += [
                answer.text
                for answer in pool.map(lambda _, key=text: call(keyed, key), range(8))
                if code(answer) != (401, "auth_key_revoked")
            ]
    assert late == []


def test_an_update_holds_from_the_very_next_request(keyed: Server) -> None:
    text = new_key(keyed, "changing")
    for _ in range(5):
        keyed.api.patch(f"/api/keys/{key_id(keyed, 'changing')}", json={"models": ["dear"]})
        assert [code(call(keyed, text)) for _ in range(4)] == [(403, "auth_model_not_allowed")] * 4
        keyed.api.patch(f"/api/keys/{key_id(keyed, 'changing')}", json={"models": []})
        assert [call(keyed, text).status_code for _ in range(4)] == [200] * 4


def test_prompts_and_channels(keyed: Server) -> None:
    text = new_key(keyed, "support", prompts=["support-*"], channels=["stable"])

    def asked(reference: str, **body: Any) -> tuple[int, str]:
        answer = call(keyed, text, model=f"prompt/{reference}", **body)
        return code(answer) if answer.status_code >= 400 else (200, answer.headers["x-slugline-prompt"])

    assert asked("support-agent") == (200, "support-agent@2")
    assert asked("support-bot@stable") == (200, "support-bot@2")
    assert asked("billing") == (403, "auth_prompt_not_allowed")
    assert asked("supporting") == (403, "auth_prompt_not_allowed")  # says nothing about what there is
    assert asked("support-agent@latest") == (403, "auth_channel_not_allowed")
    assert asked("support-agent", headers={"x-slugline-version": "latest"}) == (403, "auth_channel_not_allowed")
    # A number is another name for what an allowed channel points to, and opens nothing else.
    assert asked("support-agent@2") == (200, "support-agent@2")
    assert asked("support-agent@1") == (403, "auth_channel_not_allowed")
    assert code(call(keyed, text)) == (403, "auth_prompt_not_allowed")
    assert code(call(keyed, text, path="audio/speech")) == (403, "auth_prompt_not_allowed")


def test_what_a_path_names_is_the_keys_too(keyed: Server) -> None:
    """Portkey's paths, and a slug that carries its number: the ways around the body are no ways around the key."""
    ours = new_key(keyed, "of-the-path", prompts=["billing"], channels=["stable"])
    assert code(keyed.api.post("/v1/prompts/billing/render", json={})) == (401, "auth_key_missing")
    assert call(keyed, ours, "prompts/billing/render").json()["data"]["messages"][0]["content"] == "Version 2."
    for what in ("render", "completions"):
        assert code(call(keyed, ours, f"prompts/support-bot/{what}")) == (403, "auth_prompt_not_allowed")
        assert code(call(keyed, ours, f"prompts/nobody-knows/{what}")) == (403, "auth_prompt_not_allowed")
        assert code(call(keyed, ours, f"prompts/billing@latest/{what}")) == (403, "auth_channel_not_allowed")
    refused = call(keyed, ours, "prompts/billing@latest/completions")
    row = keyed.row(refused.headers["x-slugline-call-id"])
    assert (row["outcome"], row["prompt"], row["version"], row["caller"]) == ("refused", "billing", 3, "of-the-path")
    assert call(keyed, ours, "prompts/billing.v2/completions").status_code == 200
    assert code(call(keyed, ours, "prompts/billing.v1/completions")) == (403, "auth_channel_not_allowed")
    assert code(call(keyed, ours, prompt_id="support-bot.v2", prompt_variables={})) == (403, "auth_prompt_not_allowed")
    portkeys = {"x-portkey-api-key": ours}
    assert keyed.api.post("/v1/prompts/billing/render", json={}, headers=portkeys).status_code == 200


def test_a_key_has_a_default_channel_of_its_own(keyed: Server) -> None:
    staging, production = new_key(keyed, "staging", default_channel="latest"), new_key(keyed, "production")
    for text, number in ((staging, 3), (production, 2)):
        answer = call(keyed, text, model="prompt/support-agent")
        assert answer.headers["x-slugline-prompt"] == f"support-agent@{number}"
    named = call(keyed, staging, model="prompt/support-agent", headers={"x-slugline-version": "stable"})
    assert named.headers["x-slugline-channel"] == "stable"
    assert call(keyed, staging, model="prompt/support-agent@1").headers["x-slugline-prompt"] == "support-agent@1"


def test_models_whatever_the_callers_bytes_say(keyed: Server, upstream: Upstream) -> None:
    text = new_key(keyed, "cheap-only", models=["cheap"])
    assert code(call(keyed, text, model="dear")) == (403, "auth_model_not_allowed")
    assert code(call(keyed, text, prompt={"id": "billing"}, model="dear")) == (403, "auth_model_not_allowed")
    before = len(upstream.arrived)
    with httpx.Client(headers={"authorization": f"Bearer {text}", "content-type": "application/json"}) as client:
        for path in ("chat/completions", "audio/speech"):
            twice = b'{"model":"dear","messages":[{"role":"user","content":"hi"}],"model":"cheap"}'
            assert client.post(f"{keyed.url}/v1/{path}", content=twice).status_code == 200
        two = {"file": ("a", b"x"), "a": (None, b"b")}
        form = httpx.Request("POST", "http://x/", files={**two, "model": (None, "cheap")})
        body = form.read()
        kind = {"content-type": form.headers["content-type"]}
        assert client.post(f"{keyed.url}/v1/audio/transcriptions", content=body, headers=kind).status_code == 200
        doubled = body.replace(b'name="a"', b"name=model")
        refused = client.post(f"{keyed.url}/v1/audio/transcriptions", content=doubled, headers=kind)
        assert code(refused) == (403, "auth_model_not_allowed")
        unnamed = client.get(f"{keyed.url}/v1/files", headers={"x-slugline-provider": "keyed"})
        assert code(unnamed) == (403, "auth_model_not_allowed")
    assert [b"dear" in each["body"].encode() for each in upstream.arrived[before:]] == [False] * 3


def test_the_list_of_models_is_what_the_key_may_use(keyed: Server) -> None:
    def listed(text: str) -> set[str]:
        answer = httpx.get(keyed.url + "/v1/models", headers={"x-api-key": text})
        assert answer.status_code == 200, answer.text
        return {model["id"] for model in answer.json()["data"]}

    prompts = {"prompt/support-agent", "prompt/support-bot", "prompt/billing"}
    assert listed(new_key(keyed, "all")) == prompts | {"cheap", "dear", "own/cheap", "own/dear"}
    assert listed(new_key(keyed, "p", prompts=["support-*"])) == {"prompt/support-agent", "prompt/support-bot"}
    assert listed(new_key(keyed, "m", models=["cheap"])) == prompts | {"cheap", "own/cheap"}
    assert listed(new_key(keyed, "o", models=["own/*"], endpoints=["responses"])) == prompts | {"own/cheap", "own/dear"}
    refused = httpx.get(keyed.url + "/v1/models")
    assert code(refused) == (401, "auth_key_missing")


def test_no_key_reaches_a_provider_a_row_a_log_or_the_disk(keyed: Server, upstream: Upstream) -> None:
    text = new_key(keyed, "secret")
    basic = "Basic " + base64.b64encode(f"x:{text}".encode()).decode()
    before, ids = len(upstream.arrived), []
    for headers in (
        {"authorization": f"Bearer {text}"},
        {"authorization": basic},
        {"x-api-key": text},
        {"api-key": text},
        {"x-goog-api-key": text},
        {"x-slugline-key": text, "x-api-key": text, "authorization": f"Bearer {text}"},
        {"x-slugline-key": text, "x-slugline-user": text, "cookie": f"k={text}", "x-custom": f"a {text} b"},
    ):
        for provider in ("keyed", "own"):
            for path, body in (("chat/completions", {"messages": [USER]}), ("audio/speech", {"input": "x"})):
                answer = httpx.post(
                    f"{keyed.url}/v1/{path}",
                    json={"model": f"{provider}/cheap", **body},
                    headers={**headers, "x-note": "stays"},
                )
                assert answer.status_code == 200, answer.text
                assert text not in f"{answer.headers}{answer.text}"
                ids.append(answer.headers["x-slugline-call-id"])
    assert httpx.get(keyed.url + "/v1/models", headers={"api-key": text}).status_code == 200
    sent = upstream.arrived[before:]
    assert len(sent) == len(ids) + 2
    assert all(each["headers"].get("x-note") == "stays" for each in sent[: len(ids)])
    assert {each["headers"].get("authorization") for each in sent} == {"Bearer server-side-key", None}
    assert "slk_" not in str(sent)
    assert basic not in str(sent)
    # Where it stands in the body or the URL, the call goes no further.
    for answer in (
        call(keyed, text, messages=[{"role": "user", "content": f"my key is {text}"}]),
        call(keyed, text, path=f"files/{text}"),
        call(keyed, text, path=f"files?key={text}"),
    ):
        assert code(answer) == (400, "auth_key_exposed")
        ids.append(answer.headers["x-slugline-call-id"])
    assert len(upstream.arrived) == before + len(sent)
    for call_id in ids:
        row = keyed.row(call_id)
        assert row["caller"] == "secret"
        assert "slk_" not in str(row).replace("slk_…", "")
        assert basic not in str(row)
    assert not [path for path, content in files_of(keyed.data) if text.encode() in content]
    assert text not in keyed.log.read_text(errors="replace")


def test_the_callers_own_provider_key_passes_beside_it(keyed: Server, upstream: Upstream) -> None:
    text = new_key(keyed, "brings-own")
    headers = {"x-slugline-key": text, "authorization": "Bearer sk-mine", "x-api-key": "sk-ant-mine"}
    for model in ("own/cheap", "keyed/cheap"):
        assert httpx.post(
            f"{keyed.url}/v1/chat/completions", json={"model": model, "messages": [USER]}, headers=headers
        ).is_success
    own, with_key = (each["headers"] for each in upstream.arrived[-2:])
    assert (own["authorization"], own["x-api-key"]) == ("Bearer sk-mine", "sk-ant-mine")
    assert with_key["authorization"] == "Bearer server-side-key"
    assert "x-api-key" not in with_key


def test_a_refused_call_is_a_row_with_its_caller(keyed: Server) -> None:
    text = new_key(keyed, "refused", prompts=["support-*"], requests_per_minute=1)
    answers = [
        (httpx.post(f"{keyed.url}/v1/chat/completions", content=b"{not json"), ""),
        (call(keyed, text), "refused"),
        (call(keyed, text), "refused"),
    ]
    said = [(401, "auth_key_missing"), (403, "auth_prompt_not_allowed"), (429, "auth_rate_limited")]
    for (answer, caller), (status, why) in zip(answers, said, strict=True):
        assert code(answer) == (status, why)
        row = keyed.row(answer.headers["x-slugline-call-id"])
        assert (row["outcome"], row["status"], row["error_code"], row["caller"]) == ("refused", status, why, caller)
        assert "auth;dur=" in answer.headers["server-timing"]


def test_an_upload_without_a_key_is_turned_away_before_it_is_read(keyed: Server) -> None:
    host, _, port = keyed.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: 60000000\r\n\r\n"
        raw.sendall(head.encode() + b"x" * 1000)  # and nothing more
        assert b" 401 " in raw.recv(65536).split(b"\r\n")[0]


def test_api_and_pages_stay_open_to_this_machine(keyed: Server) -> None:
    for path in ("/", "/api/prompts", "/api/keys", "/health/ready"):
        assert keyed.api.get(path).status_code == 200
        assert code(keyed.api.get(path, headers={"host": "evil.example"})) == (403, "auth_host_refused")


def wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + 60
    while len(server.children("slugline.worker")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(server.url + "/health/ready").is_success:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_budget_is_spent_across_workers_kills_and_restarts(tmp_path: Path, upstream: Upstream) -> None:
    spenders, budget = 6, 40
    with run_server(tmp_path, settings_for(upstream), THE_KEY="k") as server:
        text = new_key(server, "spender", budget_usd=str(budget), budget_period="total")
        spent_id = key_id(server, "spender")

        def spend(_: int) -> tuple[int, httpx.Response]:
            for count in range(2 * budget):
                answer = call(server, text, headers={"x-slugline-record": "none"})
                if answer.status_code != 200:
                    return count, answer
            raise AssertionError(f"{2 * budget} calls on one connection after the other, and the budget is not spent")

        workers = server.children("slugline.worker")
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)  # so that the other one takes the call
            assert call(server, text, headers={"x-slugline-record": "none"}).status_code == 200
            os.kill(pid, signal.SIGCONT)
        with ThreadPoolExecutor(spenders) as pool:
            results = list(pool.map(spend, range(spenders)))
        total = len(workers) + sum(count for count, _ in results)
        assert budget <= total <= budget + spenders - 1  # what ran while the last dollar was spent may go over
        for _, answer in results:
            assert code(answer) == (429, "auth_budget_spent")
            assert answer.json()["error"]["type"] == "insufficient_quota"
            assert answer.headers["x-should-retry"] == "false"
            assert "retry-after" not in answer.headers
        sheets = [Sheet.of_another(path) for path in sorted((server.data / "meter").glob("worker-*"))]
        counted = [sheet is not None and sheet.find(spent_id.encode().ljust(16, b"\0")) is not None for sheet in sheets]
        assert counted == [True, True]
        for sheet in sheets:
            assert sheet is not None
            sheet.close()
        for pid in server.children("slugline.worker"):
            os.kill(pid, signal.SIGKILL)
        wait_until_up(server)
        assert [code(call(server, text)) for _ in range(4)] == [(429, "auth_budget_spent")] * 4
        server.process.kill()
        server.process.wait()
    used = read_used(tmp_path / "data" / "meter", spent_id, now())
    assert (used.requests, used.total) == (total, total * 1_000_000_000)
    with run_server(tmp_path, settings_for(upstream), THE_KEY="k") as server:
        assert code(call(server, text)) == (429, "auth_budget_spent")
        told = server.api.get(f"/api/keys/{spent_id}").json()["use"]
        assert told.pop("last_used_at") <= now().isoformat()
        assert told == {"requests": total, "spent_usd": str(total), "unpriced_calls": 0}
        server.api.patch(f"/api/keys/{spent_id}", json={"budget_usd": str(total + 1), "budget_period": "total"})
        assert [call(server, text).status_code for _ in range(2)] == [200, 429]
        # What has no price counts as nothing, and is said.
        server.api.patch(f"/api/keys/{spent_id}", json={"budget_usd": None, "budget_period": None})
        assert call(server, text, path="audio/speech").status_code == 200
        shown = slugline("key", "show", spent_id, "--data", str(server.data)).stdout
        assert f"used on this machine: {total + 2} requests; {total + 1} US dollars in all" in shown
        assert "1 call has no known cost" in shown


def make_key(folder: Path, *options: str) -> str:
    done = slugline("key", "create", "k", *options, "--json", "--data", str(folder / "data"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["key"])


@pytest.mark.parametrize("given", ["host = '0.0.0.0'", "host = '127.0.0.2'", "behind_proxy = true"])
def test_a_server_that_others_can_reach_does_not_start_without_keys(tmp_path: Path, given: str) -> None:
    (tmp_path / "slugline.toml").write_text(given + "\nport = 0\n")
    done = slugline("serve", "--data", str(tmp_path / "data"), cwd=tmp_path)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False)
    assert "without caller keys" in done.stderr
    assert "slugline key create" in done.stderr


def put_in_place_of_registry(data: Path, older: Path) -> None:
    """A registry in which nothing was ever written, where the server's was."""
    engine = open_engine(f"sqlite:///{older}")
    migrate(engine)
    engine.dispose()
    for leftover in data.glob("registry.db-*"):
        leftover.unlink()
    older.replace(data / "registry.db")


def test_a_server_that_others_can_reach_asks_everybody(tmp_path: Path, upstream: Upstream) -> None:
    application, admin = make_key(tmp_path), make_key(tmp_path, "--admin")
    settings = 'host = "0.0.0.0"\n' + settings_for(upstream)
    (tmp_path / "admin").mkdir()
    with run_server(tmp_path, settings, THE_KEY="k") as server:
        assert server.url.startswith("http://127.0.0.1:")
        bearer = {"authorization": f"Bearer {admin}"}
        basic = {"authorization": "Basic " + base64.b64encode(f"me:{admin}".encode()).decode()}
        for path in ("/", "/api/prompts", "/api/keys", "/api/openapi.json", "/v1", "/nothing"):
            refused = server.api.get(path)
            assert code(refused) == (401, "auth_key_missing"), path
            assert refused.headers["www-authenticate"].startswith("Basic realm=")
            if path in {"/", "/api/prompts", "/api/keys"}:
                assert code(server.api.get(path, headers={"x-api-key": application})) == (403, "auth_role_not_allowed")
            for headers in (bearer, basic):
                assert server.api.get(path, headers={**headers, "host": "slugline.example"}).status_code in {200, 404}
        for headers in ({}, {"host": "slugline.example"}):
            assert server.api.get("/health/live", headers=headers).status_code == 200
            assert server.chat(model="cheap", messages=[USER], headers=headers).status_code == 401
            mine = {**headers, "authorization": f"Bearer {application}"}
            assert server.chat(model="cheap", messages=[USER], headers=mine).status_code == 200
        # A browser that was told the key sends it for other sites' forms, too.
        foreign = {**basic, "origin": "https://evil.example"}
        made = {"name": "x"}
        assert code(server.api.post("/api/keys", json=made, headers=foreign)) == (403, "auth_host_refused")
        home = {**basic, "origin": "https://slugline.example", "host": "slugline.example"}
        assert server.api.post("/api/keys", json=made, headers=home).json()["created_by"] == "key k"
        assert server.api.get("/api/keys", headers=foreign).status_code == 200
        # An older backup, from before there were keys, opens no door.
        put_in_place_of_registry(server.data, tmp_path / "older.db")
        for headers in ({}, bearer):
            for path in ("/v1/models", "/api/prompts"):
                refused = server.api.get(path, headers=headers)
                assert code(refused) == (401, "auth_key_unknown" if headers else "auth_key_missing"), path


def test_the_first_key_says_what_it_means(tmp_path: Path) -> None:
    first = slugline("key", "create", "a", "--data", str(tmp_path / "data"))
    assert "from now on every call below /v1 needs one" in first.stdout
    assert "from now on" not in slugline("key", "create", "b", "--data", str(tmp_path / "data")).stdout
    text = first.stdout.split()[0]
    listed = slugline("key", "list", "--data", str(tmp_path / "data")).stdout
    assert text not in listed
    assert text[-4:] in listed
