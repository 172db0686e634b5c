"""The registry's commands, on the registry here and behind a server: one story told twice, word by word the same."""

import json
import os
import shlex
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from registry.keys import KeyTerms
from slugline.access import open_access
from slugline.settings import load_settings
from tests.e2e.test_serve import slugline
from tests.plugins.command_line import ID, CommandLine, Done
from tests.plugins.server import Server, run_server, simulator_settings

PEOPLE = {"ann": "author", "rita": "reviewer", "paul": "promoter", "root": "admin"}


@dataclass(slots=True)
class Team:
    """People with a key each, on one registry."""

    data: Path
    lines: dict[str, CommandLine]
    server: Server | None = None
    told: list[Done] = field(default_factory=list)

    def __call__(self, who: str, *arguments: str, stdin: str = "") -> Done:
        done = self.lines[who](*arguments, stdin=stdin)
        self.told.append(done)
        return done

    def run(self, who: str, *arguments: str, stdin: str = "") -> str:
        done = self(who, *arguments, stdin=stdin)
        assert done.status == 0, done.told
        return done.out

    def refused(self, who: str, *arguments: str) -> str:
        done = self(who, *arguments)
        assert (done.status, done.out) == (1, ""), done.told
        assert done.err.startswith("slugline: ")
        return done.err


def _keys(data: Path) -> dict[str, str]:
    with open_access(load_settings({"data": data}, None), "", {}) as access:
        made = {name: access.keys.create(KeyTerms(name=name, roles=(role,))) for name, role in PEOPLE.items()}
    return {name: issued.secret.text for name, issued in made.items()}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Team:
    data = tmp_path_factory.mktemp("here") / "data"
    keys = _keys(data)
    return Team(data, {name: CommandLine({"SLUGLINE_KEY": key}, ("--data", str(data))) for name, key in keys.items()})


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("there")
    keys = _keys(folder / "data")
    toml = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(folder, toml, workers=1) as server:
        lines = {name: CommandLine({"SLUGLINE_KEY": key, "SLUGLINE_URL": server.url}) for name, key in keys.items()}
        yield Team(folder / "data", lines, server)


@pytest.fixture(scope="module", params=["here", "there"])
def team(request: pytest.FixtureRequest) -> Team:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_the_same_story_here_and_behind_a_server(here: Team, there: Team, tmp_path: Path) -> None:
    file = tmp_path / "new.prompty"
    for team in (here, there):
        _tell(team, file)
    assert [done.told for done in there.told] == [done.told for done in here.told]
    assert len(here.told) > 60


