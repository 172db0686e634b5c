"""What Git knows, asked of real repositories."""

import os
from pathlib import Path

import pytest

from slugline.gitops.git import find_checkout, without_credentials
from slugline.settings import SettingsError
from tests.unit.slugline.gitops.conftest import system


def test_no_repository_and_one_without_commits(tmp_path, repository):
    assert find_checkout(tmp_path) is None
    checkout = find_checkout(repository.folder)
    assert checkout is not None
    repository.write("a.prompty", "x")
    assert (checkout.head, checkout.prefix, checkout.shallow, checkout.repository) == (None, "prompts/", False, "")
    assert checkout.origins(["a.prompty"])["a.prompty"].dirty
    assert checkout.lineage({"a" * 40: ["b" * 40]}).relation("a" * 40) == "unknown"


def test_each_file_has_the_commit_that_changed_it_last(repository):
    repository.write("a.prompty", "one")
    repository.write("deep/ü b.prompty", "one")
    first = repository.commit("First\n\nWith a body.")
    repository.write("a.prompty", "two")
    second = repository.commit("Second", GIT_AUTHOR_NAME="Bob", GIT_AUTHOR_EMAIL="bob@example.org")
    repository.write("../elsewhere.txt", "x")
    repository.commit("Not about prompts")
    found = find_checkout(repository.folder).origins(["a.prompty", "deep/ü b.prompty"])
    a, b = found["a.prompty"], found["deep/ü b.prompty"]
    assert (a.commit.id, a.commit.author, a.commit.message, a.dirty) == (
        second,
        "Bob <bob@example.org>",
        "Second",
        False,
    )
    assert (b.commit.id, b.commit.message) == (first, "First\n\nWith a body.")
    assert a.blob == repository.git("rev-parse", "HEAD:prompts/a.prompty")


def test_a_merge_that_changes_a_file_itself_is_its_commit(repository):
    repository.write("a.prompty", "one\n")
    repository.commit("base")
    repository.git("checkout", "-q", "-b", "side")
    repository.write("a.prompty", "side\n")
    repository.commit("side")
    repository.git("checkout", "-q", "main")
    repository.write("a.prompty", "main\n")
    repository.commit("main")
    repository.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    repository.write("a.prompty", "both\n")
    merge = repository.commit("Bring both together")
    assert find_checkout(repository.folder).origins(["a.prompty"])["a.prompty"].commit.id == merge


def test_what_is_not_committed(repository):
    for name in ("kept", "edited", "staged", "ignored"):
        repository.write(f"{name}.prompty", "one")
    repository.write("../.gitignore", "ignored.prompty\n")
    repository.commit("first")
    repository.write("edited.prompty", "two")
    repository.write("staged.prompty", "two")
    repository.write("new.prompty", "one")
    repository.git("add", "prompts/staged.prompty")
    found = find_checkout(repository.folder).origins(
        [f"{n}.prompty" for n in ("kept", "edited", "staged", "ignored", "new")]
    )
    assert {path for path, origin in found.items() if origin.dirty} == {
        "edited.prompty",
        "staged.prompty",
        "ignored.prompty",
        "new.prompty",
    }


def test_a_linked_file_is_as_clean_as_what_it_leads_to(repository):
    repository.write("real.txt", "one")
    (repository.folder / "a.prompty").symlink_to("real.txt")
    first = repository.commit("first")
    checkout = find_checkout(repository.folder)
    assert (
        checkout.origins(["a.prompty"])["a.prompty"].commit.id,
        checkout.origins(["a.prompty"])["a.prompty"].dirty,
    ) == (first, False)
    repository.write("real.txt", "two")
    assert checkout.origins(["a.prompty"])["a.prompty"].dirty


def test_which_commits_a_checkout_contains(repository):
    repository.write("a.prompty", "one")
    first = repository.commit("first")
    repository.git("checkout", "-q", "-b", "side")
    repository.write("a.prompty", "two")
    side = repository.commit("side")
    blob = repository.git("rev-parse", "HEAD:prompts/a.prompty")
    repository.git("checkout", "-q", "main")
    repository.write("b.prompty", "x")
    head = repository.commit("main")
    nowhere = "f" * 40
    lineage = find_checkout(repository.folder).lineage(
        {first: [], head: [], side: [blob], nowhere: [], "not a commit": [], blob: []}
    )
    assert {c: lineage.relation(c) for c in (first, head, side, nowhere, "not a commit", blob)} == {
        first: "contained",
        head: "contained",
        side: "elsewhere",
        nowhere: "unknown",
        "not a commit": "unknown",
        blob: "unknown",
    }
    repository.git("merge", "-q", "--squash", "side")
    repository.commit("Squashed")
    repository.write("a.prompty", "three")
    repository.commit("And on")
    checkout = find_checkout(repository.folder)
    assert checkout.lineage({side: [blob], nowhere: []}).relation(side) == "contained"
    assert checkout.lineage({nowhere: [blob]}).relation(nowhere) == "contained"
    assert checkout.lineage({side: []}).relation(side) == "elsewhere"


