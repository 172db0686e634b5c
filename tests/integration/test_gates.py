"""A version that failed its evaluation, at each door of a running server: none lets it onto the channel, and all say which cases failed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.cases import Case
from registry.roles import owner
from registry.storage.database import open_engine
from registry.writing.store import Store
from tests.e2e.test_serve import slugline
from tests.plugins.command_line import CommandLine
from tests.plugins.server import Server
from tests.plugins.site import Visitor, browser_for
from tests.plugins.verdicts import facts_about
from tests.unit.slugline.gitops.conftest import Repository, system

ANN = owner("ann")
SLUG, DATASET = "gated", "gated-golden"
SAID = "1 of 10 cases that must pass failed: refund of a gift"


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    """The server's registry, as the evaluations' runner writes to it; version 1 is live, version 2 failed, and a gate stands before it."""
    engine = open_engine(f"sqlite:///{server.data / 'registry.db'}")
    made = Store(engine)
    for text in ("one", "two"):
        server.save(SLUG, text)
    server.promote(SLUG, 1)
    made.save_dataset(DATASET, [Case(variables={"q": "1"})], by=ANN)
    answer = server.api.put(f"/api/rules/{SLUG}/stable", json={"policy": {"dataset": DATASET}})
    assert answer.status_code == 200, answer.text
    _judge(made, broken=("refund of a gift",))
    yield made
    engine.dispose()


def _judge(store: Store, *, broken: tuple[str, ...] = (), version: int = 2) -> None:
    facts = facts_about(SLUG, version, against=1, dataset=DATASET, broken=broken)
    store.judge(SLUG, version, passed=not broken, evidence=facts, dataset=DATASET, by=ANN)


def _live(server: Server) -> int:
    return int(server.api.get(f"/api/prompts/{SLUG}/about").json()["channels"]["stable"])


def test_over_the_api(server: Server, store: Store) -> None:
    channel = f"/api/prompts/{SLUG}/channels/stable"
    for path, body in (
        ("promote", {"version": 2, "reason": "r"}),
        ("promote", {"version": 2, "reason": "r", "holdback": 99}),
        ("rollout", {"arms": [{"version": 2, "share": 1}], "reason": "r"}),
    ):
        answer = server.api.post(f"{channel}/{path}", json=body)
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["code"] == "prompt_protected"
        assert SAID in answer.json()["error"]["message"]
    assert SAID in server.api.get(f"{channel}/missing?version=2").json()["missing"][0]
    assert _live(server) == 1


@pytest.mark.parametrize("place", ["here", "there"])
def test_on_the_command_line(server: Server, store: Store, place: str) -> None:
    line = CommandLine({}, ("--data", str(server.data)) if place == "here" else ("--server", server.url))
    for words in (("promote", SLUG, "2"), ("rollout", SLUG, "2=5")):
        done = line("prompt", *words, "-m", "r")
        assert (done.status, SAID in done.err) == (1, True), done.told
    assert f"an evaluation on {DATASET} that passed its policy" in line.run("prompt", "rules")
    assert _live(server) == 1


@pytest.mark.parametrize("place", ["here", "there"])
def test_a_policy_is_set_from_a_file(server: Server, store: Store, place: str, tmp_path: Path) -> None:
    line = CommandLine({}, ("--data", str(server.data)) if place == "here" else ("--server", server.url))
    file = tmp_path / "policy.yaml"
    file.write_text(f"dataset: {DATASET}\nmargin: 0.1\nmetrics: {{similar: 0.8}}\n")
    told = line.run("prompt", "protect", SLUG, "--channel", f"eu-{place}", "--policy", str(file))
    assert told == f"eu-{place} of {SLUG} asks for: an evaluation on {DATASET} that passed its policy\n"
    [rule] = [rule for rule in store.rules() if rule.channel == f"eu-{place}"]
    assert rule.policy is not None
    assert (rule.policy.margin, rule.policy.metrics) == (0.1, {"similar": 0.8})
    file.write_text("dataset: gone\n")
    assert "dataset 'gone' not found" in line("prompt", "protect", SLUG, "--policy", str(file)).err
    assert "can't read" in line("prompt", "protect", SLUG, "--policy", str(tmp_path / "no.yaml")).err


def test_on_the_pages(server: Server, store: Store) -> None:
    with browser_for(server.url, None) as http:
        visitor = Visitor(http)
        fields = {"version": "2", "channel": "stable", "reason": "r"}
        for action, more in (("promote", {}), ("rollout", {"version_0": "2", "share_0": "5", "sticky": "session"})):
            page = visitor.post(f"/prompts/{SLUG}/{action}", {**fields, **more})
            assert SAID in page.text, page.text
        # A form that knows nothing of policies doesn't take one away.
        visitor.post("/rules", {"slug": SLUG, "channel": "stable", "approvals": "0", "reason": "r"})
        assert f"an evaluation on {DATASET} that passed its policy" in visitor.open("/rules").text
    [rule] = [rule for rule in store.rules() if (rule.slug, rule.channel) == (SLUG, "stable")]
    assert rule.policy is not None
    assert _live(server) == 1


def test_from_git(server: Server, store: Store, tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.git("init", "-q")
    repository.write(f"{SLUG}.prompty", system("from git") + "\n")
    repository.commit("from git")
    before = _live(server)
    done = slugline("push", "--only", SLUG, "--onto", "2", "--promote", "stable", "--server", server.url, cwd=tmp_path)
    assert done.returncode != 0
    assert f"has not been evaluated on {DATASET}" in done.stdout + done.stderr
    assert _live(server) == before == 1


def test_one_that_passed_gets_through_and_back_is_free(server: Server, store: Store) -> None:
    _judge(store)
    server.promote(SLUG, 2)
    assert _live(server) == 2
    answer = server.api.post(f"/api/prompts/{SLUG}/channels/stable/rollback", json={"reason": "fire"})
    assert answer.status_code == 200, answer.text
    assert _live(server) == 1
