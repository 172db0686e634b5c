import json

import pytest
from typer.testing import CliRunner

from slugline.commands.prompt import build


@pytest.fixture
def run(tmp_path):
    """Runs `slugline prompt …` on a registry of its own and gives what it prints."""

    def run(*words: str, stdin: str | None = None) -> str:
        result = CliRunner().invoke(build(), [*words, "--data", str(tmp_path)], input=stdin, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def filled(run):
    def save(slug: str, text: str, front: str = "kind: text\n") -> None:
        run("save", slug, "--file", "-", "-m", "why", stdin=f"---\n{front}---\n{text}\n")

    save("tone", "Be kind.")
    save("agent", "Hi. {% include 'tone' %}")
    save("other", "{% include 'agent' %}")
    save("pinned", "{% include 'tone@1' %}")
    save("tone", "Be {{ how }}.")
    save("newer", "{% include 'tone' %}")
    return run


def test_users(filled):
    rows = [line.split() for line in filled("users", "tone").splitlines()]
    assert rows[1:] == [
        ["agent", "1", "1", "latest"],
        ["newer", "1", "2", "latest"],
        ["other", "1", "1", "(inside", "another", "fragment)", "latest"],
        ["pinned", "1", "1", "latest"],
    ]
    assert json.loads(filled("users", "tone", "--json"))["current"][0]["slug"] == "agent"
    assert filled("users", "newer") == "no prompt includes newer\n"


def test_impact(filled):
    said = filled("impact", "tone")
    assert "agent@1 → agent@1 with tone@2\n  • fragment 'tone' moves from version 1 to 2\n" in said
    assert "  Hi. Be [-kind-]{+{{ how }}+}.\n" in said
    assert "  ! variable 'how' would be required of every call\n" in said
    assert "newer@1: has tone@2 already\n" in said
    assert "pinned@1: stays, its reference names a version\n" in said
    assert "agent@1: has tone@1 already" in filled("impact", "tone", "--to", "1")
    assert json.loads(filled("impact", "tone", "--json"))["effects"][0]["newly_required"] == ["how"]
    assert filled("impact", "newer") == "no prompt that is live or newest includes newer\n"
