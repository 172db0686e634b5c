"""What goes wrong, as OpenAI's Python SDK tells it: the same exception, with the same words and headers, directly and through Slugline."""

import asyncio
import time
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.plugins.aimock import ERRORS, RETRY_AFTER, Aimock, eventually
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

TYPES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}
CHAT = "/v1/chat/completions"


def said(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}


def opened(url: str, test_id: str = "errors", **options: Any) -> OpenAI:
    given = {"max_retries": 0, "timeout": 60, "default_headers": {"x-test-id": test_id}, **options}
    return OpenAI(base_url=url + "/v1", api_key="x", **given)


def told(url: str, endpoint: str, text: str, stream: bool) -> dict[str, Any]:
    """All that a program can learn from the exception."""
    with opened(url) as sdk, pytest.raises(openai.APIStatusError) as raised:
        if endpoint == "chat":
            sdk.chat.completions.create(**said(text), stream=stream)
        else:
            sdk.responses.create(model="gpt-4o", input=text, stream=stream)
    error = raised.value
    headers = {
        name: value for name, value in error.response.headers.items() if name.startswith(("retry-after", "x-ratelimit"))
    }
    return {
        "class": type(error),
        "status": error.status_code,
        "fields": (error.code, error.type, error.param),
        "message": error.message,
        "body": error.body,
        "headers": headers,
        "content-type": error.response.headers["content-type"],
        "bytes": error.response.content,
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("endpoint", ["chat", "responses"])
@pytest.mark.parametrize("status", list(ERRORS))
def test_an_error_is_the_same_exception(
    aimock: Aimock, aimock_server: Server, status: int, endpoint: str, stream: bool
) -> None:
    direct = told(aimock.url, endpoint, f"fail {status}", stream)
    assert direct["class"] is TYPES[status]
    assert direct["fields"][0] == ERRORS[status]["code"]
    if status == 429:
        assert direct["headers"]["retry-after"] == str(RETRY_AFTER)
    assert told(aimock_server.url, endpoint, f"fail {status}", stream) == direct


@pytest.mark.parametrize("where", ["direct", "through"])
def test_a_timeout_is_the_sdks_and_ends_the_providers_call(aimock: Aimock, aimock_server: Server, where: str) -> None:
    test_id = f"timeout-{where}"
    aimock.hold(test_id, 25_000)
    before = aimock.count(CHAT, "destroyed")
    url = aimock.url if where == "direct" else aimock_server.url
    with opened(url, test_id, timeout=1.0) as sdk, pytest.raises(openai.APITimeoutError):
        sdk.chat.completions.create(**said("Where is my parcel?"))
    assert aimock.until_count(CHAT, "destroyed", before + 1) == before + 1


@pytest.mark.parametrize("where", ["direct", "through"])
def test_a_client_that_leaves_a_stream_ends_the_providers_call(
    aimock: Aimock, aimock_server: Server, where: str
) -> None:
    before = aimock.count(CHAT, "destroyed")
    with opened(aimock.url if where == "direct" else aimock_server.url) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(**said("Tell it slowly"), stream=True)
        chunks = raw.parse()
        assert next(iter(chunks)).choices
        chunks.close()
    assert aimock.until_count(CHAT, "destroyed", before + 1) == before + 1
    if where == "through":
        row = aimock_server.row(raw.headers["x-slugline-call-id"])
        assert (row["outcome"], row["stream"]) == ("client_left", True)


@pytest.mark.parametrize("where", ["direct", "through"])
async def test_a_cancelled_task_ends_the_providers_call_before_its_first_byte(
    aimock: Aimock, aimock_server: Server, where: str
) -> None:
    test_id = f"cancel-{where}"
    await asyncio.to_thread(aimock.hold, test_id, 25_000)
    before = await asyncio.to_thread(aimock.count, CHAT, "destroyed")
    url = aimock.url if where == "direct" else aimock_server.url
    async with AsyncOpenAI(base_url=url + "/v1", api_key="x", default_headers={"x-test-id": test_id}) as sdk:
        for patience in (1, 5, 20):  # the mock notes a request when it answers: nothing tells that it has arrived
            task = asyncio.create_task(sdk.chat.completions.create(**said("Where is my parcel?"), stream=True))
            await asyncio.sleep(patience)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            seen = await asyncio.to_thread(aimock.until_count, CHAT, "destroyed", before + 1)
            if seen > before:
                break
    assert seen > before


def test_a_stream_that_breaks_off_raises(aimock: Aimock, aimock_server: Server) -> None:
    texts: dict[str, list[Any]] = {}
    for url in (aimock.url, aimock_server.url):
        texts[url] = []
        with opened(url) as sdk, pytest.raises(openai.APIError) as raised:
            for chunk in sdk.chat.completions.create(**said("This is cut"), stream=True):
                texts[url].append(chunk.choices[0].delta.content)
    assert texts[aimock_server.url] == texts[aimock.url] != []
    assert "broke off" in raised.value.message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_fifty_at_once(aimock: Aimock, aimock_server: Server, stream: bool) -> None:
    async def texts(url: str, test_id: str) -> list[str]:
        async with AsyncOpenAI(
            base_url=url + "/v1", api_key="x", max_retries=0, default_headers={"x-test-id": test_id}
        ) as sdk:

            async def one(number: int) -> str:
                text = f"{'Tell it in many words' if number % 2 else 'Where is my parcel?'} {number}"
                answer = await sdk.chat.completions.create(**said(text), stream=stream)
                if not stream:
                    return answer.choices[0].message.content
                return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

            return await asyncio.gather(*(one(number) for number in range(50)))

    expected = await texts(aimock.url, f"fifty-direct-{stream}")
    assert len(set(expected)) == 2
    assert await texts(aimock_server.url, f"fifty-through-{stream}") == expected
    arrived = await asyncio.to_thread(aimock.arrived, f"fifty-through-{stream}")
    assert len({entry["body"]["messages"][0]["content"] for entry in arrived}) == len(arrived) == 50


@pytest.mark.parametrize("where", ["direct", "through"])
def test_a_pause_longer_than_the_provider_keeps_connections_is_harmless(
    aimock: Aimock, aimock_server: Server, where: str
) -> None:
    """Node.js closes a connection that was idle for five seconds."""
    with opened(aimock.url if where == "direct" else aimock_server.url, f"pause-{where}") as sdk:
        first = sdk.chat.completions.create(**said("Where is my parcel?"))
        time.sleep(6)
        second = sdk.chat.completions.create(**said("Where is my parcel?"))
    assert second.choices == first.choices
    assert len(eventually(lambda: aimock.arrived(f"pause-{where}"), lambda seen: len(seen) == 2)) == 2


def test_a_page_elsewhere_may_not_read_what_comes_back(aimock_server: Server) -> None:
    """The mock lets every origin read its answers; Slugline, which holds the keys, doesn't hand that permission on."""
    answer = aimock_server.chat(**said("Where is my parcel?"))
    assert answer.is_success
    assert not [name for name in answer.headers if name.startswith("access-control-")]
