"""Writing to the registry: once, with the commit, on top of nothing unseen, and through the registry's own rules."""

import pytest

from registry.errors import IdempotencyKeyReusedError
from registry.values import Content
from slugline.gitops.looking import Look, look
from slugline.gitops.pushing import Pushed, Said, promote, refusals, save
from slugline.local import LocalAccess
from tests.unit.slugline.gitops.conftest import Repository, access_to, content, system


def pushed(access: LocalAccess, seen: Look, said: Said | None = None) -> list[Pushed]:
    given = said or Said(repository=seen.plan.repository, prefix=seen.plan.prefix)
    return [save(access, c, seen.plan.origin(c), given, seen.again) for c in seen.plan.changes if c.writes]


def committed(repository: Repository, text: str, message: str = "why", **environment: str) -> str:
    repository.write("x.prompty", system(text))
    return repository.commit(message, **environment)


def test_a_version_has_its_commits_message_author_and_id(access, repository):
    repository.git("remote", "add", "origin", "https://ci:secret@git.example.org/team/prompts.git")
    commit = committed(
        repository, "one", "Say hello\n\nBecause.", GIT_AUTHOR_NAME="Bob", GIT_AUTHOR_EMAIL="bob@example.org"
    )
    assert [each.outcome for each in pushed(access, look(access, repository.folder))] == ["saved"]
    version = access.version("x", 1)
    assert (version.author, version.message) == ("Bob <bob@example.org>", "Say hello\n\nBecause.")
    assert version.source == {
        "commit": commit,
        "path": "prompts/x.prompty",
        "repository": "https://git.example.org/team/prompts.git",
        "blob": repository.git("rev-parse", "HEAD:prompts/x.prompty"),
    }
    assert access.history("x")[0].actor == "ann"
    assert look(access, repository.folder).plan.counts() == {"same": 1}


def test_a_push_that_is_made_again_writes_nothing_even_by_a_plan_from_before(access, repository):
    committed(repository, "one")
    before = look(access, repository.folder)
    assert [each.outcome for each in pushed(access, before)] == ["saved"]
    revision = access.prompt("x").revision
    assert [(each.outcome, each.number) for each in pushed(access, before)] == [("saved", 1)]
    assert (access.prompt("x").latest, access.prompt("x").revision) == (1, revision)


def test_the_same_commit_may_be_pushed_anew_on_top_of_what_was_seen_meanwhile(access, repository):
    committed(repository, "one")
    pushed(access, look(access, repository.folder))
    access.save("x", content("by hand"), message="m")
    assert pushed(access, look(access, repository.folder)) == []
    found = pushed(access, look(access, repository.folder, only=("x",), onto={"x": 2}))
    assert [(each.outcome, each.number) for each in found] == [("saved", 3)]


def test_an_edit_between_plan_and_push_is_a_conflict_and_nothing_is_written(access, repository):
    committed(repository, "one")
    pushed(access, look(access, repository.folder))
    committed(repository, "two")
    before = look(access, repository.folder)
    access.save("x", content("by hand"), message="m")
    (found,) = pushed(access, before)
    assert (found.outcome, found.change.state, access.prompt("x").latest) == ("conflict", "conflict", 2)
    assert [version.number for version in found.change.theirs] == [2]


def test_a_new_prompt_that_somebody_else_makes_meanwhile_is_a_conflict_unless_it_says_the_same(access, repository):
    committed(repository, "one")
    before = look(access, repository.folder)
    access.save("x", content("one"), message="m")
    assert [(each.outcome, each.number) for each in pushed(access, before)] == [("same", 1)]
    access.save("x", content("other"), message="m")
    assert [each.outcome for each in pushed(access, before)] == ["conflict"]
    assert access.prompt("x").latest == 2


def test_a_write_that_leaves_the_versions_alone_is_no_conflict(access, repository):
    committed(repository, "one")
    pushed(access, look(access, repository.folder))
    committed(repository, "two")
    before = look(access, repository.folder)
    access.promote("x", 1, reason="meanwhile")
    assert [(each.outcome, each.number) for each in pushed(access, before)] == [("saved", 2)]


def test_two_pipelines_of_one_commit_write_one_version(tmp_path, access, repository):
    committed(repository, "one")
    with access_to(tmp_path / "data", "bob") as other:
        plans = [(each, look(each, repository.folder)) for each in (access, other)]
        assert [[p.outcome for p in pushed(*each)] for each in plans] == [["saved"], ["same"]]
    assert access.prompt("x").latest == 1


def test_a_new_prompt_takes_what_its_file_says_of_it(access, repository):
    repository.write("x.prompty", "---\ndescription: Says hello\ntags: [a]\nowner: team\n---\nHello\n")
    repository.commit("why")
    pushed(access, look(access, repository.folder))
    prompt = access.prompt("x")
    assert (prompt.purpose, prompt.tags, prompt.owner) == ("Says hello", ("a",), "team")


def test_without_git_a_message_is_asked_for_and_no_commit_is_claimed(access, tmp_path):
    folder = Repository(tmp_path / "plain")
    folder.write("x.prompty", system("one"))
    seen = look(access, folder.folder)
    assert refusals(seen.plan, allow_dirty=False, message="") == [
        "there is no commit whose message could say why: say it with -m"
    ]
    assert refusals(seen.plan, allow_dirty=False, message="why") == []
    pushed(access, seen, Said(message="why"))
    version = access.version("x", 1)
    assert (version.source, version.message, version.author) == ({"path": "x.prompty"}, "why", "ann")


