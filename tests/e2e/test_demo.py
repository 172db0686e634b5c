"""`slugline demo`, as a new user runs it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from slugline.commands.demo import REAL_MODELS
from tests.plugins.proxy_variables import everywhere


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slugline", "demo", *arguments]


def environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    return {**clean, "TMPDIR": str(folder)}


@pytest.mark.parametrize("proxied", [False, True], ids=["plain", "proxy that is down"])
def test_the_demo_ends_by_itself_with_a_table_of_what_happened(tmp_path: Path, dead_proxy: str, proxied: bool) -> None:
    variables = {**environment(tmp_path), **(everywhere(dead_proxy) if proxied else {})}
    done = subprocess.run(
        command("--rounds", "3"), check=False, capture_output=True, text=True, timeout=200, env=variables
    )
    assert done.returncode == 0, done.stderr
    assert "SIMULATOR" in done.stdout
    assert "x-slugline-prompt: support-agent@1" in done.stdout
    assert "promoted: the next request is served by support-agent@2" in done.stdout
    assert "the next request is served by support-agent@1" in done.stdout
    rows = re.findall(r"^ (\d) +simulator-large +(\d+) +(\d+) +([\d.]+) ", done.stdout, re.MULTILINE)
    # Three calls to each version, one to show the answer, one after the promotion, one after the rollback.
    assert rows == [("1", "5", "3", "0"), ("2", "4", "3", "1")]
    assert list(tmp_path.iterdir()) == [], "the temporary folder is gone"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_keep_leaves_the_server_up_until_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command("--rounds", "1", "--keep"), stdout=subprocess.PIPE, text=True, env=environment(tmp_path)
    )
    assert process.stdout is not None
    url = ""
    for line in process.stdout:
        if found := re.search(r"The server stays up: (\S+)", line):
            url = found[1]
            break
    assert httpx.get(url + "/health/ready", timeout=20).status_code == 200
    process.send_signal(number)
    process.wait(90)
    process.stdout.close()
    with pytest.raises(httpx.TransportError):
        httpx.get(url + "/health/ready", timeout=5)
    deadline = time.monotonic() + 20
    while left := list(tmp_path.iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_a_model_without_its_package_or_provider_is_said_in_words(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--model", "no-such-model", "--rounds", "1"),
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        env=environment(tmp_path),
    )
    assert done.returncode == 1
    assert "no provider is configured" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_suggested_real_model_has_a_provider() -> None:
    from proxy.known import known_providers
    from proxy.providers import Timeouts, route

    for variable, model in REAL_MODELS.items():
        assert route(model, known_providers({variable: "k", "GROQ_API_KEY": "g"}, Timeouts())).model == model
