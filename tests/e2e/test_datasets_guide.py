"""The commands of docs/datasets.md, one after the other as they stand there: here, and behind a server; with the files that it shows."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.plugins.command_line import CommandLine
from tests.plugins.server import Server

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("place", ["here", "there"])
def test_the_guide_works_as_it_stands(
    place: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "golden.yaml").write_text(blocks("yaml")[0])
    (tmp_path / "more.csv").write_text(blocks("csv")[0])
    name, slug = f"guide-{place}", f"datasets-guide-{place}"
    server.save(slug, "Help: {{ question }}")
    variables = {"question": "What does it cost?"}
    answer = server.chat(
        prompt={"id": slug, "version": "latest", "variables": variables},
        model="",
        messages=[{"role": "user", "content": "hm"}],
    )
    call_id = answer.headers["x-slugline-call-id"]
    server.row(call_id)
    line = CommandLine({}, ("--data", str(server.data)) if place == "here" else ("--server", server.url))
    commands = [shlex.split(each) for block in blocks("sh") for each in block.splitlines()]
    assert len(commands) >= 9
    for words in commands:
        last = json.loads(line.run("dataset", "show", name, "--json"))["cases"][-1] if "CASE" in words else {}
        put = {
            "support-golden": name,
            "support-golden@1": f"{name}@1",
            "CALL": call_id,
            "CASE": last.get("case_id", ""),
        }
        done = line(*(put.get(word, word) for word in words[1:]))
        assert done.status == 0, done.told
        if "--call" in words:
            case = json.loads(line.run("dataset", "show", name, "--json"))["cases"][-1]
            assert case["variables"] == variables
            assert case["messages"] == [{"role": "user", "content": "hm"}]
            assert case["source"] == {"call_id": call_id}
            assert case["checks"] == [{"type": "icontains", "value": "5 €"}]
    found = json.loads(line.run("dataset", "show", name, "--json"))
    assert (found["number"], len(found["cases"])) == (4, 4)
    # What is printed as a file is saved as the same.
    for form in ("yaml", "json", "jsonl"):
        (tmp_path / f"again.{form}").write_text(line.run("dataset", "show", name, "--format", form))
        assert "unchanged" in line.run("dataset", "save", name, f"again.{form}")


def test_what_goes_wrong_is_said_in_a_sentence(server: Server, tmp_path: Path) -> None:
    line = CommandLine({}, ("--server", server.url))
    (tmp_path / "bad.yaml").write_text("cases: [{variables: {a: 1}, checks: [{type: icontians}]}]")
    done = line("dataset", "save", "wrong", str(tmp_path / "bad.yaml"))
    assert (done.status, done.out) == (1, "")
    assert (
        "bad.yaml: 'cases[0].checks[0].type' names the check 'icontians', which there isn't; did you mean" in done.err
    )
    assert "it can't be read" in line("dataset", "save", "wrong", str(tmp_path / "gone.yaml")).err
    assert "dataset 'wrong' not found" in line("dataset", "show", "wrong").err
    answer = server.chat(
        model="simulator-large", messages=[{"role": "user", "content": "x"}], headers={"x-slugline-record": "metadata"}
    )
    call_id = answer.headers["x-slugline-call-id"]
    server.row(call_id)
    assert "was recorded as 'metadata', without its words" in line("dataset", "add", "wrong", "--call", call_id).err


def test_promptfoos_files_are_found_beside_the_config(server: Server, tmp_path: Path) -> None:
    line = CommandLine({}, ("--server", server.url))
    (tmp_path / "tests").mkdir()
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: [x]\ntests: file://tests/*.yaml\n")
    for name in ("a", "b"):
        test = {"vars": {"q": [name, "both"]}, "assert": [{"type": "icontains", "value": "{{q}}"}], "providers": ["p"]}
        (tmp_path / "tests" / f"{name}.yaml").write_text(json.dumps([test]))
    done = line("dataset", "save", "from-promptfoo", str(tmp_path / "promptfooconfig.yaml"))
    assert done.out == "saved from-promptfoo@1 with 3 cases (1 case there twice: folded into one)\n"
    assert done.err == "note: left out of tests: providers\n"
