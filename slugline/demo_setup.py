"""What the demo stands on: who answers (the simulator, a small real model, a provider), and a server in a folder of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Who answers in the demo: the provider's settings as TOML, the model, how to call it to a person; `own`: the demo started it."""

    toml: str
    model: str
    label: str
    own: bool


@contextlib.contextmanager
def model_source(model: str) -> Iterator[ModelSource]:
    if model == "simulator":
        with _process([sys.executable, "-m", "slugline", "simulator", "--port", str(port := _free_port())]):
            url = f"http://127.0.0.1:{port}/v1"
            _wait_until_up(url + "/models")
            yield ModelSource(
                toml=f'[providers.simulator]\nkind = "simulator"\nbase_url = "{url}"\nmodels = ["simulator-*"]\n'
                '[providers.simulator.prices."*"]\ninput = 0.15\noutput = 0.6\n',
                model="simulator-large",
                label="the provider SIMULATOR that ships with Slugline: no model is asked, its prices are made up",
                own=True,
            )
    elif model == "smollm2":
        from slugline.smollm2 import MODEL, ModelMissing, model_file

        try:
            model_file()
        except ModelMissing as error:
            raise RuntimeError(str(error)) from error
        with _process(
            [sys.executable, "-m", "slugline.smollm2"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None  # noqa: S101 - asked for above
            url = process.stdout.readline().decode().strip() + "/v1"
            yield ModelSource(
                toml=f'[providers.smollm2]\nbase_url = "{url}"\nmodels = ["smollm2-*"]\n',
                model=MODEL,
                label="SmolLM2-135M, a small real model on this machine's CPU",
                own=True,
            )
    else:
        label = f"{model}, at the provider whose key is in the environment"
        yield ModelSource(toml="", model=model, label=label, own=False)


@contextlib.contextmanager
def running_server(data: Path, config: Path, source: ModelSource) -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "slugline",
        "serve",
        "--data",
        str(data),
        "--config",
        str(config),
        "--port",
        "0",
        "--workers",
        "2",
    ]
    environment = {**os.environ, "SLUGLINE_LOG_LEVEL": os.environ.get("SLUGLINE_LOG_LEVEL", "warning")}
    if source.own:
        # Providers are asked through the environment's proxies, this machine's too; none leads to the demo's own.
        excepted = environment.get("no_proxy", environment.get("NO_PROXY", ""))
        environment["no_proxy"] = f"{excepted},127.0.0.1".lstrip(",")
    with _process(command, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + READY_SECONDS
        while not (data / "url").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start (its own message is above)")
            time.sleep(0.05)
        url = (data / "url").read_text("utf-8").strip()
        _wait_until_up(url + "/health/ready")
        yield url


@contextlib.contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} did not answer within {READY_SECONDS:.0f} s")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
