"""A third-party mock provider (npm: @copilotkit/aimock): OpenAI's and Anthropic's endpoints as somebody else understands them.

`aimock` is the mock, `aimock_server` a whole server whose only provider it is. What a request meets there is chosen by its words
(the fixtures below); what arrived is in the mock's journal, by the test id that a client sends in the header `x-test-id`.
"""

import base64
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server, run_server

NODE = Path(__file__).parents[1] / "node"
SPEECH = bytes(range(256)) * 40
ERRORS: dict[int, dict[str, Any]] = {
    400: {
        "message": "max_tokens is too large",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "too_large",
    },
    401: {"message": "Incorrect API key provided", "type": "authentication_error", "code": "invalid_api_key"},
    403: {"message": "Not in this country", "type": "permission_error", "code": "unsupported_country"},
    404: {
        "message": "The model does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    },
    409: {"message": "It is being changed", "type": "conflict_error", "code": "conflict"},
    422: {"message": "Can't be processed", "type": "invalid_request_error", "code": "unprocessable"},
    429: {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"},
    500: {"message": "The server had an error", "type": "server_error", "code": "server_error"},
    503: {"message": "Overloaded", "type": "overloaded_error", "code": "overloaded"},
}
RETRY_AFTER = 17  # longer than Slugline waits by itself
_TOOL_CALLS = [
    {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}},
    {"name": "get_time", "arguments": {"city": "Paris"}},
]
_TEXT = "Your parcel arrives tomorrow, between nine and eleven."
FIXTURES: list[dict[str, Any]] = [
    {"match": {"endpoint": "image"}, "response": {"image": {"b64Json": "aVZCT1I=", "revisedPrompt": "A brown parcel"}}},
    {"match": {"endpoint": "speech"}, "response": {"audio": base64.b64encode(SPEECH).decode()}},
    {
        "match": {"endpoint": "transcription"},
        "response": {"transcription": {"text": "Where is my parcel?", "language": "en", "duration": 2.5}},
    },
    {"match": {"endpoint": "translation"}, "response": {"transcription": {"text": "Where is my parcel?"}}},
    {
        "match": {"userMessage": "weather", "hasToolResult": True},
        "response": {"content": "Sunny in Paris for three days."},
    },
    {"match": {"userMessage": "weather"}, "response": {"toolCalls": _TOOL_CALLS}},
    *(
        {
            "match": {"userMessage": "as a trip", "toolName": name},
            "response": {"toolCalls": [{"name": name, "arguments": {"city": "Paris", "days": 3}}]},
        }
        for name in ("Trip", "final_result")
    ),
    {"match": {"userMessage": "one tool"}, "response": {"toolCalls": _TOOL_CALLS[:1]}},
    {"match": {"userMessage": "as JSON"}, "response": {"content": {"city": "Paris", "days": 3}}},
    {
        "match": {"userMessage": "reasons"},
        "response": {
            "content": "It left the depot.",
            "reasoning": "The depot scanned it at six. So it has left.",
            "systemFingerprint": "fp_7",
            "usage": {
                "prompt_tokens": 12,
                "completion_tokens": 30,
                "total_tokens": 42,
                "completion_tokens_details": {"reasoning_tokens": 21},
            },
        },
    },
    {"match": {"userMessage": "too long"}, "response": {"content": _TEXT[:20], "finishReason": "length"}},
    {"match": {"userMessage": "refused"}, "response": {"content": "No.", "finishReason": "content_filter"}},
    {"match": {"userMessage": "in many words"}, "response": {"content": _TEXT * 40}},
    {"match": {"userMessage": "ünïcode"}, "response": {"content": "Das Päckchen 📦 kommt — морген, 明天。"}},
    {"match": {"userMessage": "slowly"}, "response": {"content": _TEXT * 40}, "latency": 100},
    {"match": {"userMessage": "cut"}, "response": {"content": _TEXT * 40}, "truncateAfterChunks": 5, "latency": 20},
    {"match": {"inputText": "parcel"}, "response": {"embedding": [0.25, -0.5, 0.125]}},
    *(
        {
            "match": {"userMessage": f"fail {status}"},
            "response": {"error": error, "status": status, **({"retryAfter": RETRY_AFTER} if status == 429 else {})},
        }
        for status, error in ERRORS.items()
    ),
    {"match": {"endpoint": "chat"}, "response": {"content": _TEXT}},
]


@dataclass(frozen=True, slots=True)
class Aimock:
    """The running mock."""

    url: str

    def journal(self, words: str) -> list[dict[str, Any]]:
        """The bodies that arrived with these words in them, as the mock understood them."""
        entries = httpx.get(self.url + "/__aimock/journal", timeout=20).json()
        return [entry["body"] for entry in entries if words in json.dumps(entry.get("body"))]

    def arrived(self, test_id: str) -> list[dict[str, Any]]:
        """The requests that came with a test id: method, path, headers and body."""
        entries: list[dict[str, Any]] = httpx.get(
            self.url + "/__aimock/journal", params={"testId": test_id}, timeout=20
        ).json()
        return entries

    def hold(self, test_id: str, milliseconds: int) -> None:
        """Lets every request with a test id wait before it is looked at."""
        answer = httpx.post(
            self.url + "/__aimock/chaos", json={"latencyMs": milliseconds}, headers={"x-test-id": test_id}, timeout=20
        )
        assert answer.is_success, answer.text

    def count(self, path: str, status: str) -> int:
        """How many requests to a path ended with a status; "destroyed" for those whose client left first."""
        found = re.findall(
            rf'^aimock_requests_total{{method="POST",path="{path}",status="{status}"}} (\d+)',
            httpx.get(self.url + "/metrics", timeout=20).text,
            re.MULTILINE,
        )
        return int(found[0]) if found else 0

    def until_count(self, path: str, status: str, wanted: int) -> int:
        """Waits for a count to be reached; the last one when it never is."""
        return int(eventually(lambda: self.count(path, status), lambda seen: seen >= wanted))


def eventually(look: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Looks again and again until what is seen is as wanted, or the time is up; gives what it saw last."""
    deadline = time.monotonic() + seconds
    while not holds(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    """The mock on a free port. Tests that use it carry `needs("node")`."""
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", "node_modules/@copilotkit/aimock/dist/cli.js", "-p", str(port), "-f", str(fixtures)]
    command += ["--log-level", "silent", "--metrics", "--journal-max", "20000"]
    process = subprocess.Popen(command, cwd=NODE)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(url + "/v1/models", timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, "aimock ended"
                assert time.monotonic() < deadline, "aimock did not start"
                time.sleep(0.05)
        yield Aimock(url)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def aimock_server(aimock: Aimock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A whole server whose only provider is the mock, under three wire formats."""
    settings = "".join(
        f'[providers.{kind}]\nkind = "{kind}"\nbase_url = "{aimock.url}{path}"\nmodels = ["{models}"]\n'
        for kind, path, models in (
            ("anthropic", "", "claude-*"),
            ("gemini", "", "gemini-*"),
            ("openai", "/v1", "*"),
        )
    )
    settings += f'[providers.chat-only]\nbase_url = "{aimock.url}/v1"\nlacks = ["responses"]\n'
    with run_server(tmp_path_factory.mktemp("aimock-server"), settings) as server:
        yield server
