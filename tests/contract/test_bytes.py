"""A call that passes through is the provider's answer byte for byte: nothing is parsed and written anew on its way."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from tests.plugins.server import Server, run_server


def _chunk(choices: str, rest: str = "") -> bytes:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m-1",'
        f'"choices":[{choices}]{rest}}}'
    ).encode()


def _delta(text: str, index: int = 0, finish: str = "null", more: str = "") -> str:
    return f'{{"index":{index},"delta":{{"content":"{text}"}}{more},"finish_reason":{finish}}}'


LOGPROBS = (
    ',"logprobs":{"content":[{"token":"Hi","logprob":-0.0001,"bytes":[72,105],"top_logprobs":[]}],"refusal":null}'
)
USAGE = ',"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"a_new_kind_of_tokens":1}'
STREAMS: dict[str, bytes] = {
    "plain": b"data: " + _chunk(_delta("Hi")) + b"\n\ndata: " + _chunk(_delta("", finish='"stop"')) + b"\n\n",
    "three choices with logprobs": b"".join(
        b"data: " + _chunk(_delta(f"Hi {index}", index, '"stop"', LOGPROBS)) + b"\n\n" for index in (2, 0, 1)
    ),
    "usage on every chunk": b"data: "
    + _chunk(_delta("Hi"), ',"usage":null')
    + b"\n\ndata: "
    + _chunk(_delta("", finish='"stop"'), USAGE)
    + b"\n\n",
    "fields that nobody knows yet": b'data: {"id":1, "choices":[{"index":0,"delta":{"thought":"\\u00e9","a":[1,{"b":1e-7}]},'
    b'"finish_reason":"new_reason"}],"x":{"y":null}}\n\n',
    "comments, names and ids": b": keep-alive\n\nevent: delta\nid: 7\nretry: 100\ndata: "
    + _chunk(_delta("Hi", finish='"stop"'))
    + b"\n\n: bye\n\n",
    "lines that end in CR LF": b"data: " + _chunk(_delta("Hi", finish='"stop"')) + b"\r\n\r\n",
    "no space after the colon": b"data:" + _chunk(_delta("Hi", finish='"stop"')) + b"\n\n",
    "data on several lines": b'data: {"id":"1",\ndata: "choices":['
    + _delta("Hi", finish='"stop"').encode()
    + b"]}\n\n",
    "letters of four bytes": b"data: " + _chunk(_delta("📦 明日 é", finish='"stop"')) + b"\n\n",
    "a refusal": b'data: {"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":"content_filter"}]}\n\n',
    "an error in mid-stream": b"data: "
    + _chunk(_delta("Hi"))
    + b'\n\ndata: {"error":{"message":"overloaded","type":"server_error","code":null,"param":null}}\n\n',
}
ANSWERS: dict[str, bytes] = {
    "odd spaces": b'{ "id" : "1",\n\t"choices" : [ { "message" : { "content" : "Hi" } , "finish_reason":"stop" } ] }\n',
    "escapes": b'{"id":"1","choices":[{"message":{"content":"\\u00e9\\/\\ud83d\\udce6"},"finish_reason":"stop"}]}',
    "numbers": b'{"id":"1","created":1.70e9,"big":123456789012345678901234567890,"n":-0,"choices":[]}',
    "a key twice": b'{"id":"1","id":"2","choices":[]}',
    "logprobs": b'{"id":"1","choices":[' + _delta("Hi", more=LOGPROBS).replace("delta", "message").encode() + b"]}",
    "no object": b'["an","array"]',
}
ERRORS: dict[str, tuple[int, bytes]] = {
    "another shape": (400, b'{"detail": [{"loc": ["body"], "msg": "wrong"}]}'),
    "spaces": (418, b'{ "error" : { "message" : "teapot" } }\n'),
    "while asked for a stream": (429, b'{"error":{"message":"slow down","type":"x","param":null,"code":"y"},"more":1}'),
}
DONE = b"data: [DONE]\n\n"


async def _provider(scope: Any, receive: Any, send: Any) -> None:
    """Answers as the body says: which answer, and in pieces of how many bytes."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = json.loads(body)
    status, content_type = 200, b"application/json"
    if asked["kind"] == "stream":
        content, content_type = STREAMS[asked["name"]] + DONE, b"text/event-stream; charset=utf-8"
    elif asked["kind"] == "answer":
        content = ANSWERS[asked["name"]]
    else:
        status, content = ERRORS[asked["name"]]
    headers = [(b"content-type", content_type), (b"x-request-id", b"req-1"), (b"openai-processing-ms", b"7")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for start in range(0, len(content), asked["piece"]):
        await send({"type": "http.response.body", "body": content[start : start + asked["piece"]], "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def exact() -> Iterator[str]:
    """A provider whose bytes are known."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    running = uvicorn.Server(uvicorn.Config(_provider, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="module")
def exact_server(exact: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'[providers.exact]\nbase_url = "{exact}/v1"\n'
    with run_server(tmp_path_factory.mktemp("exact"), settings, workers=1) as server:
        yield server


def raw(url: str, body: dict[str, Any]) -> tuple[int, str, str, bytes]:
    """An answer as it comes, undecoded."""
    with httpx.Client() as client, client.stream("POST", url + "/v1/chat/completions", json=body, timeout=60) as answer:
        kept = (answer.headers["content-type"], answer.headers["x-request-id"])
        return (answer.status_code, *kept, b"".join(answer.iter_raw()))


def body(kind: str, name: str, piece: int, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "messages": [], "kind": kind, "name": name, "piece": piece, **more}


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("name", list(STREAMS))
def test_a_stream_whose_caller_asked_for_usage(exact: str, exact_server: Server, name: str, piece: int) -> None:
    asked = body("stream", name, piece, stream=True, stream_options={"include_usage": True})
    direct = raw(exact, asked)
    assert direct[-1] == STREAMS[name] + DONE
    assert raw(exact_server.url, asked) == direct


@pytest.mark.parametrize("name", list(STREAMS))
def test_a_stream_from_a_provider_that_sends_no_extra_usage(exact: str, exact_server: Server, name: str) -> None:
    asked = body("stream", name, 50, stream=True)
    assert raw(exact_server.url, asked) == raw(exact, asked)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_a_whole_answer(exact: str, exact_server: Server, name: str) -> None:
    asked = body("answer", name, 50)
    direct = raw(exact, asked)
    assert direct[-1] == ANSWERS[name]
    assert raw(exact_server.url, asked) == direct


@pytest.mark.parametrize("name", list(ERRORS))
def test_an_error(exact: str, exact_server: Server, name: str) -> None:
    asked = body("error", name, 50, stream="stream" in name)
    direct = raw(exact, asked)
    assert (direct[0], direct[-1]) == ERRORS[name]
    assert raw(exact_server.url, asked) == direct
