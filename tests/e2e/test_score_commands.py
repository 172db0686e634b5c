"""`slugline score` and `slugline scores`, here and on a server: the same story either way; and docs/scores.md means what it says."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluation.scorers.kinds import KINDS
from slugline.settings import Settings, load_settings
from tests.plugins.command_line import CommandLine
from tests.plugins.server import Server, run_server, simulator_settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "scores.md").read_text()


def story(line: CommandLine, server: Server, slug: str) -> None:
    """Scores a call in every way, reads, corrects and deletes."""
    answer = server.chat(
        model=f"prompt/{slug}@latest",
        messages=[{"role": "user", "content": "Where?"}],
        headers={"x-slugline-external-id": f"ticket-{slug}"},
    )
    call_id = answer.headers["x-slugline-call-id"]
    said = line.run("score", call_id, "helpful", "true", "--id", f"{slug}/1", "--comment", "at once")
    assert said == f"scored {call_id}: helpful = true (score {slug}/1)\n"
    line.run("score", f"ticket-{slug}", "stars", "4", "--by", "external", "--id", f"{slug}/2", "--time", "2026-01-02")
    line.run("score", call_id, "remark", "4711", "--kind", "text", "--id", f"{slug}/3ü")
    line.run("score", "0" * 32, "tone", "kind", "--by", "trace", "--id", f"{slug}/4")

    def stand(holds: Callable[[list[dict[str, Any]]], bool]) -> None:
        server.until(f"SELECT * FROM scores WHERE startsWith(score_id, '{slug}/') ORDER BY score_id", holds)

    stand(lambda rows: len(rows) == 4 and rows[0]["prompt"] == slug)
    page = json.loads(line.run("scores", "list", "--prompt", slug, "--json"))
    assert {(score["id"], score["kind"], score["value"]) for score in page["scores"]} == {
        (f"{slug}/1", "bool", True),
        (f"{slug}/2", "number", 4.0),
        (f"{slug}/3ü", "text", "4711"),
    }
    assert page["scores"][-1]["ts"].startswith("2026-01-0")  # the oldest, by its own time
    orphans = line.run("scores", "list", "--orphans", "--name", "tone")
    assert f"trace {'0' * 32} (not on record)" in orphans
    assert "more: --after" in line.run("scores", "list", "--prompt", slug, "--limit", "2")
    place = json.loads(line.run("scores", "list", "--prompt", slug, "--limit", "2", "--json"))["next"]
    rest = json.loads(line.run("scores", "list", "--prompt", slug, "--after", place, "--json"))
    assert [score["id"] for score in rest["scores"]] == [f"{slug}/2"]

    line.run("score", call_id, "helpful", "false", "--id", f"{slug}/1")
    stand(lambda rows: rows[0]["value"] == 0)
    told = json.loads(line.run("scores", "show", f"{slug}/1"))
    assert [event["value"] for event in told["history"]] == [False, True]
    line.run("scores", "delete", f"{slug}/1", f"{slug}/4")
    stand(lambda rows: [row["score_id"] for row in rows] == [f"{slug}/2", f"{slug}/3ü"])
    told = json.loads(line.run("scores", "show", f"{slug}/1"))
    assert told["score"] is None
    assert [event["deleted"] for event in told["history"]] == [True, False, False]
    for arguments, says in (
        (("score", "ticket-7", "x", "1"), "goes in external_id"),
        (("score", call_id, "x", "maybe", "--kind", "bool"), "can't have the value"),
        (("score", call_id, "x", "1", "--by", "prompt"), "--by takes call, trace or external"),
        (("scores", "show", "never"), "no score 'never' on record"),
        (("scores", "list", "--after", "nonsense"), "of the page before"),
    ):
        done = line(*arguments)
        assert done.status == 1, done.told
        assert says in done.err


def test_scores_here_and_on_a_server(tmp_path: Path, provider: str) -> None:
    with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        server.save("here", "Be kind.")
        server.save("there", "Be kind.")
        story(CommandLine(options=("--data", str(server.data))), server, "here")
        story(CommandLine(environment={"SLUGLINE_URL": server.url}), server, "there")
    stopped = CommandLine(options=("--data", str(server.data)))
    page = json.loads(
        stopped.run("scores", "list", "--prompt", "here", "--json")
    )  # the engine is started for the question
    assert [score["id"] for score in page["scores"]] == ["here/3ü", "here/2"]


def test_the_documents_settings_are_settings_and_its_table_is_the_list(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / "slugline.toml").write_text("\n".join(blocks))
    found: Settings = load_settings({}, tmp_path / "slugline.toml")
    assert set(found.scorers) == set(tomllib.loads("\n".join(blocks))["scorers"])
    rows = [line.split("|")[1] for line in DOCUMENT.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == {*KINDS, "judge"}


def test_the_documents_request_is_taken(server: Server) -> None:
    server.save("documented", "Be kind.")
    call_id = server.chat(model="prompt/documented@latest", messages=[]).headers["x-slugline-call-id"]
    posted = re.search(r"-d '(\[.*?\])'", DOCUMENT, re.DOTALL)
    assert posted
    answer = server.api.post("/api/scores", json=json.loads(posted[1].replace("CALL_ID", call_id)))
    assert answer.status_code == 201, answer.text
    server.until(f"SELECT * FROM scores WHERE call_id = '{call_id}'", lambda rows: len(rows) == 2)


def test_the_documents_rubric_can_be_saved_and_promoted(tmp_path: Path) -> None:
    line = CommandLine(options=("--data", str(tmp_path / "data")))
    commands = re.findall(r"^slugline (prompt .*?)(?=^slugline|^```)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        line.run(*shlex.split(command))
