"""The commands of docs/teams.md, one after the other as they stand there: here, and behind a server."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.keys import KeyTerms
from registry.roles import ROLES
from slugline.access import open_access
from slugline.settings import load_settings
from tests.plugins.command_line import ID, CommandLine
from tests.plugins.server import run_server, simulator_settings

GUIDE = (Path(__file__).parents[2] / "docs" / "teams.md").read_text("utf-8")
PEOPLE = {"ANN": "author", "RITA": "reviewer", "PAUL": "promoter", "": "admin"}


def _commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


@pytest.fixture(params=["here", "there"])
def lines(request: pytest.FixtureRequest, tmp_path: Path, provider: str) -> Iterator[dict[str, CommandLine]]:
    data = tmp_path / "data"
    with open_access(load_settings({"data": data}, None), "", {}) as access:
        keys = {name: access.keys.create(KeyTerms(name=f"k{name}", roles=(role,))) for name, role in PEOPLE.items()}
    texts = {name: {"SLUGLINE_KEY": issued.secret.text} for name, issued in keys.items()}
    if request.param == "here":
        yield {name: CommandLine(text, ("--data", str(data))) for name, text in texts.items()}
        return
    with run_server(tmp_path, "behind_proxy = true\n" + simulator_settings(provider + "/v1"), workers=1) as server:
        yield {name: CommandLine({**text, "SLUGLINE_URL": server.url}) for name, text in texts.items()}


def test_the_guide_works_as_it_stands(lines: dict[str, CommandLine]) -> None:
    commands = _commands()
    assert len(commands) > 25
    last_id = ""
    for words in commands:
        who = ""
        if words[0].startswith("SLUGLINE_KEY=$"):
            who = words.pop(0).removeprefix("SLUGLINE_KEY=$")
        assert words.pop(0) == "slugline"
        done = lines[who](*(last_id if word == "ID" else word for word in words))
        assert done.status == 0, done.told
        last_id = found[0] if (found := ID.search(done.out)) else last_id


def test_every_command_that_the_guide_names_exists(lines: dict[str, CommandLine]) -> None:
    named = set(re.findall(r"slugline (prompt|audit|key) ([a-z]+)", GUIDE))
    assert len(named) > 20
    for group, command in sorted(named):
        lines[""].options = ()
        assert lines[""](group, command, "--help").status == 0, command


def test_the_table_of_roles_names_all_of_them() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert tuple(rows) == ROLES