def _tell(team: Team, file: Path) -> None:
    run, refused = team.run, team.refused

    # Versions.
    assert "as version 1" in run("ann", "prompt", "save", "agent", "--text", "You help {{ who }}.", "-m", "first")
    assert "as version 1 already" in run("ann", "prompt", "save", "agent", "--text", "You help {{ who }}.")
    text = run("ann", "prompt", "show", "agent@1").replace("You help", "You kindly help")
    file.write_text(text)
    assert "{+kindly +}" in run("ann", "prompt", "diff", "agent@latest", "--file", str(file))
    assert "as version 2" in run("ann", "prompt", "save", "agent", "--file", "-", "-m", "kinder", stdin=text)
    assert "exists already" in refused("ann", "prompt", "save", "agent", "--text", "x", "--if-match", "0")
    assert "was changed by somebody else" in refused("ann", "prompt", "save", "agent", "--text", "x", "--if-match", "5")
    for _ in range(2):
        run("ann", "prompt", "save", "agent", "--text", "3", "--model", "simulator-large", "--idempotency-key", "k")
    assert "was used for another write" in refused(
        "ann", "prompt", "save", "agent", "--text", "4", "--idempotency-key", "k"
    )
    same = {
        run("ann", "prompt", "diff", *named) for named in (("agent@1", "@2"), ("agent", "1", "2"), ("agent@1", "2"))
    }
    assert len(same) == 1
    assert "{+kindly +}" in same.pop()
    assert json.loads(run("ann", "prompt", "diff", "agent@2", "--json"))["new"] == "agent@3"
    assert json.loads(run("ann", "prompt", "show", "agent@2", "--json"))["message"] == "kinder"
    assert "nothing on channel 'stable' yet" in refused("ann", "prompt", "show", "agent")
    assert "owner: team" in run(
        "ann", "prompt", "describe", "agent", "--owner", "team", "--purpose", "[b]help[/b]", "--tag", "a"
    )
    assert "nothing yet: calls that name no version are refused" in run("ann", "prompt", "status", "agent")

    # Channels.
    moved = run("paul", "prompt", "promote", "agent", "1", "-m", "go live")
    assert "moved from nothing to version 1" in moved
    assert ("\nserved by " if team.server else "\nno server runs on this registry now") in moved
    assert "is on version 1 already" in run("paul", "prompt", "promote", "agent", "1", "-m", "again")
    held = run("paul", "prompt", "promote", "agent", "2", "-m", "kinder", "--holdback", "5", "--holdback-hours", "2")
    assert "5 % stay on version 1 until" in held
    assert "2 (5 % 1)" in run("ann", "prompt", "list")
    rolled = run("paul", "prompt", "rollout", "agent", "3=12.5", "1=2", "--sticky", "user", "-m", "try")
    assert "stays on version 2, 12.5 % on version 3, 2 % on version 1 (by user)" in rolled
    assert "such as 8=5" in refused("paul", "prompt", "rollout", "agent", "3", "-m", "try")
    status = run("ann", "prompt", "status", "agent")
    assert "promote by key paul at" in status
    assert "rollout by key paul at" in status
    assert "the words of the system message 1 change: {+kindly+}" in status
    assert 'slugline prompt rollback agent -m "why"   (back to version 1)' in status
    assert "and everybody gets it" in run("paul", "prompt", "rollout", "agent", "-m", "enough")
    assert json.loads(run("paul", "prompt", "promote", "agent", "-m", "newest", "--json"))["to_version"] == 3
    assert "moved from version 3 to version 2" in run("paul", "prompt", "rollback", "agent", "-m", "worse")
    run("ann", "prompt", "save", "agent", "--text", "4", "-m", "fourth")
    assert "was never live" in refused("paul", "prompt", "rollback", "agent", "-m", "x", "--to", "4")
    assert "say why" in refused("paul", "prompt", "promote", "agent", "-m", " ")

    # Scheduled moves.
    planned = run("paul", "prompt", "schedule", "agent", "3", "--at", "2999-12-01T09:00Z", "-m", "launch")
    assert "moves to version 3 at 2999-12-01 09:00 UTC" in planned
    assert "launch" in run("ann", "prompt", "schedules", "agent")
    assert "lies in the past" in refused("paul", "prompt", "schedule", "agent", "--at", "2020-01-01", "-m", "x")
    assert "takes a time such as" in refused("paul", "prompt", "schedule", "agent", "--at", "soon", "-m", "x")
    move = _id(planned)
    assert "cancelled" in run("paul", "prompt", "cancel", move, "-m", "not yet")
    assert "cancelled already" in refused("paul", "prompt", "cancel", move)
    assert (
        json.loads(run("ann", "prompt", "schedules", "--json", "--state", "cancelled"))["schedules"][0]["outcome"]
        == "not yet"
    )

    # A protected channel, from the refusal to the promotion, by the commands that each answer names.
    assert "asks for: 1 approval" in run("root", "prompt", "protect", "agent", "--approvals", "1", "-m", "four eyes")
    assert "5 % held back" in run("root", "prompt", "protect", "*", "--channel", "eu", "--holdback", "5")
    assert "1 approval" in run("ann", "prompt", "rules")
    no = refused("paul", "prompt", "promote", "agent", "3", "-m", "x")
    assert "version 3 has 0 of 1 approvals" in no
    assert 'Next: `slugline prompt request agent 3 --channel stable -m "why"`' in no
    assert "Next: " in refused("paul", "prompt", "rollout", "agent", "3=1", "-m", "x")
    asked = run("ann", "prompt", "request", "agent", "3", "-m", "please")
    request = _id(asked)
    assert f"next: somebody else approves it with `slugline prompt review approve {request}`" in asked
    assert f"Next: somebody else approves it with `slugline prompt review approve {request}`" in refused(
        "paul", "prompt", "promote", "agent", "3", "-m", "x"
    )
    assert "missing: version 3 has 0 of 1 approvals" in run("rita", "prompt", "requests")
    assert "say why" in refused("rita", "prompt", "review", "reject", request)
    assert "may not approve or reject" in refused("paul", "prompt", "review", "approve", request)
    assert "commented at" in run("ann", "prompt", "review", "comment", request, "-m", "see the ticket")
    rejected = run("rita", "prompt", "review", "reject", request, "-m", "too long")
    assert f"slugline prompt withdraw {request}" in rejected
    assert f"slugline prompt withdraw {request}" in refused("paul", "prompt", "promote", "agent", "3", "-m", "x")
    assert "withdrawn" in run("ann", "prompt", "withdraw", request, "-m", "will do")
    again = _id(run("ann", "prompt", "request", "agent", "3", "-m", "shorter now"))
    approved = run("rita", "prompt", "review", "approve", again)
    assert 'next: `slugline prompt promote agent 3 --channel stable -m "why"`' in approved
    assert "to version 3" in run("paul", "prompt", "promote", "agent", "3", "-m", "approved")
    assert "no open requests" in run("rita", "prompt", "requests", "agent")
    assert "promoted" in run("rita", "prompt", "requests", "--state", "all")
    assert "nothing" in run("root", "prompt", "protect", "agent", "-m", "enough")
    run("root", "prompt", "protect", "agent", "--channel", "gated", "--evaluation")
    assert "Next: evaluate version 3; once it has passed" in refused(
        "paul", "prompt", "promote", "agent", "3", "--channel", "gated", "-m", "x"
    )

    # What is live, and what was.
    assert "promote by key paul" in run("ann", "live")
    assert "nothing was live" in run("ann", "live", "agent", "--at", "2020-02-02 15:00")
    assert "lies in the future" in refused("ann", "live", "--at", "2999-01-01")
    assert "did you mean 'agent'" in refused("ann", "live", "agnet")
    assert {each["channel"] for each in json.loads(run("ann", "live", "--json"))["live"]} == {"stable", "latest"}

    # Archived prompts.
    run("ann", "prompt", "save", "old", "--text", "x", "-m", "m")
    assert "archived by key paul" in run("paul", "prompt", "archive", "old", "-m", "replaced")
    assert "`slugline prompt restore old` lets it change again" in refused(
        "ann", "prompt", "save", "old", "--text", "y"
    )
    assert "old" not in run("ann", "prompt", "list")
    assert "(archived)" in run("ann", "prompt", "list", "--archived")
    assert "nothing about it changes until" in run("ann", "prompt", "status", "old")
    assert "in use" in run("paul", "prompt", "restore", "old")

    # The history.
    assert "four eyes" in run("ann", "audit", "log", "--limit", "100")
    assert "protect agent stable: 1 approval" in run("ann", "prompt", "history", "agent")
    assert json.loads(run("ann", "audit", "log", "--limit", "1", "--json"))[0]["action"] == "restore"
    whole = run("ann", "audit", "verify")
    head = whole.split("head ")[1].split()[0]
    assert ": whole" in whole
    assert json.loads(run("ann", "audit", "verify", "--json", "--head", head))["whole"]
    assert "--head takes REVISION:HASH" in refused("ann", "audit", "verify", "--head", "nonsense")
    # What is printed here differs by the head's own hash.
    team.told.pop()
    team.told.pop()
    done = team("ann", "audit", "verify", "--head", f"1:{'0' * 64}")
    assert (done.status, "revision 1 has another hash" in done.out) == (1, True)
    team.run("ann", "prompt", "status", "agent", "--json")


