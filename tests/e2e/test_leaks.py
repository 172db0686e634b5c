"""The search for secrets that ends every server of the tests finds them: in files, in rows, in the log, on pages."""

from pathlib import Path

import httpx
import pytest

from tests.plugins.leaks import PLANTED, Leak, look_at_files, look_at_pages, look_at_rows, planted_values
from tests.plugins.server import Server, run_server, simulator_settings

SECRET = "planted-by-this-test"


def test_a_secret_that_is_recorded_is_found(tmp_path: Path, provider: str) -> None:
    settings = simulator_settings(provider + "/v1") + "[record.redact]\nkinds = []\n"
    with (
        pytest.raises(Leak, match="planted-by"),
        run_server(tmp_path, settings, workers=1, THE_SECRET=SECRET) as server,
    ):
        answer = server.chat(model="simulator-large", messages=[{"role": "user", "content": f"I am {SECRET}."}])
        server.row(answer.headers["x-slugline-call-id"])


@pytest.mark.parametrize("value", [SECRET, "slk_" + "a1" * 20, PLANTED[0]])
def test_files_rows_and_pages_are_looked_at(server: Server, tmp_path: Path, value: str) -> None:
    values = planted_values({"THE_KEY": SECRET, "OTHER": "nothing-at-all"})
    assert "nothing-at-all" not in values
    (tmp_path / "data").mkdir()
    look_at_files(tmp_path, values)
    for name in ("server.log", "data/spool.jsonl"):
        (tmp_path / name).write_bytes(b"\xff\0" + value.encode() + b"\n")
        with pytest.raises(Leak):
            look_at_files(tmp_path, values)
        (tmp_path / name).unlink()
    with pytest.raises(Leak, match="schema_migrations"):
        look_at_rows(
            lambda sql: server.sql(sql.replace("FROM schema_migrations", f"FROM (SELECT '{value}' AS s)")), values
        )
    look_at_rows(server.sql, values)
    if value in values:
        page = httpx.Response(200, html=f"<p>{value}</p>", request=httpx.Request("GET", "http://a"))
        with pytest.raises(Leak):
            look_at_pages(values)(page)
