"""Role × command × channel, in full, on the registry here and behind a server: a command is carried out or refused by the role alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.files.prompt_file import text_content
from registry.keys import KeyTerms
from registry.roles import ALLOWED, ROLES, Action
from slugline.access import open_access
from slugline.settings import load_settings
from tests.plugins.command_line import CommandLine
from tests.plugins.server import run_server, simulator_settings

# Each leaves the registry as it found it, or may be repeated.
COMMANDS: dict[Action, list[tuple[str, ...]]] = {
    "read": [("prompt", "show", "a"), ("prompt", "show", "a@1"), ("prompt", "diff", "a@1", "@2")],
    "inspect": [
        ("prompt", "list"),
        ("prompt", "status", "a"),
        ("prompt", "history", "a"),
        ("prompt", "requests", "a"),
        ("prompt", "schedules"),
        ("prompt", "rules"),
        ("live",),
        ("live", "a"),
        ("audit", "log"),
        ("audit", "verify"),
        ("dataset", "list"),
        ("monitor", "list"),
        ("alert", "list"),
    ],
    "save": [("prompt", "save", "a", "--text", "two"), ("prompt", "describe", "a", "--owner", "x")],
    "request": [("prompt", "request", "a", "2"), ("prompt", "review", "comment", "REQUEST", "-m", "hm")],
    "review": [("prompt", "review", "approve", "REQUEST")],
    "move": [
        ("prompt", "promote", "a", "1", "-m", "x"),
        ("prompt", "rollback", "a", "--to", "1", "-m", "x"),
        ("prompt", "rollout", "a", "-m", "x"),
        ("prompt", "schedule", "a", "1", "--at", "2999-01-01", "-m", "x"),
    ],
    "archive": [("prompt", "archive", "b"), ("prompt", "restore", "b")],
    "protect": [("prompt", "protect", "a", "--channel", "eu", "--approvals", "1")],
    "monitor": [("monitor", "set", "a", "cost", "-m", "x")],
    "manage keys": [("key", "list"), ("key", "create", "another")],
}
ON_CHANNEL = {"request", "move"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = tmp_path_factory.mktemp("roles") / "data"
    with open_access(load_settings({"data": data}, None), "", {}) as access:
        made = {role: access.keys.create(KeyTerms(name=role, roles=(role,))) for role in ROLES}
        other = access.keys.create(KeyTerms(name="other", roles=("admin",), prompts=("other-*",)))
        canary = access.keys.create(KeyTerms(name="canary", roles=("promoter",), channels=("canary",)))
        for text in ("one", "two"):
            access.save("a", text_content(text), message=text)
            access.save("b", text_content(text), message=text)
        access.promote("a", 1, reason="r")
        asked = access.ask("a", 2, reason="r")
    texts = {role: issued.secret.text for role, issued in made.items()}
    texts |= {"other": other.secret.text, "canary": canary.secret.text}
    return {**texts, "data": str(data), "request": asked.request_id}


@pytest.fixture(scope="module")
def url(keys: dict[str, str], provider: str) -> Iterator[str]:
    toml = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(Path(keys["data"]).parent, toml, workers=1, wait_for_engine=False) as server:
        yield server.url


@pytest.fixture(params=["here", "there"])
def options(request: pytest.FixtureRequest, keys: dict[str, str], url: str) -> tuple[str, ...]:
    return ("--data", keys["data"]) if request.param == "here" else ("--server", url)


def _asked(command: tuple[str, ...], keys: dict[str, str]) -> tuple[str, ...]:
    return tuple(keys["request"] if word == "REQUEST" else word for word in command)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_it_may_and_nothing_else(role: str, options: tuple[str, ...], keys: dict[str, str]) -> None:
    line = CommandLine({"SLUGLINE_KEY": keys[role]}, options)
    for action, commands in COMMANDS.items():
        for command in commands:
            done = line(*_asked(command, keys))
            if role in ALLOWED[action]:
                assert done.status == 0, done.told
            else:
                assert (done.status, done.out) == (1, ""), done.told
                assert f"key {role} may not " in done.err
                assert "that takes the role" in done.err


def test_every_action_of_the_command_line_is_in_the_table() -> None:
    assert set(ALLOWED) - set(COMMANDS) == {"call", "score", "evaluate", "share"}


def test_a_scope_of_prompts_holds_for_every_command(options: tuple[str, ...], keys: dict[str, str]) -> None:
    line = CommandLine({"SLUGLINE_KEY": keys["other"]}, options)
    for action, commands in COMMANDS.items():
        for command in commands:
            done = line(*_asked(command, keys))
            told = done.out + done.err
            if {"a", "a@1", "b", "REQUEST"} & set(command) or (action == "manage keys" and "create" in command):
                assert "may use the prompts other-* only" in told, done.told
                assert done.status == 1
            else:  # lists, and checks of the whole
                assert done.status == 0, done.told
                assert " a " not in done.out


def test_a_scope_of_channels_holds_for_every_move(options: tuple[str, ...], keys: dict[str, str]) -> None:
    line = CommandLine({"SLUGLINE_KEY": keys["canary"]}, options)
    assert line("prompt", "promote", "a", "1", "--channel", "canary", "-m", "x").status == 0
    for action in sorted(ON_CHANNEL):
        for command in COMMANDS[action]:  # type: ignore[index]
            done = line(*_asked(command, keys))
            assert (done.status, "may use the channels canary only, not 'stable'" in done.err) == (1, True), done.told
            if "REQUEST" not in command:
                done = line(*_asked(command, keys), "--channel", "canary")
                assert done.status == 0, done.told
