"""A third-party mock provider (PyPI: llmock) that fails on demand, and judges how whoever called it took that."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.plugins.server import Server, run_server


@dataclass(frozen=True, slots=True)
class Llmock:
    """The running mock: it speaks OpenAI's wire below `/v1`, Anthropic's below `/anthropic`, Gemini's below `/gemini`."""

    url: str

    def script(self, *behaviors: dict[str, Any]) -> None:
        """What the next requests meet, e.g. `{"type": "fail", "status": 429, "retry_after": 1, "times": 2}`."""
        answer = httpx.post(self.url + "/_llmock/scenario", json={"behaviors": behaviors}, timeout=20)
        assert answer.status_code == 201, answer.text

    def reset(self) -> None:
        """Forgets all requests and behaviours."""
        assert httpx.post(self.url + "/_llmock/reset", timeout=20).is_success

    def pending(self) -> list[dict[str, Any]]:
        """The behaviours that no request has met yet."""
        found: list[dict[str, Any]] = httpx.get(self.url + "/_llmock/scenario", timeout=20).json()["pending"]
        return found

    def verdict(self) -> dict[str, Any]:
        """What the mock thinks of its caller: `passed`, `errors`, `warnings`, `findings`."""
        found: dict[str, Any] = httpx.get(self.url + "/_llmock/verdict", timeout=20).json()
        return found


@pytest.fixture(scope="session")
def llmock() -> Iterator[Llmock]:
    """The mock on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from llmock.cli import app; app()"]
    command += ["serve", "--host", "127.0.0.1", "--port", str(port), "--response-style", "echo"]
    command += ["--stream-chunk-delay-ms", "20"]  # as a model's words come: a caller can still leave
    process = subprocess.Popen(
        command, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url + "/health", timeout=5)
                break
            assert process.poll() is None, "llmock ended"
            assert time.monotonic() < deadline, "llmock did not start"
            time.sleep(0.05)
        yield Llmock(url)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def llmock_server(llmock: Llmock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A whole server in front of the mock, with time-outs that a test can wait for."""
    settings = (
        "idle_seconds = 1\nfirst_byte_seconds = 2\n"
        f'[providers.llmock]\nbase_url = "{llmock.url}/v1"\nmodels = ["gpt-*", "text-embedding-*"]\n'
        f'[providers.anthropic]\nkind = "anthropic"\nbase_url = "{llmock.url}/anthropic"\nmodels = ["claude-*"]\n'
    )
    with run_server(tmp_path_factory.mktemp("llmock-server"), settings) as server:
        yield server
