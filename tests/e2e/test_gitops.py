"""pull, plan and push as users and pipelines run them: on the registry here, and behind a server that asks for keys."""

import contextlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from registry.keys import KeyTerms
from registry.values import Content
from slugline.access import Access, open_access
from slugline.settings import load_settings
from tests.e2e.test_serve import slugline
from tests.plugins.command_line import CommandLine
from tests.plugins.server import run_server, simulator_settings
from tests.unit.slugline.gitops.conftest import IDENTITY, Repository, content, system

DOCUMENT = Path(__file__).parents[2] / "docs" / "git.md"
KEYS = {
    "ci": ("author", "promoter"),
    "author": ("author",),
    "viewer": ("viewer",),
    "app": ("application",),
    "reviewer": ("reviewer",),
}


@dataclass(slots=True)
class Place:
    """A registry to push to, the environment that leads there by each key, and somebody who edits on the pages meanwhile."""

    url: str
    options: list[str]
    keys: dict[str, str]
    ui: Access
    taken: list[str] = field(default_factory=list)

    def run(
        self,
        repository: Repository,
        *arguments: str,
        key: str = "ci",
        status: int | None = 0,
        process: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """A command in the repository, in this process or, at five times the cost, in one of its own."""
        environment = {**IDENTITY, "SLUGLINE_KEY": self.keys[key], **({"SLUGLINE_URL": self.url} if self.url else {})}
        given = (*arguments, *self.options)
        if process:
            done = slugline(*given, cwd=repository.root, **environment)
        else:
            with contextlib.chdir(repository.root):
                ran = CommandLine(environment)(*given)
            done = subprocess.CompletedProcess(given, ran.status, ran.out, ran.err)
        assert status in (None, done.returncode), (done.stdout, done.stderr)
        return done


@pytest.fixture(scope="module", params=["here", "server"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("gitops")
    settings = load_settings({"data": folder / "data"}, None)
    with open_access(settings, "", {}) as ui:
        keys = {name: ui.keys.create(KeyTerms(name=name, roles=roles)).secret.text for name, roles in KEYS.items()}
        if request.param == "here":
            yield Place("", ["--data", str(folder / "data")], keys, ui)
            return
        toml = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
        with run_server(folder, toml, workers=1, wait_for_engine=False) as server:
            yield Place(server.url, [], keys, ui)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.folder.mkdir(parents=True)
    made.git("init", "-q", "-b", "main")
    return made


def states(place: Place, repository: Repository, *arguments: str, status: int) -> dict[str, str]:
    told = json.loads(place.run(repository, "plan", "--json", *arguments, status=status).stdout)
    return {each["slug"]: each["state"] for each in told["prompts"] if each["state"] != "missing"}


def test_a_prompts_way_through_files_pages_and_pipelines(place, repository, tmp_path):
    slug = "way"
    repository.write(f"{slug}.prompty", system("Be kind to {{ name }}."))
    assert states(place, repository, status=2) == {slug: "new"}
    refused = place.run(repository, "push", status=1)
    assert "has changes that aren't committed" in refused.stderr
    commit = repository.commit("Be kind", GIT_AUTHOR_NAME="Bob", GIT_AUTHOR_EMAIL="bob@example.org")

    pushed = place.run(repository, "push", "--promote", "stable")
    assert pushed.stdout == f"saved {slug} as version 1\n{slug}: stable is on version 1\n"
    version = place.ui.version(slug, 1)
    assert (version.author, version.message, version.source["commit"]) == ("Bob <bob@example.org>", "Be kind", commit)
    assert place.ui.history(slug)[-1].actor == "key ci"
    assert place.run(repository, "push").stdout == "nothing to push: 1 prompts are the same\n"
    assert states(place, repository, "--only", slug, status=0) == {slug: "same"}

    place.ui.save(slug, content("Edited on a page, {{ name }}."), message="on a page")
    behind = place.run(repository, "plan", "--only", slug, status=2).stdout
    assert "behind" in behind and "[-Be kind to-]{+Edited on a page,+} {{ name }}." in behind
    assert place.run(repository, "push", "--only", slug).stdout.startswith(f"left {slug} as it is")

    repository.write(f"{slug}.prompty", system("Be brief with {{ name }}."))
    repository.commit("Be brief")
    conflict = place.run(repository, "plan", "--only", slug, status=2).stdout
    assert "CONFLICT" in conflict
    assert "version 2 by root" in conflict or "version 2 by" in conflict
    assert "Be [-kind to-]{+brief with+} {{ name }}." in conflict
    assert place.run(repository, "push", "--only", slug, status=1).stderr.endswith(
        "nothing is pushed; `--only SLUG` pushes some\n"
    )
    assert place.run(repository, "pull", slug, status=1).stderr.count("stays as it is") == 1
    assert place.ui.prompt(slug).latest == 2

    assert "saved" in place.run(repository, "push", "--only", slug, "--onto", "2").stdout
    assert place.ui.version(slug, 3).message == "Be brief"
    assert [v.content.messages[0]["content"] for v in place.ui.versions(slug)][1] == "Edited on a page, {{ name }}."

    clone = repository.clone(tmp_path / "other")
    assert states(place, clone, "--only", slug, status=0) == {slug: "same"}
    clone.write(f"{slug}.prompty", system("Theirs, {{ name }}."))
    clone.commit("Theirs")
    place.run(clone, "push", "--only", slug)
    repository.write(f"{slug}.prompty", system("Mine, {{ name }}."))
    repository.commit("Mine")
    told = place.run(repository, "push", "--only", slug, status=1).stderr
    assert "which your checkout doesn't contain: pull or rebase first" in told
    assert place.ui.prompt(slug).latest == 4


def test_a_pull_is_byte_identical_twice_and_pushes_back_as_the_same(place, repository):
    slug = "pulled"
    told = Content(
        messages=({"role": "system", "content": "Größe {{ x }}"}, {"role": "user", "content": "system:\n\n{{ y }}"}),
        model="gpt-5",
        parameters={"temperature": 0.5},
    )
    place.ui.save(slug, told, message="m")
    place.ui.describe(slug, purpose="Says hello", tags=["a"], owner="team")
    assert place.run(repository, "pull", slug).stdout == f"wrote {slug}.prompty: version 1\n"
    first = (repository.folder / f"{slug}.prompty").read_bytes()
    assert place.run(repository, "pull", slug).stdout == "1 files are as they should be\n"
    assert (repository.folder / f"{slug}.prompty").read_bytes() == first
    repository.commit("Pulled")
    assert states(place, repository, "--only", slug, status=0) == {slug: "same"}
    assert place.run(repository, "push", "--only", slug).stdout == "nothing to push: 1 prompts are the same\n"

    windows = first.replace(b"\n", b"\r\n")
    (repository.folder / f"{slug}.prompty").write_bytes(windows)
    assert states(place, repository, "--only", slug, status=0) == {slug: "same"}
    place.ui.save(slug, content("New {{ z }}"), message="m")
    place.run(repository, "pull", slug)
    after = (repository.folder / f"{slug}.prompty").read_bytes()
    assert b"New {{ z }}\r\n" in after and after.count(b"\n") == after.count(b"\r\n")
    place.run(repository, "pull", slug, "--channel", "stable", status=0)  # nothing is there
    assert (repository.folder / f"{slug}.prompty").read_bytes() == after
    assert "has a prompt 'nobody'" in place.run(repository, "pull", "nobody", status=1).stderr


def test_what_is_not_committed_and_what_is_in_no_repository(place, repository, tmp_path):
    repository.write("dirty.prompty", system("one"))
    assert "say it with -m" in place.run(repository, "push", "--only", "dirty", "--allow-dirty", status=1).stderr
    assert (
        place.run(repository, "push", "--only", "dirty", "--allow-dirty", "-m", "try").stdout
        == "saved dirty as version 1\n"
    )
    assert (repository.folder / "dirty.prompty").read_text() == "---\nversion: 1\n---\nsystem:\none\n"
    repository.write("dirty.prompty", "---\nversion: 1\n---\nsystem:\ntwo\n")
    assert (
        place.run(repository, "push", "--only", "dirty", "--allow-dirty", "-m", "on").stdout
        == "saved dirty as version 2\n"
    )
    plain = Repository(tmp_path / "plain")
    plain.write("loose.yaml", "text: Hello # {{ x }}\n")
    assert place.run(plain, "push", "-m", "why").stdout == "saved loose as version 1\n"
    assert (plain.folder / "loose.yaml").read_text() == "version: 1\ntext: Hello # {{ x }}\n"
    assert dict(place.ui.version("loose", 1).source) == {"path": "loose.yaml"}


def test_errors_are_told_by_file_and_line_and_hold_up_the_rest(place, repository):
    repository.write("fine.prompty", system("fine"))
    repository.write("broken.prompty", "---\nname: broken\n---\nsystem:\nHello\n{{ x\n")
    repository.commit("why")
    told = place.run(repository, "plan", status=1).stdout
    assert "error      prompts/broken.prompty:6: messages[0].content" in told
    assert "prompts/broken.prompty:6" in place.run(repository, "push", status=1).stderr
    assert place.run(repository, "push", "--dry-run", status=1).returncode == 1
    assert "fine" not in {prompt.slug for prompt in place.ui.prompts()}
    assert place.run(repository, "push", "--only", "fine", "--dry-run").stdout.startswith("new        fine")
    assert "fine" not in {prompt.slug for prompt in place.ui.prompts()}
    assert place.run(repository, "push", "--only", "fine").stdout == "saved fine as version 1\n"
    assert "did you mean 'fine'?" in place.run(repository, "push", "--only", "fien", status=1).stderr
    assert "--onto 7" in place.run(repository, "push", "--onto", "7", status=1).stderr
    assert "versions 1-1" in place.run(repository, "push", "--onto", "fine@7", status=1).stderr


@pytest.mark.parametrize(
    ("key", "command", "status", "said"),
    [
        ("viewer", ["plan"], 2, ""),
        ("viewer", ["push", "--dry-run"], 0, ""),
        ("viewer", ["push"], 1, "takes the role author or admin"),
        ("reviewer", ["push"], 1, "takes the role author or admin"),
        ("app", ["plan"], 1, "may not see versions"),
        ("app", ["pull"], 1, "may not see versions"),
        ("author", ["push", "--promote", "stable"], 1, "takes the role promoter or admin"),
        ("author", ["push", "--promote", "stable", "--request"], 0, ""),
        ("ci", ["push", "--promote", "stable"], 0, ""),
    ],
)
def test_keys_may_what_their_roles_let_them(place, repository, key, command, status, said):
    slug = f"role-{len(place.taken)}"
    place.taken.append(slug)
    repository.write(f"{slug}.prompty", system("one"))
    repository.commit("why")
    options = [] if command[0] == "pull" else ["--only", slug]
    done = place.run(repository, *command, *options, key=key, status=status)
    assert said in done.stderr, (done.stdout, done.stderr)
    there = {prompt.slug: prompt.channels for prompt in place.ui.prompts()}
    assert (slug in there) == (key in ("author", "ci"))
    assert ("stable" in there.get(slug, {})) == (key == "ci")
    assert len(place.ui.requests(slug)) == ("--request" in command) if slug in there else True


def test_a_protected_channel_says_what_is_missing_and_takes_a_request(place, repository):
    slug = "guarded"
    repository.write(f"{slug}.prompty", system("one"))
    repository.commit("First")
    place.run(repository, "push", "--only", slug)
    place.ui.protect(slug, approvals=1)
    refused = place.run(repository, "push", "--only", slug, "--promote", "stable", status=1)
    assert "channel 'stable' of prompt 'guarded' is protected" in refused.stderr
    assert "`--request` asks for it" in refused.stderr
    asked = place.run(repository, "push", "--only", slug, "--promote", "stable", "--request")
    assert f"{slug}: asked that version 1 be put on stable" in asked.stdout
    assert place.ui.requests(slug)[0].reason == "pushed from files"
    again = json.loads(
        place.run(repository, "push", "--only", slug, "--promote", "stable", "--request", "--json").stdout
    )
    assert [each["outcome"] for each in again["promoted"]] == ["requested"]
    assert len(place.ui.requests(slug)) == 1


def test_the_guides_pipelines_do_what_it_says(place, repository):
    """The commands of both workflows, as they stand in the guide, with the keys that it makes."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    github, gitlab = (yaml.safe_load(block) for block in blocks)
    steps = {
        job: [s["run"] for s in told["steps"] if "slugline" in s.get("run", "")] for job, told in github["jobs"].items()
    }
    commands = {job: [line for line in lines if line.startswith("slugline")] for job, lines in steps.items()}
    assert commands == {job: gitlab[job]["script"] for job in ("check", "push")}
    slug = f"guide-{'server' if place.url else 'here'}"
    repository.write(f"{slug}.prompty", system("Hello {{ x }}"))
    repository.commit("Say hello")
    for job, key, latest in (("check", "viewer", None), ("push", "ci", 1), ("push", "ci", 1)):
        for command in commands[job]:
            place.run(repository, *shlex.split(command)[1:], key=key, process=True)
        found = {prompt.slug: prompt for prompt in place.ui.prompts()}.get(slug)
        assert (found and found.latest) == latest
    assert place.ui.prompt(slug).channels["stable"] == 1
    named = set(re.findall(r"`?slugline (pull|plan|push)([^`#\n]*)", DOCUMENT.read_text()))
    options = {option for _, rest in named for option in re.findall(r"--[a-z-]+", rest)}
    helps = " ".join(slugline(command, "--help", COLUMNS="200").stdout for command in ("pull", "plan", "push"))
    assert options and all(option in helps for option in options)