def test_what_is_not_committed_is_refused_or_pushed_without_a_commit(access, repository):
    committed(repository, "one")
    repository.write("x.prompty", system("two"))
    seen = look(access, repository.folder)
    (why,) = refusals(seen.plan, allow_dirty=False, message="")
    assert why.startswith(f"x: {repository.folder}/x.prompty has changes that aren't committed")
    assert len(refusals(seen.plan, allow_dirty=True, message="")) == 1
    assert refusals(seen.plan, allow_dirty=True, message="try") == []
    pushed(access, seen, Said(message="try", prefix=seen.plan.prefix))
    assert access.version("x", 1).source == {"path": "prompts/x.prompty", "dirty": True}


def test_conflicts_errors_and_archived_prompts_hold_up_everything(access, repository):
    for slug in ("x", "y", "z"):
        access.save(slug, content("theirs"), message="m")
        repository.write(f"{slug}.prompty", system("mine"))
    repository.write("broken.prompty", "{{ x")
    repository.write("fine.prompty", system("new"))
    repository.write("y.prompty", "---\nversion: 1\n---\n" + system("mine"))
    repository.commit("why")
    access.archive("z", reason="old")
    told = refusals(look(access, repository.folder).plan, allow_dirty=False, message="")
    assert [line.partition(": ")[0].removeprefix(f"{repository.folder}/") for line in told] == [
        "broken.prompty:1",
        "x",
        "z",
    ]
    assert refusals(look(access, repository.folder, only=("fine", "y")).plan, allow_dirty=False, message="") == []


def test_fragments_of_the_same_push_are_there_when_they_are_asked_for(access, repository):
    from slugline.gitops.checking import in_order

    repository.write("a.prompty", 'system:\n{% include "tone" %}\n{% include "z-rules@2" %}\n')
    repository.write("tone.prompty", '---\nkind: text\n---\nBe kind. {% include "z-rules" %}\n')
    repository.write("z-rules.prompty", "---\nkind: text\nversion: 1\n---\nNever lie.\n")
    repository.write("b.prompty", 'system:\n{% include "nobody" %}\n')
    repository.commit("why")
    access.save("z-rules", Content(kind="text", text="Never."), message="m")
    seen = look(access, repository.folder)
    assert [str(error) for error in seen.plan.errors] == [
        "b.prompty:2: messages[0].content, line 1: prompt 'nobody' not found; `slugline prompt list` shows those that exist"
    ]
    ordered = in_order(change for change in seen.plan.changes if change.slug != "b")
    assert [change.slug for change in ordered] == ["z-rules", "tone", "a"]
    for change in ordered:
        assert save(access, change, seen.plan.origin(change), Said(), seen.again).outcome == "saved"
    assert access.version("a", 1).content.includes["z-rules@2"]["text"] == "Never lie."
    assert look(access, repository.folder, only=("a", "tone", "z-rules")).plan.counts() == {"same": 3}


def test_fragments_that_include_each_other_are_an_error(access, repository):
    repository.write("a.prompty", '---\nkind: text\n---\n{% include "b" %}\n')
    repository.write("b.prompty", '---\nkind: text\n---\n{% include "a" %}\n')
    repository.commit("why")
    assert len(look(access, repository.folder).plan.errors) == 2


def test_promotion_goes_through_the_channels_rules(access, repository):
    committed(repository, "one")
    pushed(access, look(access, repository.folder))
    assert promote(access, "x", 1, "stable", "why", request=False).outcome == "promoted"
    assert promote(access, "x", 1, "stable", "why", request=False).outcome == "there"
    access.protect("x", approvals=1)
    committed(repository, "two")
    pushed(access, look(access, repository.folder))
    refused = promote(access, "x", 2, "stable", "why", request=False)
    assert refused.outcome == "refused"
    assert "approval" in refused.reason and "--request" in refused.reason
    asked = promote(access, "x", 2, "stable", "why", request=True)
    assert asked.outcome == "requested"
    assert [(r.version, r.reason, r.state) for r in access.requests("x")] == [(2, "why", "open")]
    assert access.prompt("x").channels["stable"] == 1


def test_what_somebody_rolled_back_is_not_put_there_again(access, repository):
    for text in ("one", "two"):
        committed(repository, text)
        pushed(access, look(access, repository.folder))
        promote(access, "x", access.prompt("x").latest, "stable", "why", request=False)
    access.rollback("x", reason="it answers in French")
    held = promote(access, "x", 2, "stable", "why", request=False)
    assert held.outcome == "held"
    assert "ann rolled stable back from version 2 (it answers in French)" in held.reason
    assert promote(access, "x", 2, "canary", "why", request=False).outcome == "promoted"
    access.promote("x", 2, reason="on purpose")
    access.promote("x", 1, reason="and away")
    assert promote(access, "x", 2, "stable", "why", request=False).outcome == "promoted"


def test_a_key_that_is_used_for_something_else_is_a_refusal_and_not_a_write(access, repository):
    committed(repository, "one")
    seen = look(access, repository.folder)
    pushed(access, seen)
    used = access.history("x")[0].idempotency_key
    assert used.startswith("git-")
    with pytest.raises(IdempotencyKeyReusedError):
        access.save("x", content("other"), message="m", idempotency_key=used)
