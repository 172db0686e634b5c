"""What the keeper does for the schema, seen from a whole server: retention, scores by hour, and a schema from the future."""

import json
import time
from pathlib import Path

from tests.plugins.server import run_server, simulator_settings

USER = {"role": "user", "content": "hi"}


def test_the_keeper_applies_retention_counts_scores_and_refuses_a_newer_schema(tmp_path: Path, provider: str) -> None:
    settings = simulator_settings(provider + "/v1")
    with run_server(tmp_path, settings + "[retention]\nbodies_days = 7\nrows_days = 30\n", workers=1) as server:
        server.save("kept", "x")
        answer = server.chat(model="prompt/kept@latest", messages=[USER])
        call_id = answer.headers["x-slugline-call-id"]
        server.api.post("/api/scores", json={"call_id": call_id, "name": "good", "value": True}).raise_for_status()
        server.until(
            "SELECT sum(scored_calls) AS n FROM scores_hourly FINAL WHERE prompt = 'kept'",
            lambda rows: rows == [{"n": 1}],
        )
        [table] = server.sql(
            "SELECT create_table_query AS text FROM system.tables WHERE name = 'calls' AND database = 'slugline'"
        )
        assert "TTL toDateTime(ts) + toIntervalDay(30)" in table["text"]
        assert table["text"].count("TTL toDateTime(ts) + toIntervalDay(7)") == 3
        server.sql("INSERT INTO schema_migrations (name) VALUES ('9999_from_the_future')")
    with run_server(tmp_path, settings, workers=1) as server:
        assert server.chat(model="prompt/kept@latest", messages=[USER]).status_code == 200, "calls go on"
        deadline = time.monotonic() + 60
        while "9999_from_the_future" not in (said := json.dumps(server.api.get("/health/ready").json())):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        assert "nothing is loaded: the schema of the calls is newer" in server.log.read_text(errors="replace")
        assert list((tmp_path / "data" / "spool").rglob("calls*")), "the record is in the spool"
