"""The registry here and the registry behind a server: the same values, the same refusals, the same roles."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from registry.errors import (
    AuthKeyNotFoundError,
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    IdempotencyKeyReusedError,
    PromptArchivedError,
    PromptConflictError,
    PromptExistsError,
    PromptNotFoundError,
    PromptOwnWorkError,
    PromptProtectedError,
    PromptReferenceInvalidError,
    PromptRequestNotFoundError,
    PromptVersionNotFoundError,
    RegistryError,
)
from registry.files.prompt_file import text_content
from registry.keys import KeyTerms
from registry.split import Arm
from registry.values import HistoryEntry
from slugline.access import Access, open_access
from slugline.settings import Settings, load_settings
from tests.plugins.server import Server, run_server, simulator_settings

SOON = timedelta(hours=1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({"data": tmp_path_factory.mktemp("access") / "data", "behind_proxy": True}, None)


@pytest.fixture(scope="module")
def keys(settings: Settings) -> dict[str, str]:
    """Texts of keys by what they are for, made before the server starts."""
    terms = {
        "admin": KeyTerms(name="root", roles=("admin",)),
        "author": KeyTerms(name="ann", roles=("author",)),
        "reviewer": KeyTerms(name="rita", roles=("reviewer",)),
        "promoter": KeyTerms(name="paul", roles=("promoter",)),
        "viewer": KeyTerms(name="vera", roles=("viewer",)),
        "application": KeyTerms(name="app", channels=("stable",)),
        "scoped": KeyTerms(name="sam", roles=("author", "promoter"), prompts=("sam-*",)),
    }
    with open_access(settings, "", {}) as access:
        return {name: access.keys.create(each).secret.text for name, each in terms.items()}


@pytest.fixture(scope="module")
def served(settings: Settings, keys: dict[str, str], provider: str) -> Iterator[Server]:
    """A server that asks for keys, on that registry."""
    toml = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(settings.data.parent, toml, workers=1, wait_for_engine=False) as server:
        yield server


@pytest.fixture(params=["local", "remote"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(where: str, settings: Settings, keys: dict[str, str], served: Server) -> Iterator[dict[str, Access]]:
    """Access with each of the keys."""
    server = served.url if where == "remote" else ""
    found = {name: open_access(settings, server, {"SLUGLINE_KEY": text}) for name, text in keys.items()}
    yield found
    for access in found.values():
        access.close()


def test_both_read_the_same(settings: Settings, served: Server, keys: dict[str, str]) -> None:
    key = {"SLUGLINE_KEY": keys["admin"]}
    with open_access(settings, "", key) as here, open_access(settings, served.url + "/v1/", key) as there:
        for text in ("one", "two", "three"):
            here.save("same", text_content(text), message=text, author="Ann <ann@example.org>", source={"commit": "c"})
        here.promote("same", 1, reason="first")
        here.promote("same", 2, reason="better", holdback=5)
        here.rollout("same", [Arm(version=3, share=12.5)], sticky="user", reason="try")
        here.describe("same", owner="team", purpose="to be equal", tags=["a", "b"])
        planned = here.schedule("same", 3, at=datetime.now(UTC) + SOON, reason="later")
        here.protect("same", channel="eu", approvals=1, holdback=2.5)
        asked = here.ask("same", 3, channel="eu", reason="please")
        here.review(asked.request_id, "comment", text="hm")

        assert there.prompt("same") == here.prompt("same") in there.prompts()
        assert there.prompts() == here.prompts()
        assert there.versions("same") == here.versions("same")
        for reference in ("same", "same@latest", "same@2", f"same@{here.version('same', 3).version_id}"):
            assert there.resolve(reference) == here.resolve(reference)
        assert there.version("same", 1) == here.version("same", 1)
        for history in (there.history("same", limit=3), there.history(limit=4)):
            own = here.history("same", limit=3) if len(history) == 3 else here.history(limit=4)
            assert history == [replace(entry, idempotency_key="", fingerprint="") for entry in own]
        now = datetime.now(UTC)
        assert there.live_at(now, "same") == here.live_at(now, "same")
        assert [_told(entry) for entry in there.live_at(now)] == [_told(entry) for entry in here.live_at(now)]
        assert there.rules() == here.rules()
        assert there.lacking("same", "eu", 3) == here.lacking("same", "eu", 3) != []
        assert there.schedules("same", state="waiting") == [replace(planned, identity="")]
        (found,) = there.requests("same", state="open")
        assert found == there.request(asked.request_id)
        assert (found.missing, found.reviews[0].text) == (here.request(asked.request_id).missing, "hm")
        assert there.verify() == here.verify()
        assert not there.verify(head="3:nonsense").whole
        assert [key.terms for key in there.keys.all_keys()] == [key.terms for key in here.keys.all_keys()]
        (first, *_) = here.keys.all_keys()
        assert there.keys.use(first) == here.keys.use(first)


def _told(entry: HistoryEntry) -> HistoryEntry:
    """What is told of a channel's last move where all prompts are asked for: of its evidence, the split."""
    evidence = {name: value for name, value in entry.evidence.items() if name in {"split", "sticky"}}
    if not evidence.get("split"):
        evidence = {}
    return replace(entry, evidence=evidence, identity="", idempotency_key="", fingerprint="", hash="")


