"""A third-party mock provider (npm: @copilotkit/aimock): OpenAI's endpoints as somebody else understands them."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server, run_server

NODE = Path(__file__).parents[1] / "node"
FIXTURES = {
    "fixtures": [
        {
            "match": {"userMessage": "weather"},
            "response": {
                "toolCalls": [
                    {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                    {"name": "get_time", "arguments": '{"city":"Paris"}'},
                ]
            },
        },
        {"match": {"userMessage": "as JSON"}, "response": {"content": '{"city":"Paris"}'}},
        {"match": {"inputText": "parcel"}, "response": {"embedding": [0.25, -0.5, 0.125]}},
        {"match": {}, "response": {"content": "Your parcel arrives tomorrow, between nine and eleven."}},
    ]
}


@dataclass(frozen=True, slots=True)
class Aimock:
    """The running mock."""

    url: str

    def journal(self, words: str) -> list[dict[str, Any]]:
        """The bodies that arrived with these words in them, as the mock understood them."""
        entries = httpx.get(self.url + "/__aimock/journal", timeout=20).json()
        return [entry["body"] for entry in entries if words in json.dumps(entry.get("body"))]


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    """The mock on a free port. Tests that use it carry `needs("node")`."""
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps(FIXTURES))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "node",
        "node_modules/@copilotkit/aimock/dist/cli.js",
        "-p",
        str(port),
        "-f",
        str(fixtures),
        "--log-level",
        "silent",
    ]
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
