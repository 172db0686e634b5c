"""Changes counted on real repositories, against `git log -L`, which follows one range at a time."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from registry.scanning.changes import with_changes
from registry.scanning.files import scan

_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **{"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "a"), ("EMAIL", "a@example.com"))
    },
}


class Repository:
    """A repository in a folder, with one commit a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commits = 0
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        date = f"2026-01-01T00:00:{self.commits % 60:02d}+00:00"
        environment = {**_ENVIRONMENT, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        self.commits += 1
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"commit {self.commits}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def _prompt(text: str, above: str = "") -> str:
    return f'{above}SYSTEM_PROMPT = """You are an assistant.\n{text}\nAlways answer in English."""\n'


def _changes(folder: Path) -> list[tuple[int, str | None, bool]]:
    findings = with_changes(scan(folder).findings, folder)
    assert all(finding.changes is not None and finding.changes.complete for finding in findings)
    return [(f.changes.commits, f.changes.last, f.changes.uncommitted) for f in findings if f.changes]


def test_only_commits_that_touch_the_lines_count(repository: Repository) -> None:
    repository.commit(a_py=_prompt("One."))
    repository.commit(a_py=_prompt("Two."))
    repository.commit(a_py=_prompt("Two.", above="import os\n\n"), b_py="x = 1\n")
    repository.commit(a_py=_prompt("Two.", above="import os\n\n") + "y = 2\n")
    assert _changes(repository.folder) == [(2, "2026-01-01T00:00:02+00:00", False)]


def test_a_prompt_that_is_not_committed_says_so(repository: Repository) -> None:
    repository.commit(a_py=_prompt("One."))
    (repository.folder / "a.py").write_text(_prompt("Three.", above="import os\n"))
    (repository.folder / "new.py").write_text(_prompt("New."))
    assert _changes(repository.folder) == [(1, "2026-01-01T00:00:01+00:00", True), (0, None, True)]


def test_below_the_top_of_a_repository_and_through_a_merge(repository: Repository) -> None:
    repository.commit(apps__web__a_py=_prompt("One."))
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(apps__web__a_py=_prompt("Two."))
    repository.commit(apps__web__a_py=_prompt("Three."))
    repository.git("checkout", "-q", "main")
    repository.commit(b_py="x = 1\n")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert [commits for commits, *_ in _changes(repository.folder / "apps" / "web")] == [2]  # written, and merged once


def test_many_random_edits_are_counted_as_git_counts_them(repository: Repository) -> None:
    chance = random.Random(5)
    lines = [f"x{number} = {number}" for number in range(30)]
    prompts = {
        number: [f"You are assistant {number}.", "Be kind.", "Always answer in English."] for number in (5, 15, 25)
    }
    for _ in range(40):
        edit = chance.choice(("above", "remove", "prompt"))
        if edit == "above":
            lines.insert(chance.randrange(30), f"y{chance.randrange(10**9)} = 1")
        elif edit == "remove" and len(lines) > 30:
            lines.pop(chance.randrange(30))
        else:
            prompts[chance.choice((5, 15, 25))][1] = f"Be kind {chance.random()}."
        out = []
        for number, line in enumerate(lines):
            out.append(line)
            if number in prompts:
                out.append('PROMPT = """' + "\n".join(prompts[number]) + '"""')
        repository.commit(a_py="\n".join(out) + "\n")
    findings = with_changes(scan(repository.folder).findings, repository.folder)
    assert len(findings) == 3
    for finding in findings:
        said = repository.git("log", f"-L{finding.line},{finding.end_line}:a.py", "-s", "--format=%H %cI").split()
        assert finding.changes is not None
        assert (finding.changes.commits, finding.changes.last) == (len(said) // 2, said[1])


def test_outside_of_a_repository_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(_prompt("One."))
    (finding,) = with_changes(scan(tmp_path).findings, tmp_path)
    assert finding.changes is None


def test_what_time_did_not_suffice_for_is_marked(repository: Repository) -> None:
    repository.commit(a_py=_prompt("One."))
    (finding,) = with_changes(scan(repository.folder).findings, repository.folder, seconds=0)
    assert finding.changes is not None
    assert not finding.changes.complete


def test_settings_of_a_repository_run_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.commit(a_py=_prompt("One."), x_gitattributes="")
    (repository.folder / "a.py").write_text(_prompt("Two."))
    (repository.folder / ".gitattributes").write_text("*.py diff=evil\n")
    proof = tmp_path / "proof"
    for name in ("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv"):
        repository.git("config", name, f"touch {proof};")
    assert _changes(repository.folder) == [(1, "2026-01-01T00:00:01+00:00", True)]
    assert not proof.exists()


def test_ignored_files_tests_and_built_ones_are_passed_over(repository: Repository) -> None:
    (repository.folder / ".gitignore").write_text("secret/\n")
    text = _prompt("One.")
    repository.commit(a_py=text, secret__b_py=text, tests__c_py=text, build__d_py=text, node_modules__e_py=text)
    found = scan(repository.folder)
    assert [finding.path for finding in found.findings] == ["a.py"]
    assert found.tests == 1
    assert {finding.path for finding in scan(repository.folder, tests=True).findings} == {"a.py", "tests/c.py"}
    assert [finding.path for finding in scan(repository.folder / "secret" / "b.py").findings] == ["b.py"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "helm.yaml").write_text("prompt: {{ .Values.x }\n  - {")
    (tmp_path / "large.py").write_text("x = 1\n" * 200_000)
    (tmp_path / "deep.py").write_text("prompt = " + "(" * 5_000 + ")" * 5_000)
    (tmp_path / "zero.py").write_bytes(b"prompt = '\0'")
    found = scan(tmp_path)
    assert (found.findings, found.large) == ((), 1)
    assert set(found.unreadable) == {"broken.py", "helm.yaml", "deep.py", "zero.py"}
