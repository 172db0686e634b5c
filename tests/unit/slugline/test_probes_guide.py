"""docs/probes.md and `slugline probe` know the same commands, options, routes and numbers."""

import re
from pathlib import Path

from evaluation.probes.change import ALPHA, least_cases
from slugline.commands.probe import CHANGED
from tests.plugins.command_line import CommandLine

GUIDE = (Path(__file__).parents[3] / "docs/probes.md").read_text("utf-8")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
EVERYWHERE = {"--help", "--data", "--config", "--json", "--server", "--message", "--evaluation"}


def test_every_option_is_in_the_guide_and_the_guide_has_no_other() -> None:
    line = CommandLine({"COLUMNS": "200", "TERM": "dumb"})
    commands = re.findall(r"slugline probe (add|list|refer|remove)\b", GUIDE)
    assert set(commands) == {"add", "list", "refer", "remove"}
    options = {
        option for each in ("show", *set(commands)) for option in OPTION.findall(line.run("probe", each, "--help"))
    }
    assert set(OPTION.findall(GUIDE)) - options == set()
    assert options - set(OPTION.findall(GUIDE)) - EVERYWHERE == set()


def test_the_numbers_are_those_of_the_guide() -> None:
    assert f"exit status is {CHANGED} where a probe found a change" in GUIDE
    assert f"sure at 1 in {round(1 / ALPHA):,} nights" in GUIDE
    assert f"fewer than {least_cases(2)} cases nothing is ever sure" in GUIDE