def test_writes_do_the_same(where: str, opened: dict[str, Access], served: Server) -> None:
    ann, rita, paul, root = (opened[name] for name in ("author", "reviewer", "promoter", "admin"))
    slug = f"written-{where}"
    assert paul.base_url == served.url
    first = ann.save(slug, text_content("one"), message="m", if_match=0)
    assert (first.created, first.version.number, first.version.author) == (True, 1, "key ann")
    with pytest.raises(PromptExistsError):
        ann.save(slug, text_content("two"), message="m", if_match=0)
    assert not ann.save(slug, text_content("one"), message="again").created
    second = ann.save(slug, text_content("two"), message="m", if_match=first.revision, source={"path": "a.prompty"})
    assert (second.version.number, second.version.source) == (2, {"path": "a.prompty"})
    with pytest.raises(PromptConflictError, match="was changed by somebody else"):
        ann.save(slug, text_content("three"), message="m", if_match=first.revision)
    once = ann.save(slug, text_content("three"), message="m", idempotency_key=f"k-{where}")
    assert ann.save(slug, text_content("three"), message="m", idempotency_key=f"k-{where}") == once
    with pytest.raises(IdempotencyKeyReusedError):
        ann.save(slug, text_content("four"), message="m", idempotency_key=f"k-{where}")
    assert ann.describe(slug, tags=["t"]).tags == ("t",)

    assert root.protect(slug, approvals=1, reason="four eyes").approvals == 1
    with pytest.raises(PromptProtectedError, match="0 of 1 approvals"):
        paul.promote(slug, 2, reason="r")
    asked = ann.ask(slug, 2, reason="please")
    with pytest.raises(AuthRoleNotAllowedError, match="may not approve or reject"):
        ann.review(asked.request_id, "approve")
    assert rita.review(asked.request_id, "approve", text="good").missing == ()
    move = paul.promote(slug, 2, reason="r", holdback=0, evidence={"ticket": 7})
    assert (move.from_version, move.to_version, move.changed) == (None, 2, True)
    assert paul.history(slug, limit=1)[0].evidence["ticket"] == 7
    root.protect(slug)
    assert paul.promote(slug, None, reason="newest", holdback=10).split.arms[0].share == 10
    assert paul.rollback(slug, reason="worse").to_version == 2
    assert paul.rollout(slug, [Arm(version=1, share=5)], sticky="trace", reason="r").split.sticky == "trace"
    planned = paul.schedule(slug, 3, at=datetime.now(UTC) + SOON, reason="r")
    assert paul.cancel(planned.schedule_id, reason="no").state == "cancelled"
    other = ann.ask(slug, 3, reason="please")
    assert ann.withdraw(other.request_id, reason="no").state == "withdrawn"
    assert paul.archive(slug, reason="old").archived_by == "key paul"
    with pytest.raises(PromptArchivedError):
        ann.save(slug, text_content("four"), message="m")
    assert paul.restore(slug, reason="needed").archived_at is None


