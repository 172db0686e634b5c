"""The processes of bench.upstream_clients: an upstream, and a bare proxy for each client. `python -m bench.upstream_apps NAME PORT`."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn

URL = "http://127.0.0.1:9600/v1"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hello "}}]}\n\n'
Passed = Callable[[str, bytes], AsyncIterator[bytes]]


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    await body_of(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    if scope["path"].endswith("stream"):
        for _ in range(54):
            await send({"type": "http.response.body", "body": EVENT, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send(
            {"type": "http.response.body", "body": b'{"choices":[{"message":{"content":"' + b"x" * 560 + b'"}}]}'}
        )


async def body_of(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def proxy(open_client: Callable[[], Awaitable[Passed]]) -> Any:
    passed: Passed | None = None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal passed
        passed = passed or await open_client()
        body = await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        async for chunk in passed(URL + scope["path"], body):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


async def open_slugline() -> Passed:
    from proxy.upstream import Upstream, UpstreamRequest

    client = Upstream()
    headers = [("content-type", "application/json")]

    async def passed(url: str, body: bytes) -> AsyncIterator[bytes]:
        answer = await client.send(UpstreamRequest(provider="p", method="POST", url=url, headers=headers, body=body))
        while (chunk := await answer.chunk()) is not None:
            yield chunk
        answer.close()

    return passed


async def open_pyreqwest() -> Passed:
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().build()

    async def passed(url: str, body: bytes) -> AsyncIterator[bytes]:
        request = client.post(url).header("content-type", "application/json").body_bytes(body)
        async with request.streamed_read_buffer_limit(0).build_streamed() as answer:
            while (chunk := await answer.body_reader.read_chunk()) is not None:
                yield chunk.to_bytes()

    return passed


async def open_aiohttp() -> Passed:
    import aiohttp

    client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def passed(url: str, body: bytes) -> AsyncIterator[bytes]:
        async with client.post(url, data=body, headers={"content-type": "application/json"}) as answer:
            async for chunk in answer.content.iter_any():
                yield chunk

    return passed


async def open_httpx() -> Passed:
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=600)

    async def passed(url: str, body: bytes) -> AsyncIterator[bytes]:
        async with client.stream("POST", url, content=body, headers={"content-type": "application/json"}) as answer:
            async for chunk in answer.aiter_raw():
                yield chunk

    return passed


OPEN = {"slugline": open_slugline, "pyreqwest": open_pyreqwest, "aiohttp": open_aiohttp, "httpx": open_httpx}

if __name__ == "__main__":
    name, port = sys.argv[1], int(sys.argv[2])
    app = upstream if name == "upstream" else proxy(OPEN[name])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