def test_a_shallow_clone_says_so(repository, tmp_path):
    for text in ("one", "two"):
        repository.write("a.prompty", text)
        commit = repository.commit(text)
    first = repository.git("rev-parse", "HEAD~1")
    clone = repository.clone(tmp_path / "shallow", "--depth", "1")
    checkout = find_checkout(clone.folder)
    assert checkout.shallow
    lineage = checkout.lineage({first: [], commit: []})
    assert (lineage.shallow, lineage.relation(first), lineage.relation(commit)) == (True, "unknown", "contained")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:secret@git.example.org/team/x.git", "https://git.example.org/team/x.git"),
        ("https://ghp_token@github.example/team/x?token=a#b", "https://github.example/team/x"),
        ("https://git.example.org:8443/x", "https://git.example.org:8443/x"),
        ("ssh://git:pw@git.example.org:22/x", "ssh://git.example.org:22/x"),
        ("git@git.example.org:team/x.git", "git.example.org:team/x.git"),
        ("me:pw@git.example.org:team/x.git", "git.example.org:team/x.git"),
        ("/srv/git/x.git", "/srv/git/x.git"),
        ("../x", "../x"),
    ],
)
def test_a_repository_is_told_without_credentials(repository, url, told):
    assert without_credentials(url) == told
    repository.git("remote", "add", "origin", url)
    assert find_checkout(repository.folder).repository == told


def test_a_checkout_in_a_hook_is_the_folders_own(repository, tmp_path, monkeypatch):
    repository.write("a.prompty", "x")
    head = repository.commit("first")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere" / "index"))
    assert find_checkout(repository.folder).head == head


def test_names_that_look_like_patterns_or_log_lines(repository):
    names = ["a*.prompty", ":(top)x.prompty", "[ab].prompty", "-x.prompty", "\x01commit b.prompty"]
    for name in names:
        repository.write(name, name)
        repository.commit(f"Adds {name}\x01commit {'c' * 40}")
    found = find_checkout(repository.folder).origins(names[:4])
    assert {path: origin.commit.message.partition("\x01")[0] for path, origin in found.items()} == {
        n: f"Adds {n}" for n in names[:4]
    }


def test_gits_own_refusal_is_told(repository):
    repository.write("a.prompty", "x")
    repository.commit("first")
    (repository.root / ".git" / "HEAD").write_text("nonsense")
    with pytest.raises(SettingsError, match="git rev-parse: "):
        find_checkout(repository.folder)


def test_without_git_a_repository_is_an_error_and_a_folder_is_not(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="git isn't installed"):
        find_checkout(repository.folder)
    assert find_checkout(tmp_path) is None


def test_it_takes_as_many_commands_for_many_files_as_for_one(repository, tmp_path, monkeypatch):
    """A process for each file would take minutes for ten thousand."""
    log = tmp_path / "commands"
    real = next(Path(place) / "git" for place in os.environ["PATH"].split(":") if (Path(place) / "git").exists())
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    counts = []
    for number in (1, 200):
        for each in range(number):
            repository.write(f"p{each}.prompty", system(f"{number} {each}"))
        repository.commit("more")
        log.write_text("")
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
            checkout = find_checkout(repository.folder)
            assert not any(o.dirty for o in checkout.origins([f"p{each}.prompty" for each in range(number)]).values())
        counts.append(len(log.read_text().splitlines()))
    assert counts[0] == counts[1] > 3


def test_a_checkout_is_only_looked_at(repository):
    repository.write("a.prompty", "one")
    commit = repository.commit("first")
    os.utime(repository.folder / "a.prompty", (1, 1))  # the index would be written anew by a mere status
    index = repository.root / ".git" / "index"
    before = (index.read_bytes(), index.stat().st_mtime_ns)
    checkout = find_checkout(repository.folder)
    assert not checkout.origins(["a.prompty"])["a.prompty"].dirty
    checkout.lineage({commit: []})
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
