"""Official SDKs as clients: what they send, what they get, and the exceptions they raise."""

import asyncio
import json
import subprocess
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.plugins.server import Server

NODE = Path(__file__).parents[1] / "node"
MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.fixture
def client(server: Server) -> OpenAI:
    server.save("python-sdk", "You work for {{ company }}.")
    with OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0) as sdk:
        yield sdk


def test_chat_with_the_prompt_object(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="prompt",
        messages=MESSAGES,  # type: ignore[arg-type]
        extra_body={"prompt": {"id": "python-sdk", "version": "latest", "variables": {"company": "Acme"}}},
    )
    assert raw.headers["x-slugline-prompt"] == "python-sdk@1"
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None


def test_a_stream(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="prompt/python-sdk@latest",
        messages=MESSAGES,
        stream=True,
        extra_body={"variables": {"company": "Acme"}},  # type: ignore[arg-type]
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("simulator-error-401", openai.AuthenticationError),
        ("simulator-error-429", openai.RateLimitError),
        ("simulator-error-500", openai.InternalServerError),
        ("prompt/no-such-prompt", openai.NotFoundError),
        ("prompt/python-sdk@latest", openai.BadRequestError),
        ("prompt/@", openai.BadRequestError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_errors_are_the_sdks_typed_exceptions(
    client: OpenAI, model: str, error: type[openai.APIStatusError], stream: bool
) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=model, messages=MESSAGES, stream=stream)  # type: ignore[arg-type, call-overload]
    assert raised.value.body["message"]  # type: ignore[index]
    if model == "simulator-error-429":
        assert raised.value.response.headers["retry-after"]


def test_a_stream_that_breaks_off_raises(client: OpenAI) -> None:
    with pytest.raises(openai.APIError, match="broke off|ended its stream"):
        list(client.chat.completions.create(model="simulator-cut", messages=MESSAGES, stream=True))  # type: ignore[arg-type]


def test_models_are_listed(client: OpenAI) -> None:
    assert "prompt/python-sdk" in [model.id for model in client.models.list()]


async def test_fifty_at_once(server: Server) -> None:
    server.save("python-sdk", "You work for {{ company }}.")
    async with AsyncOpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0) as sdk:
        answers = await asyncio.gather(
            *(
                sdk.chat.completions.create(
                    model="prompt/python-sdk@latest",
                    messages=MESSAGES,
                    extra_body={"variables": {"company": f"C{n}"}},  # type: ignore[arg-type]
                )
                for n in range(50)
            )
        )
    assert len({answer.id for answer in answers}) == 50


@pytest.mark.needs("node")
def test_the_node_sdk(server: Server) -> None:
    server.save("node-sdk", "You work for {{ company }}.")
    done = subprocess.run(
        ["node", "chat.mjs", server.url + "/v1"], cwd=NODE, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["prompt"] == "node-sdk@1"
    assert seen["whole"]
    assert seen["streamed"]
    assert (seen["typed"], seen["code"]) == (True, "prompt_not_found")
    rows = server.until("SELECT outcome FROM calls WHERE tags['marker'] = 'node-left'", lambda found: len(found) == 1)
    assert rows == [{"outcome": "client_left"}]
