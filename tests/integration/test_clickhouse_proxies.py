"""The connection to ClickHouse where the environment names proxies: a server is reached through them, what is ours directly."""

from dataclasses import replace

import pytest

from tests.plugins.engine import Database
from tests.plugins.forwarder import serve_forwarder
from tracing.clickhouse import ClickHouse, ClickHouseUnavailable, Target

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "variable", "asked"),
    [
        ("http://127.0.0.2:8123", "HTTP_PROXY", b"http://127.0.0.2:8123/?"),
        ("http://127.0.0.2:8123", "http_proxy", b"http://127.0.0.2:8123/?"),
        ("https://127.0.0.2:8443", "HTTPS_PROXY", b"CONNECT 127.0.0.2:8443 "),
    ],
)
async def test_a_server_is_reached_through_the_proxy(
    nothing_named: pytest.MonkeyPatch, url: str, variable: str, asked: bytes
) -> None:
    async with serve_forwarder() as forwarder:
        forwarder.key = b"none that comes"  # what it is asked is what counts
        nothing_named.setenv(variable, f"http://127.0.0.1:{forwarder.port}")
        target = Target.from_url(f"{url}/slugline", password="p")
        async with ClickHouse(lambda: target) as connection:
            with pytest.raises(ClickHouseUnavailable, match="407"):
                await connection.query("SELECT 1")
        assert asked in forwarder.requests[0]


async def test_no_proxy_spares_a_server(nothing_named: pytest.MonkeyPatch, clickhouse: Database) -> None:
    async with serve_forwarder() as forwarder:
        nothing_named.setenv("HTTP_PROXY", f"http://127.0.0.1:{forwarder.port}")
        nothing_named.setenv("NO_PROXY", "127.0.0.1")
        async with ClickHouse(clickhouse.target) as connection:
            assert (await connection.query("SELECT 1")).rows == [(1,)]
        assert forwarder.connections == 0


async def test_a_direct_target_is_reached_past_every_proxy(
    nothing_named: pytest.MonkeyPatch, clickhouse: Database
) -> None:
    async with serve_forwarder() as forwarder:
        for name in VARIABLES[:3]:
            nothing_named.setenv(name.upper(), f"http://127.0.0.1:{forwarder.port}")
        target = replace(clickhouse.target(), direct=True)
        async with ClickHouse(lambda: target) as connection:
            await connection.command("CREATE TABLE t (x String) ENGINE = MergeTree ORDER BY x")
            await connection.insert_lines("t", b'{"x": "a?b/c"}\n' * 3, {})
            assert (await connection.query("SELECT x, count() FROM t GROUP BY x")).rows == [("a?b/c", 3)]
            assert await connection.raw("SELECT 1", fmt="CSV") == b"1\n"
        assert forwarder.connections == 0
