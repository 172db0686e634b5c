"""Two versions of a prompt on a real model: the answers differ, and the difference is read back by version.

SmolLM2-135M runs on the CPU with llama.cpp. Version 1 answers in English, version 2 is told to answer always in French; code
scores the language of each answer, and ClickHouse says which version did what.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from slugline.demo import QUESTIONS
from slugline.language import is_french
from slugline.smollm2 import MODEL
from tests.plugins.server import Server, run_server

pytestmark = pytest.mark.needs("smollm2")


@pytest.fixture
def model_url() -> Iterator[str]:
    """Where the small model answers."""
    command = [sys.executable, "-m", "slugline.smollm2"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def ask(client: OpenAI, channel: str, question: str, *, stream: bool) -> tuple[str, str]:
    raw = client.chat.completions.with_raw_response.create(
        model=f"prompt/bilingual@{channel}",
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=40,
        stream=stream,
    )
    answer = raw.parse()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        text = answer.choices[0].message.content or ""
    return raw.headers["x-slugline-call-id"], text


def test_a_version_that_answers_in_french_shows_in_the_quality_by_version(tmp_path: Path, model_url: str) -> None:
    settings = f'[providers.local]\nbase_url = "{model_url}/v1"\nmodels = ["smollm2-*"]\n'
    with run_server(tmp_path, settings) as server:
        server.save("bilingual", "You are a support agent. Answer in one short sentence.", model=MODEL)
        server.promote("bilingual", 1)
        server.save(
            "bilingual", "Tu es agent du support. Réponds toujours en français, en une phrase courte.", model=MODEL
        )
        scores = []
        with OpenAI(base_url=server.url + "/v1", api_key="unused") as client:
            for number, question in enumerate(QUESTIONS):
                for channel in ("stable", "latest"):
                    call_id, text = ask(client, channel, question, stream=number % 2 == 0)
                    scores.append(
                        {"call_id": call_id, "name": "in_french", "value": is_french(text), "scorer": "is_french"}
                    )
        assert server.api.post("/api/scores", json=scores).status_code == 201
        check_difference(server, len(QUESTIONS))


def check_difference(server: Server, calls: int) -> None:
    rows = server.until(
        "SELECT s.version AS version, s.model_served AS model, count() AS n, avg(s.value) AS french FROM scores AS s "
        "WHERE s.prompt = 'bilingual' GROUP BY version, model ORDER BY version",
        lambda found: sum(row["n"] for row in found) == 2 * calls,
    )
    assert [(row["version"], row["model"], row["n"]) for row in rows] == [(1, MODEL, calls), (2, MODEL, calls)]
    assert rows[1]["french"] - rows[0]["french"] >= 0.5, rows
    usage = server.sql(
        "SELECT min(output_tokens) AS least, countIf(input_tokens IS NULL) AS unknown FROM calls WHERE prompt = 'bilingual'"
    )
    assert usage[0]["least"] > 0
    assert usage[0]["unknown"] == 0
    totals = {total["version"]: total for total in server.api.get("/api/prompts/bilingual/quality").json()["totals"]}
    one, two = (totals[version]["scores"][0] for version in (1, 2))
    assert one["interval"]["high"] < two["interval"]["low"], "the intervals of the two versions don't even touch"
