"""docs/gates.md and `slugline gate` know the same options and exit statuses; the job that it shows is one."""

import re
import shlex
from pathlib import Path

import yaml

from slugline.commands.eval_view import NOT_FINISHED
from slugline.commands.gate import CANT_TELL, FAILED
from tests.plugins.command_line import CommandLine

GUIDE = (Path(__file__).parents[3] / "docs/gates.md").read_text("utf-8")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def test_the_exit_statuses_are_those_of_the_guide() -> None:
    assert f"| {FAILED} | it failed |" in GUIDE
    assert f"| {NOT_FINISHED} | the evaluation stopped before its end" in GUIDE
    assert f"| {CANT_TELL} | too few cases to tell |" in GUIDE


def test_the_job_calls_commands_with_options_that_there_are() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    line = CommandLine({"COLUMNS": "200", "TERM": "dumb"})
    steps = yaml.safe_load(block)["jobs"]["gate"]["steps"]
    commands = [shlex.split(step["run"]) for step in steps if step.get("run", "").startswith("slugline ")]
    assert [command[1] for command in commands] == ["push", "gate"]
    for command in commands:
        there = set(OPTION.findall(line.run(command[1], "--help")))
        assert {word for word in command if word.startswith("--")} <= there
