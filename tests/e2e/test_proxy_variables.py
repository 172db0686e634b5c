"""The whole server behind a forward proxy, with a certificate authority of its own: both named by the usual variables."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.test_proxies import both
from tests.integration.test_upstream import OK
from tests.plugins.faulty import good_answer
from tests.plugins.server import run_server


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
            variables = {"ALL_PROXY": proxy, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": str(pem)}
            with run_server(tmp_path, settings, workers=1, **variables) as server:
                found = server.chat(model="p/x", messages=[{"role": "user", "content": "hello"}])
                assert found.status_code == 200, found.text
                row = server.row(found.headers["x-slugline-call-id"])
                assert "p%40ss" not in server.log.read_text()
                return row

        row = await asyncio.to_thread(call)
        assert (row["outcome"], row["provider"], row["model_served"]) == ("ok", "p", "gpt-f")
        assert len(there.requests) == 1
        assert forwarder.requests[0].startswith(
            b"CONNECT provider.test:8443" if tls else b"POST http://provider.test:8443/v1"
        )
