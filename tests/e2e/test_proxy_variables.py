"""The whole server behind a forward proxy, with a certificate authority of its own: both named by the usual variables.

Slugline's own parts meet on loopback without it, whatever the variables say: here NO_PROXY excepts nobody.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.test_proxies import both
from tests.integration.test_upstream import OK
from tests.plugins.faulty import good_answer
from tests.plugins.proxy_variables import everywhere
from tests.plugins.server import run_server, simulator_settings
from tests.plugins.simulator import serve_simulator


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_calls_go_through_the_proxy_of_the_environment(tls: bool, tmp_path: Path) -> None:
    body, kind = good_answer("/v1/chat/completions", streamed=False)
    answer = OK + b"content-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)) + body
    authority = trustme.CA()
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(pem))
    async with both(authority if tls else None, answer=answer) as (there, forwarder, url):
        forwarder.key = b"Basic bWU6cEBzcw=="  # me:p@ss
        settings = f'[providers.p]\nbase_url = "{url.removesuffix("/x")}"\n'
        proxy = f"http://me:p%40ss@127.0.0.1:{forwarder.port}"

        def call() -> dict[str, Any]:
            with run_server(tmp_path, settings, workers=1, **everywhere(proxy), SSL_CERT_FILE=str(pem)) as server:
                found = server.chat(model="p/x", messages=[{"role": "user", "content": "hello"}])
                assert found.status_code == 200, found.text
                row = server.row(found.headers["x-slugline-call-id"])
                assert "p%40ss" not in server.log.read_text()
                return row

        row = await asyncio.to_thread(call)
        assert (row["outcome"], row["provider"], row["model_served"]) == ("ok", "p", "gpt-f")
        assert (len(there.requests), len(forwarder.requests)) == (1, 1)
        assert forwarder.requests[0].startswith(
            b"CONNECT provider.test:8443" if tls else b"POST http://provider.test:8443/v1"
        )


def test_slugline_reaches_its_own_parts_past_a_proxy_that_is_down(tmp_path: Path, dead_proxy: str) -> None:
    variables = everywhere(dead_proxy)

    def slugline(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "slugline", *arguments, "--json", "--data", str(tmp_path / "data")],
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, **variables},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # A provider on loopback is no exception: this one is asked through the proxy, as the variables say.
    with serve_simulator() as provider:
        with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1, **variables) as server:
            server.promote("proxied", server.save("proxied", "Be brief."))
            found = server.chat(model="prompt/proxied", messages=[{"role": "user", "content": "hello"}])
            assert found.status_code == 502
            assert f"through the proxy {dead_proxy}" in found.text
            row = server.row(found.headers["x-slugline-call-id"])  # loaded by the keeper
            assert (row["outcome"], row["prompt"], row["version"]) == ("provider_error", "proxied", 1)
            quality = server.api.get("/api/prompts/proxied/quality")  # read by a worker
            assert quality.status_code == 200, quality.text
            assert [total["calls"] for total in quality.json()["totals"]] == [1]
            counted = "SELECT count() AS calls FROM calls WHERE prompt = 'proxied'"
            assert slugline("sql", counted) == [{"calls": 1}]
            assert slugline("quality", "proxied")["totals"] == quality.json()["totals"]
        assert slugline("sql", counted) == [{"calls": 1}]  # by an engine of the command's own
