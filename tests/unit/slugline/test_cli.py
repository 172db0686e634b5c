"""The command line reads only the command that is asked for, and nobody sees a difference."""

from collections.abc import Iterator

import pytest
import typer

from slugline.cli import build, name_of, narrowed
from tests.plugins.command_line import CommandLine


def commands(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    """The words of every command and every group."""
    for command in app.registered_commands:
        yield (name_of(command),)
    for group in app.registered_groups:
        assert isinstance(group.name, str)
        assert group.typer_instance is not None
        yield (group.name,)
        yield from ((group.name, *rest) for rest in commands(group.typer_instance))


def test_every_command_is_found_and_nothing_beside_it_is_read() -> None:
    words = list(commands(build()))
    assert len(words) > 80
    for each in words:
        left = list(commands(narrowed(build(), each)))
        assert each in left
        assert all(one[: len(each)] == each or one == each[: len(one)] for one in left), each


@pytest.mark.parametrize("words", [(), ("--help",), ("promt", "list"), ("--version", "prompt")])
def test_where_no_command_is_named_all_are_read(words: tuple[str, ...]) -> None:
    assert list(commands(narrowed(build(), words))) == list(commands(build()))


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("prompt", "list", "--help"), 0, "slugline prompt list [OPTIONS]"),
        (("simulator", "--help"), 0, "slugline simulator [OPTIONS]"),
        (("prompt", "--help"), 0, "promote"),
        (("promt", "list"), 2, "Did you mean 'prompt', 'probe'?"),
        (("prompt", "lst"), 2, "Did you mean 'list'?"),
        (("simulator", "--prot", "1"), 2, "No such option: --prot"),
    ],
)
def test_help_and_refusals_are_those_of_the_whole(words: tuple[str, ...], status: int, says: str) -> None:
    done = CommandLine()(*words)
    assert (done.status, says in done.out + done.err) == (status, True), done.told