def _id(text: str) -> str:
    found = ID.search(text)
    assert found is not None, text
    return found[0]


def test_keys_are_managed_by_command(team: Team) -> None:
    made = json.loads(team.run("root", "key", "create", "shop", "--role", "viewer", "--prompt", "shop-*", "--json"))
    assert (made["roles"], made["prompts"], len(made["key"])) == (["viewer"], ["shop-*"], 44)
    assert "shop" in team.run("root", "key", "list")
    assert "as of revision" in team.run("root", "key", "update", made["key_id"], "--budget", "50/month", "--prompt", "")
    assert "50 US dollars a month" in team.run("root", "key", "show", made["key_id"])
    assert "'boss' is none" in team.refused("root", "key", "create", "x", "--role", "boss")
    assert "that takes the role admin" in team.refused("ann", "key", "list")
    assert "was revoked by key root" in team.run("root", "key", "revoke", made["key_id"], "-m", "over")
    team.told.clear()


def test_calls_are_joined_to_what_was_live(there: Team) -> None:
    """Behind the server, and on its own machine while it runs."""
    server = there.server
    assert server is not None
    for text in ("one", "two"):
        there.run("ann", "prompt", "save", "joined", "--text", text, "--model", "simulator-large", "-m", text)
    there.run("paul", "prompt", "promote", "joined", "1", "-m", "first")
    headers = {"authorization": f"Bearer {there.lines['root'].environment['SLUGLINE_KEY']}"}
    for model in ("prompt/joined", "prompt/joined", "prompt/joined@2"):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
    server.until("SELECT count() AS n FROM calls WHERE prompt = 'joined'", lambda rows: rows == [{"n": 3}])
    seen = json.loads(there.run("ann", "live", "joined", "--calls", "--json"))["calls"]
    assert [(each["channel"], each["version"], each["calls"], each["errors"]) for each in seen] == [
        ("pinned", 2, 1, 0),
        ("stable", 1, 2, 0),
    ]
    local = CommandLine({}, ("--data", str(there.data)))
    assert json.loads(local.run("live", "joined", "--calls", "--json"))["calls"] == seen
    assert "stable" in there.run("ann", "live", "--calls")
    now, hour = datetime.now(UTC), timedelta(hours=1)
    environment = dict(there.lines["ann"].environment)
    for where in (server.url, ""):
        with open_access(load_settings({"data": there.data}, None), where, environment) as access:
            for since, until, calls in (
                (now - hour, now + hour, 3),
                (now - 2 * hour, now - hour, 0),
                (now + hour, now + 2 * hour, 0),
            ):
                found = access.calls_between(["joined"], since, until)["joined"]
                assert sum(each.calls for each in found) == calls
    there.told.clear()


