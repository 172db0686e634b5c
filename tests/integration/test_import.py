"""`slugline import` as it is typed, and Langfuse's API read from a stand-in and from Slugline's own copy of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from registry.importing.imported import Reading
from registry.importing.langfuse import read_export
from registry.roles import owner
from registry.storage.database import open_engine
from registry.templates.template import compile_content, render
from registry.values import Content
from registry.writing.store import Store
from slugline.importing import How, Outcome, carry_out
from slugline.langfuse import Keys, LangfuseFailed, fetch
from tests.plugins.langfuse import KEYS, FakeLangfuse, serve_langfuse
from tests.plugins.registries import new_registry
from tests.plugins.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def slugline(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LANGFUSE_")}
        command = [sys.executable, "-m", "slugline", *arguments, "--data", str(tmp_path / "data")]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
            cwd=tmp_path,
            timeout=60,
            env={**clean, **environment},
        )

    return slugline


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(new_registry(tmp_path / "registry.db"))
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def support(*versions: str, **of_last: Any) -> list[dict[str, Any]]:
    items = [{"name": "Support", "version": number, "prompt": text} for number, text in enumerate(versions, 1)]
    return [*items[:-1], {**items[-1], **of_last}]


def carried(store: Store, *items: Any, **how: bool) -> Outcome:
    [outcome] = carry_out(store, read_export(json.dumps(items)), How(by=owner("ann"), **how))
    return outcome


def test_an_export_from_the_command_line(run: Run, tmp_path: Path) -> None:
    production = {"labels": ["production"], "tags": ["t"], "commitMessage": "warmer"}
    (tmp_path / "export.json").write_text(json.dumps(support("Hi {{user-name}}", "Hello {{user-name}}", **production)))
    foreseen = run("import", "langfuse", "export.json", "--channels", "--prefix", "my-", "--dry-run")
    assert foreseen.stdout.splitlines() == [
        "my-support: new, would be saved as versions 1 to 2, stable would be moved to version 2",
        "  its name 'Support' is the slug 'my-support' here",
        "  variable 'user-name' is called 'user_name' here",
        "1 new (dry run: nothing written)",
    ]
    assert json.loads(run("prompt", "list", "--json").stdout) == []
    done = run("import", "langfuse", "export.json", "--channels", "--prefix", "my-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "my-support: new, saved as versions 1 to 2, stable moved to version 2"
    [listed] = json.loads(run("prompt", "list", "--json").stdout)
    assert (listed["slug"], listed["channels"]) == ("my-support", {"latest": 2, "stable": 2})
    before = run("prompt", "history", "my-support", "--json").stdout
    again = run(
        "import",
        "langfuse",
        "-",
        "--channels",
        "--prefix",
        "my-",
        "--json",
        stdin=(tmp_path / "export.json").read_text(),
    )
    assert [(each["status"], each["versions"], each["channels"]) for each in json.loads(again.stdout)["prompts"]] == [
        ("unchanged", [], {})
    ]
    assert run("prompt", "history", "my-support", "--json").stdout == before
    shown = json.loads(run("prompt", "show", "my-support", "--json").stdout)
    assert (shown["message"], shown["content"]["text"]) == ("warmer", "Hello {{ user_name }}")


def test_bad_files_are_named_and_keep_no_other_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.prompt").write_text("System: Hello {{ name }}")
    (tmp_path / "bad.prompt").write_text("---\nmodel: [\n---\nSystem: x")
    (tmp_path / "worse.prompt").write_bytes(b"\xff\xfe")
    done = run("import", "litellm", "bad.prompt", "worse.prompt", "gone.prompt", "good.prompt")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["good: new, saved as version 1", "1 new, 3 refused"]
    first, second, third = done.stderr.splitlines()
    assert first.startswith("slugline: bad.prompt: not YAML: ")
    assert second == "slugline: worse.prompt: it is not UTF-8 text"
    assert third == "slugline: gone.prompt: it can't be read: No such file or directory"


def test_a_folder_of_prompt_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "more").mkdir(parents=True)
    for name in ("a.prompt", "a.v2.prompt", "more/b.prompt", "no.txt"):
        (tmp_path / "prompts" / name).write_text(f"System: {name}")
    done = run("import", "litellm", "prompts")
    assert done.stdout.splitlines() == ["a: new, saved as versions 1 to 2", "b: new, saved as version 1", "2 new"]


def test_a_promptfoo_config_with_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "eval" / "prompts").mkdir(parents=True)
    (tmp_path / "eval" / "prompts" / "one.txt").write_text("One {{ topic }}")
    (tmp_path / "eval" / "prompts" / "two.txt").write_text("Two {{ topic }}")
    config = {"prompts": ["file://prompts/*.txt", "prompts/gone.txt"], "tests": [{"vars": {"topic": "cats"}}]}
    (tmp_path / "eval" / "promptfooconfig.json").write_text(json.dumps(config))
    done = run("import", "promptfoo", "eval/promptfooconfig.json")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "one: new, saved as version 1",
        "two: new, saved as version 1",
        "2 new, 1 refused",
    ]
    assert done.stderr == "slugline: eval/promptfooconfig.json: prompts[1]: the file 'prompts/gone.txt' is not there\n"


def test_pasted_prompts(run: Run, tmp_path: Path) -> None:
    assert run("import", "openai", "-", "--slug", "pasted", stdin="Hi {{name}}").stdout.startswith("pasted: new")
    (tmp_path / "body.json").write_text(json.dumps({"messages": [{"role": "user", "content": "{{hc:x:string}}"}]}))
    assert run("import", "helicone", "body.json").stdout.startswith("body: new")
    missing = run("import", "openai", "-", stdin="x")
    assert (missing.returncode, "--slug" in missing.stderr) == (2, True)


def test_where_from_has_to_be_said(run: Run) -> None:
    done = run("import", "langfuse")
    assert (done.returncode, "a FILE that Langfuse exported" in done.stderr) == (1, True)
    done = run("import", "langfuse", "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stderr.count("LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")) == (1, 1)


def test_growth_edits_and_collisions(store: Store) -> None:
    assert carried(store, *support("one")).status == "new"
    assert carried(store, *support("one")).status == "unchanged"
    grown = carried(store, *support("one", "two"))
    assert (grown.status, grown.saved) == ("updated", (2,))
    store.save("support", Content(kind="text", text="mine"), message="edited here", by=owner("bo"))
    refused = carried(store, *support("one", "two", "three"))
    assert (refused.status, refused.saved, store.prompt("support").latest) == ("refused", (), 3)
    assert "prompt 'support' exists here with other content (its newest version is 3)" in refused.refused
    foreseen = carried(store, *support("one", "two", "three"), onto_existing=True, dry_run=True)
    told = carried(store, *support("one", "two", "three"), onto_existing=True)
    assert (foreseen, told.saved, told.status) == (told, (4,), "updated")
    assert [version.author for version in store.versions("support")] == ["ann", "bo", "ann", "ann"]


def test_what_is_imported_is_described_once(store: Store) -> None:
    carried(store, *support("one", tags=["a", "b"], createdBy="cy"))
    assert (store.prompt("support").tags, store.version("support", 1).author) == (("a", "b"), "cy")
    assert store.version("support", 1).source == {"imported_from": "langfuse", "name": "Support", "version": 1}
    assert store.version("support", 1).message == "imported from langfuse: 'Support' version 1"
    store.describe("support", tags=["c"], by=owner("bo"))
    carried(store, *support("one", "two", tags=["a", "b"]))
    assert store.prompt("support").tags == ("c",)


def test_channels_follow_labels_where_there_are_none(store: Store) -> None:
    items = support("one", "two", labels=["production", "latest", "eu"])
    assert carried(store, *items).moved == ()
    foreseen = carried(store, *items, channels=True, dry_run=True)
    assert carried(store, *items, channels=True).moved == foreseen.moved == (("stable", 2), ("eu", 2))
    store.promote("support", 1, reason="back", by=owner("bo"))
    again = carried(store, *items, channels=True)
    assert (again.moved, again.notes[-1]) == ((), "channel 'stable' stays on version 1; --onto-existing moves it")
    assert carried(store, *items, channels=True, onto_existing=True).moved == (("stable", 2),)


def test_composed_prompts_and_placeholders(store: Store) -> None:
    history = {"type": "placeholder", "name": "chat history"}
    main = [
        {"role": "system", "content": "@@@langfusePrompt:name=Tone|label=production@@@ Help {{user-name}}."},
        history,
    ]
    tone = [{"name": "Tone", "version": number, "prompt": f"Be {{{{mood}}}} {number}."} for number in (1, 2)]
    tone[0]["labels"] = ["production"]
    lost = {"name": "lost", "prompt": "@@@langfusePrompt:name=nowhere|version=1@@@"}
    items = [{"name": "main", "type": "chat", "prompt": main}, lost, *tone]
    reading = read_export(json.dumps(items))
    done = {each.slug: each for each in carry_out(store, reading, How(by=owner("ann"), channels=True))}
    assert {slug: each.status for slug, each in done.items()} == {"tone": "new", "main": "new", "lost": "refused"}
    assert "fragment 'nowhere' not found" in done["lost"].refused
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    compiled = compile_content(store.version("main", 1).content)
    rendered = render(compiled, {"mood": "kind", "user_name": "Ada", "chat_history": said})
    assert rendered.messages == [{"role": "system", "content": "Be kind 1. Help Ada."}, *said]
    store.promote("tone", 2, reason="better", by=owner("bo"))
    again = carry_out(store, reading, How(by=owner("ann"), channels=True))
    assert sorted((each.slug, each.status) for each in again) == [
        ("lost", "refused"),
        ("main", "unchanged"),
        ("tone", "unchanged"),
    ]


@pytest.fixture
def langfuse() -> Iterator[FakeLangfuse]:
    prompts: dict[str, dict[int, dict[str, Any]]] = {
        "team/Support": {
            1: {"prompt": [{"role": "system", "content": "Help {{user-name}}"}], "commitMessage": "first"},
            3: {"prompt": [{"role": "system", "content": "Help {{user-name}} well"}], "labels": ["production"]},
        },
        "tone": {1: {"prompt": "Be kind."}},
        "main": {1: {"prompt": "@@@langfusePrompt:name=tone|label=production@@@ Go."}},
        "partly": {1: {"prompt": "here"}, 2: {"prompt": "gone", "gone": True}},
    }
    with serve_langfuse(prompts) as fake:
        yield fake


def fetched(fake: FakeLangfuse) -> tuple[Reading, list[float]]:
    pauses: list[float] = []
    return fetch(fake.url + "/", Keys(public=KEYS[0], secret=KEYS[1]), pause=pauses.append), pauses


def test_every_version_of_every_page(langfuse: FakeLangfuse) -> None:
    reading, pauses = fetched(langfuse)
    assert [(each.slug, each.source["version"]) for each in reading.imported] == [
        ("main", 1),
        ("partly", 1),
        ("team-support", 1),
        ("team-support", 3),
        ("tone", 1),
    ]
    assert reading.imported[0].content.text == '{% include "tone@stable" %} Go.'
    assert (reading.imported[2].message, reading.imported[3].channels) == ("first", ("stable",))
    [gone] = reading.refused
    assert gone.origin == "'partly' version 2"
    assert gone.reason.startswith("Langfuse answers 404: ")
    assert pauses == []


def test_a_busy_server_is_asked_again(langfuse: FakeLangfuse) -> None:
    langfuse.first = [(429, {"retry-after": "7"}), (503, {}), (429, {"retry-after": "3600"})]
    reading, pauses = fetched(langfuse)
    assert len(reading.imported) == 5
    assert pauses == [7.0, 2.0, 60.0]


def test_a_server_that_stays_busy(langfuse: FakeLangfuse) -> None:
    langfuse.first = [(503, {})] * 5
    with pytest.raises(LangfuseFailed, match="doesn't answer as Langfuse does: Langfuse answers 503"):
        fetched(langfuse)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9 can't be reached"),
        ("langfuse.com", "is no address of a Langfuse server"),
    ],
)
def test_servers_that_are_not_there(url: str, why: str) -> None:
    with pytest.raises(LangfuseFailed, match=why):
        fetch(url, Keys(public="a", secret="b"))


def test_wrong_keys_from_the_command_line(run: Run, langfuse: FakeLangfuse) -> None:
    keys = {"LANGFUSE_PUBLIC_KEY": KEYS[0], "LANGFUSE_SECRET_KEY": "wrong"}
    done = run("import", "langfuse", "--url", langfuse.url, **keys)
    assert done.returncode == 1
    assert done.stderr.startswith(f"slugline: {langfuse.url} refuses the keys in LANGFUSE_PUBLIC_KEY")
    assert "wrong" not in done.stderr


def test_from_the_api_to_the_registry(run: Run, langfuse: FakeLangfuse) -> None:
    del langfuse.prompts["main"], langfuse.prompts["partly"]
    keys = {"LANGFUSE_PUBLIC_KEY": KEYS[0], "LANGFUSE_SECRET_KEY": KEYS[1]}
    done = run("import", "langfuse", "--url", langfuse.url, "--channels", **keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "team-support: new, saved as versions 1 to 2, stable moved to version 2"
    again = run("import", "langfuse", "--url", langfuse.url, "--channels", **keys)
    assert again.stdout.splitlines()[-1] == "2 unchanged"


def test_from_another_slugline(server: Server, store: Store) -> None:
    place = {"role": "placeholder", "name": "messages"}
    server.save("leaving", "Literal {{ '{{' }} for {{ name }}.", parameters={"temperature": 0.5})
    server.promote("leaving", 1)
    server.save("leaving", "", messages=[{"role": "system", "content": "Second {{ name }}"}, place])
    reading = fetch(server.url, Keys(public="any", secret="any"))
    mine = Reading(imported=tuple(each for each in reading.imported if each.slug == "leaving"))
    unreadable = [each.reason for each in reading.refused if "'leaving' version 1" in each.origin]
    assert "can't be filled in by Langfuse's SDK" in unreadable[0]
    [outcome] = carry_out(store, mine, How(by=owner("ann"), channels=True))
    assert (outcome.status, outcome.saved) == ("new", (1,))
    content = store.version("leaving", 1).content
    assert (content.model, content.messages[1]) == ("simulator-large", place)
    assert render(compile_content(content), {"name": "Ada"}).messages[0]["content"] == "Second Ada"


GUIDE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
COMMANDS = [line.split("#")[0].split() for line in GUIDE.splitlines() if line.startswith("slugline import ")]


def test_the_guides_commands(run: Run, tmp_path: Path, langfuse: FakeLangfuse) -> None:
    del langfuse.prompts["main"], langfuse.prompts["partly"]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "langfuse-prompts-all.json").write_text(json.dumps(support("Hi")))
    (tmp_path / "prompts" / "a.prompt").write_text("System: x")
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: [hello]")
    (tmp_path / "body.json").write_text(json.dumps({"messages": [{"role": "user", "content": "x"}]}))
    (tmp_path / "pasted.txt").write_text("Hi {{name}}")
    keys = {"LANGFUSE_PUBLIC_KEY": KEYS[0], "LANGFUSE_SECRET_KEY": KEYS[1]}
    assert {command[2] for command in COMMANDS} == {"langfuse", "litellm", "promptfoo", "helicone", "openai"}
    for command in COMMANDS:
        arguments = [langfuse.url if word.startswith("https://") else word for word in command[1:]]
        done = run(*arguments, **keys)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert ": new" in done.stdout