def test_refusals_are_the_same(where: str, opened: dict[str, Access]) -> None:
    ann, root, vera, app, sam = (opened[name] for name in ("author", "admin", "viewer", "application", "scoped"))
    slug = f"refused-{where}"
    ann.save(slug, text_content("one"), message="m")
    ann.save(f"sam-{where}", text_content("one"), message="m")
    with pytest.raises(PromptNotFoundError, match=f"did you mean '{slug}'"):
        ann.prompt(slug + "x")
    with pytest.raises(PromptVersionNotFoundError, match="only version 1"):
        ann.version(slug, 7)
    with pytest.raises(PromptReferenceInvalidError, match="is not a slug"):
        ann.resolve("No Slug/../here")
    with pytest.raises(PromptReferenceInvalidError, match="is not a channel"):
        ann.promote(slug, 1, channel="No Channel", reason="r")
    with pytest.raises(PromptRequestNotFoundError):
        ann.request("none/such")
    with pytest.raises(AuthRoleNotAllowedError, match="may not save versions"):
        vera.save(slug, text_content("two"), message="m")
    with pytest.raises(AuthRoleNotAllowedError, match="may not manage keys"):
        vera.keys.all_keys()
    for read in (app.prompts, app.history, lambda: app.versions(slug), lambda: app.live_at(datetime.now(UTC))):
        with pytest.raises(AuthRoleNotAllowedError, match="may not see versions, history and quality"):
            read()
    root.promote(slug, 1, reason="r")
    ann.save(slug, text_content("two"), message="m")
    assert app.resolve(slug).number == app.resolve(f"{slug}@1").number == 1
    with pytest.raises(RegistryError, match="may use the channels stable only"):
        app.resolve(f"{slug}@latest")
    with pytest.raises(RegistryError, match="none of them points to this version"):
        app.resolve(f"{slug}@2")
    with pytest.raises(AuthPromptNotAllowedError, match=r"may use the prompts sam-\* only"):
        sam.prompt(slug)
    assert {prompt.slug for prompt in sam.prompts()} <= {"sam-local", "sam-remote"}
    assert {entry.slug for entry in sam.history(limit=500)} <= {"sam-local", "sam-remote"}
    assert {entry.slug for entry in sam.live_at(datetime.now(UTC))} <= {"sam-local", "sam-remote"}
    asked = root.ask(slug, 2, reason="please")
    with pytest.raises(PromptOwnWorkError):
        root.review(asked.request_id, "approve")


def test_keys_are_managed_the_same(where: str, opened: dict[str, Access], settings: Settings, served: Server) -> None:
    root = opened["admin"].keys
    made = root.create(KeyTerms(name=f"new-{where}", roles=("viewer",), prompts=("a-*",)))
    assert made.key.terms.prompts == ("a-*",)
    changed = root.update(made.key.key_id, {"prompts": (), "owner": "me"})
    assert (changed.terms.prompts, changed.terms.owner) == ((), "me")
    assert root.key(made.key.key_id).terms == changed.terms
    assert root.revoke(made.key.key_id, reason="over").revoked_by == "key root"
    with pytest.raises(AuthKeyNotFoundError):
        root.key("k_nonsense")
    with pytest.raises(Exception, match="was revoked|has ended"), _open(where, settings, served, made.secret.text) as a:
        a.prompts()


def _open(where: str, settings: Settings, served: Server, key: str) -> Access:
    return open_access(settings, served.url if where == "remote" else "", {"SLUGLINE_KEY": key})


def test_a_proxy_of_the_environment_is_no_way_to_this_machine(
    settings: Settings, served: Server, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert httpx.get(served.url + "/health/live", trust_env=False).status_code == 200
    with open_access(settings, served.url, {"SLUGLINE_KEY": keys["viewer"]}) as access:
        assert access.rules() is not None


def test_slugline_url_is_the_default(settings: Settings, served: Server, keys: dict[str, str], tmp_path: Path) -> None:
    elsewhere = load_settings({"data": tmp_path / "nothing"}, None)
    environment = {**os.environ, "SLUGLINE_URL": served.url, "SLUGLINE_KEY": keys["admin"]}
    with open_access(elsewhere, None, environment) as access:
        access.save("by-url", text_content("x"), message="m")
        assert access.prompt("by-url").created_by == "key root"
    assert not elsewhere.data.exists()
