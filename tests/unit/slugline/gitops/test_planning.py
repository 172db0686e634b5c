"""What is planned, by states; and that no order of edits, saves, pulls and pushes ever loses or buries anything."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slugline.gitops.planning import plan
from slugline.gitops.pulling import pull
from slugline.gitops.pushing import Said, save
from slugline.gitops.reading import read_source
from slugline.gitops.registry import commits_of, read_entries
from slugline.gitops.values import Change, Commit, Lineage, Origin, PromptSource
from slugline.local import LocalAccess
from tests.unit.slugline.gitops.conftest import access_to, content, system

A, B, C = "a" * 40, "b" * 40, "c" * 40


def source(text: str, base: int | None = None) -> PromptSource:
    front = f"---\nversion: {base}\n---\n" if base else ""
    return read_source("x.prompty", (front + system(text)).encode())


def planned(access: LocalAccess, file: PromptSource, **known: object) -> Change:
    return plan([file], read_entries(access, [file]), **known)[0]  # type: ignore[arg-type]


def saved(access: LocalAccess, *texts: str, commit: str = "") -> None:
    for text in texts:
        access.save("x", content(text), message=f"why {text}", source={"commit": commit} if commit else None)


def test_what_is_nowhere_else_is_new(access):
    change = planned(access, source("one"))
    assert (change.state, change.revision, change.newest, change.writes) == ("new", 0, None, True)


def test_a_file_that_says_what_the_newest_version_says_is_the_same_whatever_its_base(access):
    saved(access, "one", "two")
    for base in (None, 1, 2, 7):
        assert planned(access, source("two", base)).state == "same"


def test_an_edit_of_the_newest_version_is_a_change(access):
    saved(access, "one", "two")
    change = planned(access, source("three", 2))
    assert (change.state, change.base, change.revision) == ("change", 2, 2)
    assert "[-two-]{+three+}" in "".join(
        f"[-{s.text}-]" if s.operation == "removed" else f"{{+{s.text}+}}" for s in change.mine.messages[0].segments
    )


def test_a_file_that_nobody_touched_is_behind(access):
    saved(access, "one", "two", "three")
    change = planned(access, source("one", 1))
    assert (change.state, change.base, [v.number for v in change.theirs]) == ("behind", 1, [3, 2])
    assert (change.registry.old, change.registry.new, change.writes, change.blocks) == ("x@1", "x@3", False, False)


def test_two_edits_are_a_conflict_that_shows_both(access):
    saved(access, "one", "two")
    change = planned(access, source("mine", 1))
    assert (change.state, change.base, change.blocks, change.writes) == ("conflict", 1, True, False)
    assert (change.mine.old, change.registry.new) == ("x@1", "x@2")
    assert "`--onto 2`" in change.reason
    assert planned(access, source("mine", 1), onto={"x": 2}).state == "change"
    saved(access, "three")
    assert planned(access, source("mine", 1), onto={"x": 2}).state == "conflict"


def test_a_file_without_a_base_is_behind_the_version_that_it_equals_and_else_a_conflict(access):
    saved(access, "one", "two", "three")
    assert (planned(access, source("two")).state, planned(access, source("two")).base) == ("behind", 2)
    change = planned(access, source("mine"))
    assert (change.state, change.base) == ("conflict", None)
    assert "'version: 3'" in change.reason


def test_a_commit_of_the_checkout_is_a_base(access):
    saved(access, "one", commit=A)
    assert planned(access, source("two"), lineage=Lineage(contained=frozenset({A}))).state == "change"
    assert planned(access, source("two", 1)).state == "change"  # the file says that it has seen it
    saved(access, "by hand")
    change = planned(access, source("two"), lineage=Lineage(contained=frozenset({A})))
    assert (change.state, change.base) == ("conflict", 1)


@pytest.mark.parametrize(
    "lineage", [Lineage(elsewhere=frozenset({B}), contained=frozenset({A})), Lineage(contained=frozenset({A}))]
)
def test_a_commit_that_the_checkout_does_not_contain_is_a_conflict(access, lineage):
    saved(access, "one", commit=A)
    access.save("x", content("two"), message="m", source={"commit": B, "repository": "https://git.example.org/r"})
    change = planned(access, source("three"), lineage=lineage)
    assert change.state == "conflict"
    assert (
        f"commit {B[:12]} from https://git.example.org/r as version 2, which your checkout doesn't contain"
        in change.reason
    )
    assert planned(access, source("one"), lineage=lineage).state == "behind"


def test_what_a_shallow_clone_does_not_know_is_noted(access):
    saved(access, "one", commit=A)
    change = planned(access, source("two"), lineage=Lineage(shallow=True))
    assert (change.state, len(change.notes)) == ("change", 1)
    assert "fetch more history" in change.notes[0]
    known_to_be_elsewhere = Lineage(shallow=True, elsewhere=frozenset({A}))
    assert planned(access, source("two"), lineage=known_to_be_elsewhere).state == "conflict"


def test_a_version_number_of_another_registry_is_no_base(access):
    saved(access, "one")
    change = planned(access, source("two", 8))
    assert (change.state, change.base) == ("conflict", None)
    assert "another one" in change.notes[0]


def test_archived_prompts_take_no_edits(access):
    saved(access, "one")
    access.archive("x", reason="old")
    same, edited = planned(access, source("one")), planned(access, source("two", 1))
    assert (same.state, same.blocks, same.drifted) == ("archived", False, False)
    assert (edited.state, edited.blocks, edited.drifted) == ("archived", True, True)
    assert "slugline prompt restore x" in edited.reason


def test_a_prompt_without_a_file_is_listed_unless_it_is_archived(access):
    saved(access, "one")
    access.save("y", content("two"), message="m")
    access.archive("y", reason="old")
    assert [(c.slug, c.state, c.drifted) for c in plan([], read_entries(access, []))] == [("x", "missing", False)]


@dataclass
class Clone:
    """A checkout as a model: its file, the commits it has, and which versions whoever works in it has had before their eyes."""

    text: str = ""
    base: int | None = None
    commits: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    head: str = ""


class Interleaving(RuleBasedStateMachine):
    """Two checkouts, a registry with a page to edit in, and everything that may happen in between."""

    def __init__(self) -> None:
        super().__init__()
        self.data = Path(tempfile.mkdtemp())
        self.access = access_to(self.data)
        self.clones = [Clone(), Clone()]
        self.contents: list[str] = []
        self.waiting: list[tuple[int, Change, Origin, set[int], set[str]]] = []
        self.made = 0

    def teardown(self) -> None:
        self.access.close()
        shutil.rmtree(self.data)

    def newest(self) -> int:
        return max((prompt.latest for prompt in self.access.prompts()), default=0)

    def text_of(self, number: int) -> str:
        return str(self.access.version("x", number).content.messages[0]["content"])

    def known(self) -> frozenset[str]:
        return frozenset().union(*(clone.commits for clone in self.clones))

    def plan(self, clone: Clone, commits: set[str]) -> Change:
        file = source(clone.text, clone.base)
        entries = read_entries(self.access, [file])
        assert set(commits_of(entries, [file])) <= self.known()
        return plan([file], entries, lineage=Lineage(contained=frozenset(commits), elsewhere=self.known() - commits))[0]

    @initialize(text=st.sampled_from("abc"))
    def begin(self, text: str) -> None:
        for which in (0, 1):
            self.edit(which, text)

    @rule(text=st.sampled_from("abcdef"))
    def saved_on_the_page(self, text: str) -> None:
        before = self.newest()
        if self.access.save("x", content(text), message="by hand").created:
            self.contents.append(text)
        assert self.newest() in (before, before + 1)

    @rule(which=st.integers(0, 1), text=st.sampled_from("abcdef"))
    def edit(self, which: int, text: str) -> None:
        clone = self.clones[which]
        clone.text = text
        self.made += 1
        clone.head = f"{self.made:040x}"
        clone.commits.add(clone.head)

    @rule(which=st.integers(0, 1), ours=st.booleans())
    def merge(self, which: int, ours: bool) -> None:
        mine, other = self.clones[which], self.clones[1 - which]
        mine.commits |= other.commits
        mine.seen |= other.seen
        if not ours:
            mine.text, mine.base = other.text, other.base
        self.edit(which, mine.text)

    @rule(which=st.integers(0, 1), overwrite=st.booleans())
    def pulled(self, which: int, overwrite: bool) -> None:
        clone, newest = self.clones[which], self.newest()
        if not newest or not clone.head:
            return
        change = self.plan(clone, clone.commits)
        target = [(self.access.prompt("x"), self.access.version("x", newest))]
        done = next(pull(target, {"x": change}, {}, overwrite=overwrite))
        if done.kind == "kept":
            # What would have been lost is in no version that this file goes back to.
            assert not overwrite
            assert clone.text != self.text_of(newest)
        else:
            if not overwrite:
                assert clone.text in self.contents
            assert done.text is None or read_source("x.prompty", done.text.encode()).base == newest
            clone.base = newest
            clone.seen |= set(range(1, newest + 1))
            self.edit(which, self.text_of(newest))

    @rule(which=st.integers(0, 1))
    def push_is_planned(self, which: int) -> None:
        clone = self.clones[which]
        change = self.plan(clone, clone.commits)
        if change.writes:
            origin = Origin(commit=Commit(id=clone.head, author="Ann <ann@example.org>", message=clone.text))
            self.waiting.append((which, change, origin, set(clone.seen), set(clone.commits)))

    @rule(retried=st.booleans())
    def push_is_made(self, retried: bool) -> None:
        if not self.waiting:
            return
        which, change, origin, seen, commits = self.waiting.pop(0)
        frozen = replace(
            self.clones[which], text=str(change.source.content.messages[0]["content"]), base=change.source.base
        )
        before = self.newest()
        done = save(self.access, change, origin, Said(), lambda _: self.plan(frozen, commits))
        if self.newest() > before:
            assert done.outcome == "saved"
            assert before == 0 or before in seen | self.clones[which].seen, f"version {before} was buried unseen"
            assert self.access.version("x", done.number).source["commit"] == origin.commit.id
            self.contents.append(frozen.text)
        if done.outcome in ("saved", "same"):
            assert self.text_of(done.number) == frozen.text
            # It was pushed from a commit: whoever has that commit has seen it, also who merged it before it was pushed.
            for commits_of, seen_of in [(each.commits, each.seen) for each in self.clones] + [
                (later, known) for _, _, _, known, later in self.waiting
            ]:
                if origin.commit.id in commits_of:
                    seen_of.add(done.number)
        if retried and done.outcome == "saved":
            after = self.newest()
            assert save(self.access, change, origin, Said(), lambda _: self.plan(frozen, commits)).number == done.number
            assert self.newest() == after

    @invariant()
    def every_content_that_was_ever_saved_is_a_version(self) -> None:
        if self.newest():
            kept = [version.content.messages[0]["content"] for version in reversed(self.access.versions("x"))]
            assert kept == self.contents


def test_no_order_of_saves_pulls_and_pushes_loses_or_buries_anything():
    Interleaving.TestCase.settings = settings(
        max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck)
    )
    Interleaving.TestCase("runTest").runTest()
