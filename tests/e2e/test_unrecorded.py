"""A server whose disk has no room for records: every kind of answer says so, and is given all the same."""

from pathlib import Path

from tests.plugins.server import run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

BODY = {"model": "prompt/full@latest", "messages": [{"role": "user", "content": "x"}]}
FULL = 'spool_min_free_bytes = "1PiB"\n'


def test_every_answer_says_that_it_is_not_on_record(tmp_path: Path) -> None:
    with (
        serve_simulator() as provider,
        run_server(tmp_path, FULL + simulator_settings(provider + "/v1"), workers=1, wait_for_engine=False) as server,
    ):
        server.save("full", "Be kind.")
        chat = "/v1/chat/completions"
        whole = server.api.post(chat, json=BODY)
        stream = server.api.post(chat, json={**BODY, "stream": True})
        refused = server.api.post(chat, json={**BODY, "model": "prompt/no-such-prompt"})
        unwanted = server.api.post(chat, json=BODY, headers={"x-slugline-record": "none"})
        assert [answer.status_code for answer in (whole, stream, refused, unwanted)] == [200, 200, 404, 200]
        assert stream.text.endswith("data: [DONE]\n\n")
        for answer in (whole, stream, refused):
            assert answer.headers["x-slugline-recorded"] == "0"
        assert "x-slugline-recorded" not in unwanted.headers, "nothing was to be recorded"
        score = server.api.post("/api/scores", json={"external_id": "x", "name": "n", "value": 1})
        assert score.status_code == 503, "whoever posts scores can post them again"
        told = server.api.get("/health/ready")
        assert (told.status_code, told.json()["records"]["recorded"], told.json()["records"]["lost"]) == (200, 0, 4)
        assert told.json()["status"].startswith("ready, but calls go on without a record: ")
        assert "spool_min_free_bytes" in told.json()["status"]
        assert server.log.read_text().count("records can't be written") == 1


def test_an_answer_that_is_on_record_says_nothing(tmp_path: Path) -> None:
    with (
        serve_simulator() as provider,
        run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1, wait_for_engine=False) as server,
    ):
        server.save("full", "Be kind.")
        for stream in (False, True):
            answer = server.api.post("/v1/chat/completions", json={**BODY, "stream": stream})
            assert "x-slugline-recorded" not in answer.headers
        assert server.api.get("/health/ready").json()["status"] == "ready"