def test_the_command_that_tries_the_newest_version_works_as_printed(there: Team) -> None:
    server = there.server
    assert server is not None
    there.run(
        "ann", "prompt", "save", "tried", "--text", "It's {{ n + 1 }} for {{ who }}", "--model", "simulator-large"
    )
    (line,) = [line for line in there.run("ann", "prompt", "status", "tried").splitlines() if "curl " in line]
    words = shlex.split(line)
    assert words[:2] == ["curl", f"{server.url}/v1/chat/completions"]
    assert "authorization: Bearer $SLUGLINE_KEY" in words
    headers = {"authorization": f"Bearer {there.lines['root'].environment['SLUGLINE_KEY']}"}
    body = json.loads(words[words.index("-d") + 1])
    assert body["prompt"]["id"] == "tried@latest"
    body["prompt"]["variables"]["n"] = 1
    answer = httpx.post(words[1], json=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.headers["x-slugline-prompt"]) == (200, "tried@1"), answer.text
    there.told.clear()


def test_a_promotion_names_the_workers_that_serve_it_and_those_that_were_not_reached(there: Team) -> None:
    server = there.server
    assert server is not None
    (worker,) = server.children("slugline.worker")
    there.run("ann", "prompt", "save", "named", "--text", "x")
    # Written in the folder, beside the server: a worker that stands still can't answer for itself.
    local = CommandLine({}, ("--data", str(there.data)))
    os.kill(worker, signal.SIGSTOP)
    try:
        moved = local.run("prompt", "promote", "named", "-m", "one")
        fields = json.loads(local.run("prompt", "promote", "named", "--channel", "eu", "-m", "two", "--json"))
    finally:
        os.kill(worker, signal.SIGCONT)
    assert "\nnot reached: worker " in moved
    assert f"(pid {worker} on " in moved
    assert (fields["served"]["acknowledged"], len(fields["served"]["missing"])) == ([], 1)
    assert "\nserved by " in there.run("paul", "prompt", "promote", "named", "--channel", "us", "-m", "three")
    there.told.clear()


def test_verify_says_what_is_wrong_and_ends_with_status_1(tmp_path: Path) -> None:
    """As a process of its own, on a history that somebody has changed."""
    data = str(tmp_path / "data")
    assert slugline("prompt", "save", "a", "--text", "x", "-m", "why", "--data", data).returncode == 0
    with sqlite3.connect(tmp_path / "data" / "registry.db") as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE events SET reason = 'another'")
    database.close()
    done = slugline("audit", "verify", "--data", data)
    assert done.returncode == 1
    assert "the event of revision 1 (create a) isn't what was written then\n" in done.stdout
    assert "1 event: NOT whole" in done.stdout


def test_where_the_registry_is(here: Team, there: Team, tmp_path: Path) -> None:
    """Flags win over SLUGLINE_URL; two places at once are none."""
    server = there.server
    assert server is not None
    here.run("ann", "prompt", "save", "only-here", "--text", "x")
    key = here.lines["ann"].environment["SLUGLINE_KEY"]
    both = CommandLine({"SLUGLINE_URL": server.url, "SLUGLINE_KEY": key})
    assert "only-here" in both.run("prompt", "list", "--data", str(here.data))
    done = both("prompt", "list", "--data", str(here.data), "--server", server.url)
    assert (done.status, "leave one of them out" in done.err) == (1, True)
    config = tmp_path / "c.toml"
    config.write_text(f'data = "{here.data}"\n')
    assert "only-here" in both.run("prompt", "list", "--config", str(config))
    done = both("prompt", "list")
    assert (done.status, "is not known here: was it made on another server?" in done.err) == (1, True), done.told
    assert "SLUGLINE_KEY" in done.err
    done = CommandLine({"SLUGLINE_URL": server.url})("prompt", "list")
    assert (done.status, "this server asks for a Slugline key" in done.err) == (1, True), done.told
    done = CommandLine({"SLUGLINE_KEY": "k_4fQm0ZkT9xBa"})("prompt", "list", "--data", str(here.data))
    assert (done.status, "holds no whole Slugline key" in done.err) == (1, True), done.told
    here.told.clear()
