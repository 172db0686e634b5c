"""docs/evaluations.md and `slugline eval` know the same options and exit statuses."""

import re
from pathlib import Path

from slugline.commands.eval_view import NOT_FINISHED, NOT_PASSED
from tests.plugins.command_line import CommandLine

GUIDE = (Path(__file__).parents[3] / "docs/evaluations.md").read_text("utf-8")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
EVERYWHERE = {"--help", "--data", "--config", "--json"}


def test_every_option_is_in_the_guide_and_the_guide_has_no_other() -> None:
    line = CommandLine({"COLUMNS": "200", "TERM": "dumb"})
    options = set(OPTION.findall(line.run("eval", "--help")))
    told = set(OPTION.findall(GUIDE))
    assert told - options == set()
    assert options - told - EVERYWHERE - {"--concurrency"} == set()


def test_the_exit_statuses_are_those_of_the_guide() -> None:
    assert f"| {NOT_PASSED} | some case failed or is undecided |" in GUIDE
    assert f"| {NOT_FINISHED} | it stopped before its end, and can be resumed |" in GUIDE
