"""From hardcoded prompts to adopted ones, as a user does it: scan, adopt, and call by the new slug."""

import json
import subprocess
import sys
from pathlib import Path

from tests.plugins.server import Server

_APP = """
SYSTEM = f"You are the support agent of {company}. Answer in {language}, and never promise a refund."

def ask(question):
    return client.chat.completions.create(messages=[{"role": "system", "content": SYSTEM}])
"""


def _slugline(
    *arguments: str, server: Server | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    where = ["--data", str(server.data)] if server else []
    return subprocess.run(
        [sys.executable, "-m", "slugline", *arguments, *where],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
    )


def test_a_prompt_in_a_file_is_found_and_adopted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(_APP)
    shown = _slugline("scan", str(tmp_path))
    assert shown.returncode == 0
    assert "app.py:2" in shown.stdout
    assert "company, language" in shown.stdout
    assert "1 prompt in 1 files" in shown.stderr
    (finding,) = json.loads(_slugline("scan", str(tmp_path), "--json").stdout)["findings"]
    assert (finding["role"], finding["confidence"], finding["rough_tokens"]) == ("system", "high", 18)
    dry = _slugline("adopt", f"{tmp_path}/app.py:2", "--slug", "from-file", "--dry-run", server=server)
    assert dry.stdout.startswith("---\nname: from-file\n---\nsystem:\nYou are the support agent of {{ company }}.")
    assert server.api.get("/api/prompts/from-file").status_code == 404
    adopted = _slugline("adopt", f"{tmp_path}/app.py:2", "--slug", "from-file", server=server)
    assert adopted.returncode == 0, adopted.stderr
    rendered = server.api.post(
        "/api/prompts/from-file/render?_version=latest",
        json={"variables": {"company": "ACME", "language": "{{ French }}"}},
    )
    assert rendered.json()["messages"][0]["content"] == (
        "You are the support agent of ACME. Answer in {{ French }}, and never promise a refund."
    )
    again = _slugline("adopt", f"{tmp_path}/app.py:2", "--slug", "from-file", server=server)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_calls_without_a_reference_are_found_and_adopted(server: Server) -> None:
    texts = [
        f'You are the travel agent of ACME. Traveller: {name}\nToday is 2026-05-0{day}. Plan: {{"seats": {seats}}} {{{{ x }}}}. Be brief.'
        for name, day, seats in (("Anna Smith", 1, 2), ("Bob Jones", 2, 4), ("Li Wei", 3, 1))
    ]
    for text in texts:
        body = {"model": "simulator-large", "temperature": 0.25, "messages": [{"role": "system", "content": text}]}
        answer = server.chat(**body | {"messages": [*body["messages"], {"role": "user", "content": "Hi"}]})
        assert answer.status_code == 200
    condition = "prompt = '' AND position(request, 'travel agent of ACME') > 0"
    rows = server.until(
        f"SELECT system_prompt_hash AS hash FROM calls WHERE {condition}", lambda found: len(found) == 3
    )
    found = json.loads(_slugline("scan", "--calls", "--json", server=server).stdout)
    family = next(one for one in found["families"] if "travel agent" in (one["template"] or ""))
    assert (family["calls"], family["variables"]) == (3, ["traveller", "date", "seats"])
    assert {member["fingerprint"] for member in family["members"]} == {row["hash"] for row in rows}
    assert found["families"] == server.api.get("/api/inventory/calls").json()["families"]
    assert "travel agent" in _slugline("scan", "--calls", server=server).stdout
    dry = _slugline("adopt", "--fingerprint", rows[1]["hash"], "--slug", "travel", "--dry-run", server=server)
    assert "Anna" not in dry.stdout
    assert "model: simulator-large" in dry.stdout
    assert "temperature: 0.25" in dry.stdout
    adopted = _slugline("adopt", "--fingerprint", rows[1]["hash"], "--slug", "travel", "--json", server=server)
    assert json.loads(adopted.stdout)["version"] == 1, adopted.stderr
    (version,) = server.api.get("/api/prompts/travel/versions").json()["versions"]
    assert version["source"] == {"adopted_from": "3 calls with 3 system prompts", "fingerprint": rows[1]["hash"]}
    variables = {"traveller": "Bob Jones", "date": "2026-05-02", "seats": 4}
    rendered = server.api.post("/api/prompts/travel/render?_version=latest", json={"variables": variables})
    assert rendered.json()["messages"][0]["content"] == texts[1]


def test_what_cannot_be_adopted_says_why(server: Server, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(_APP)
    (tmp_path / "notes.txt").write_text("You are an assistant.")
    for arguments, said in (
        (("adopt", "--slug", "x"), "say what to adopt"),
        (("adopt", "app.py", "--slug", "x"), "write FILE:LINE"),
        (("adopt", "app.py:4", "--slug", "x"), "there are some in lines 2"),
        (("adopt", "notes.txt:1", "--slug", "x"), "adopt reads Python"),
        (("adopt", "absent.py:1", "--slug", "x"), "can't be read"),
        (("adopt", "app.py:2", "--slug", "Not A Slug", "--dry-run"), "Not A Slug"),
        (("adopt", "--fingerprint", "0123456789abcdef", "--slug", "x"), "has the fingerprint 0123456789abcdef"),
        (("scan", ".", "--calls"), "leave out the path"),
        (("scan", "absent"), "can't be read"),
        (("scan", "notes.txt"), "scan reads Python"),
    ):
        done = _slugline(*arguments, server=server, cwd=tmp_path)
        assert done.returncode == 1, (arguments, done)
        assert said in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
