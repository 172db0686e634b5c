"""Paths below /v1 that Slugline doesn't understand: they reach the provider byte for byte, come back byte for byte, and are rows."""

import asyncio
import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from openai import OpenAI

from tests.plugins.server import Server, run_server

AUDIO = bytes(range(256)) * 400


async def provider_app(scope: Any, receive: Any, send: Any) -> None:
    """A provider that tells what arrived, speaks audio in chunks, and breaks off when asked to."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    if scope["path"] in {"/v1/audio/speech", "/v1/audio/broken"}:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"audio/mpeg")]})
        for start in range(0, len(AUDIO), 10_000):
            await send({"type": "http.response.body", "body": AUDIO[start : start + 10_000], "more_body": True})
            if scope["path"].endswith("broken"):
                raise RuntimeError("broken on purpose")
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"].endswith(
        ":batchEmbedContents"
    ):  # Gemini's documented answer (https://ai.google.dev/api/embeddings)
        asked = json.loads(body)["requests"]
        found = [{"values": [len(one["content"]["parts"][0]["text"]), 0.5]} for one in asked]
        told: dict[str, Any] = {"embeddings": found if headers.get("x-goog-api-key") == "key-of-the-app" else []}
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
        return
    told = {
        "text": "told",
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "type": headers.get("content-type", ""),
        "sha256": hashlib.sha256(body).hexdigest(),
        "model": "whisper-9",
    }
    answer = json.dumps(told).encode()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    await send(start)
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    running = uvicorn.Server(uvicorn.Config(provider_app, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture(scope="module")
def passing(elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'[providers.first]\nbase_url = "{elsewhere}/v1"\nmodels = ["tts-*", "whisper-*"]\n'
    settings += f'[providers.google]\nkind = "gemini"\nbase_url = "{elsewhere}"\nmodels = ["gemini-*"]\n'
    settings += '[providers.second]\nbase_url = "http://127.0.0.1:1/v1"\n'
    with run_server(tmp_path_factory.mktemp("passing"), settings, workers=1) as server:
        yield server


def test_speech_comes_back_byte_for_byte(passing: Server) -> None:
    with OpenAI(base_url=passing.url + "/v1", api_key="x", max_retries=0) as sdk:
        raw = sdk.audio.speech.with_raw_response.create(model="tts-1", voice="alloy", input="hello")
    assert raw.content == AUDIO
    assert raw.headers["content-type"] == "audio/mpeg"
    row = passing.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["outcome"], row["status"], row["model_requested"]) == (
        "audio.speech",
        "ok",
        200,
        "tts-1",
    )
    assert json.loads(row["request"])["input"] == "hello"
    assert row["response"] == "(audio/mpeg, 102,400 bytes)"
    assert row["first_chunk_ms"] > 0


def test_a_form_goes_byte_for_byte_to_the_provider_of_its_model(passing: Server) -> None:
    request = httpx.Request(
        "POST", passing.url + "/v1/audio/transcriptions", files={"file": ("a.wav", AUDIO), "model": (None, "whisper-1")}
    )
    sent = request.read()
    answer = passing.api.send(request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(sent).hexdigest()
    assert answer.json()["type"] == request.headers["content-type"]
    row = passing.row(answer.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["model_requested"], row["model_served"]) == (
        "audio.transcriptions",
        "whisper-1",
        "whisper-9",
    )
    assert row["request"].startswith("(multipart/form-data")


def test_any_method_path_and_query(passing: Server) -> None:
    for method in ("GET", "DELETE"):
        answer = passing.api.request(
            method, "/v1/files/a%20b?limit=2&after=x%26y", headers={"x-slugline-provider": "first"}
        )
        told = answer.json()
        assert (told["method"], told["path"], told["query"]) == (method, "/v1/files/a%20b", "limit=2&after=x%26y")
        assert passing.row(answer.headers["x-slugline-call-id"])["provider"] == "first"


def test_without_a_model_or_a_name_it_is_refused_in_words(passing: Server) -> None:
    answer = passing.api.get("/v1/files")
    assert answer.status_code == 404
    assert "x-slugline-provider" in answer.json()["error"]["message"]
    assert passing.row(answer.headers["x-slugline-call-id"])["outcome"] == "refused"


def test_a_provider_that_is_away_is_a_502(passing: Server) -> None:
    answer = passing.api.get("/v1/files", headers={"x-slugline-provider": "second"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_unreachable")


def test_bytes_that_break_off_break_off_for_the_client_too(passing: Server) -> None:
    with pytest.raises(httpx.RemoteProtocolError), contextlib.suppress(httpx.ReadTimeout):
        passing.api.post("/v1/audio/broken", json={"model": "tts-1"})
    rows = passing.until(
        "SELECT outcome, error_code FROM calls WHERE endpoint = 'audio.broken'", lambda found: len(found) == 1
    )
    assert rows == [{"outcome": "provider_error", "error_code": "provider_cut_off"}]


@pytest.mark.parametrize("path", ["/v1/../secret", "/v1/files/../../secret", "/v1/files/%2e%2e/x", "/v1/a%5c..%5cb"])
def test_no_path_leads_out_of_v1(passing: Server, path: str) -> None:
    host, _, port = passing.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(
            f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nx-slugline-provider: first\r\nconnection: close\r\n\r\n".encode()
        )
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert b" 404 " in answer.split(b"\r\n")[0]
    assert b"told" not in answer


def test_embeddings_of_gemini_in_openais_terms_and_with_the_apps_own_key(passing: Server) -> None:
    with OpenAI(base_url=passing.url + "/v1", api_key="key-of-the-app", max_retries=0) as sdk:
        raw = sdk.embeddings.with_raw_response.create(
            model="gemini-embedding-001", input=["parcel", "box"], encoding_format="float"
        )
    found = raw.parse()
    assert [(entry.index, entry.embedding) for entry in found.data] == [(0, [6.0, 0.5]), (1, [3.0, 0.5])]
    row = passing.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["provider"], row["outcome"]) == ("embeddings", "google", "ok")
    assert json.loads(row["response"])["data"] == {"vectors": 2, "length": 2}
