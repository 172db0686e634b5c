import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.content import as_mapping, parse_content
from registry.errors import PromptInvalidError, RegistryUnavailableError
from registry.files.prompt_file import read_prompt_file, to_prompty
from registry.roles import owner
from registry.templates.limits import Limits
from registry.templates.template import compile_content, render
from registry.values import Content, Version
from registry.writing.locking import Used, lock_includes, moved, short, used_in
from registry.writing.store import Store
from tests.unit.registry.conftest import chat


def text(source: str, **fields: object) -> Content:
    """Content of kind text."""
    return Content(kind="text", text=source, **fields)  # type: ignore[arg-type]


def _save(store: Store, slug: str, content: Content) -> Version:
    return store.save(slug, content, message="m", by=owner("ann")).version


def _promote(store: Store, slug: str, number: int, channel: str = "stable") -> None:
    store.promote(slug, number, channel=channel, reason="r", by=owner("bob"))


def _rendered(version: Version, **variables: object) -> list[str]:
    return [message["content"] for message in render(compile_content(version.content), variables).messages]


USER = chat("Hi. {% include 'tone' %}", "{% include 'tone' %}!")


def test_a_fragments_words_become_the_versions(store):
    inner = _save(store, "base", text("be nice"))
    tone = _save(
        store,
        "tone",
        text("Please {% include 'base' %}, {{ name }}", variables={"properties": {"name": {"type": "string"}}}),
    )
    user = _save(store, "agent", USER)
    base = {"version": 1, "version_id": inner.version_id, "hash": inner.content_hash, "text": "be nice"}
    lock = {
        "version": 1,
        "version_id": tone.version_id,
        "hash": tone.content_hash,
        "text": tone.content.text,
        "variables": {"properties": {"name": {"type": "string"}}},
        "includes": {"base": base},
    }
    assert user.content.includes == {"tone": lock}
    assert store.version("agent", 1) == user
    assert as_mapping(user.content)["includes"] == {"tone": lock}
    assert _rendered(user, name="Ann") == ["Hi. Please be nice, Ann", "Please be nice, Ann!"]
    assert compile_content(user.content).schema["properties"] == {"name": {"type": "string"}}


def test_a_reference_means_stable_or_else_the_newest_or_what_it_names(store):
    versions = [_save(store, "tone", text(word)) for word in ("one", "two", "three")]
    assert short(_save(store, "a", text("{% include 'tone' %}")).content.includes) == {"tone": 3}
    _promote(store, "tone", 2)
    _promote(store, "tone", 1, channel="canary")
    references = ["tone", "tone@stable", "tone@latest", "tone@canary", "tone@3", f"tone@{versions[0].version_id}"]
    saved = _save(store, "b", text("".join(f"{{% include '{reference}' %}} " for reference in references)))
    assert short(saved.content.includes) == dict(zip(references, (2, 2, 3, 1, 3, 1), strict=True))
    assert _rendered(saved) == ["two two three one three one "]


def test_the_same_text_is_a_new_version_once_its_fragment_moved_and_not_before(store):
    _save(store, "tone", text("one"))
    first = store.save("agent", USER, message="m", by=owner("ann"))
    assert not store.save("agent", USER, message="m", by=owner("ann")).created
    _save(store, "tone", text("two"))
    assert store.version("agent", 1) == first.version
    second = store.save("agent", USER, message="m", by=owner("ann"))
    assert (second.created, second.version.number) == (True, 2)
    assert second.version.content_hash != first.version.content_hash
    assert (_rendered(first.version)[1], _rendered(second.version)[1]) == ("one!", "two!")


def test_a_lock_that_the_content_brings_is_kept(store):
    _save(store, "tone", text("one"))
    first = _save(store, "agent", USER)
    _save(store, "tone", text("two"))
    lock = dict(first.content.includes["tone"])
    for brought in (1, {"version": 1}, {"version": 1, "hash": lock["hash"]}, lock):
        saved = store.save(
            "agent", parse_content({**as_mapping(USER), "includes": {"tone": brought}}), message="m", by=owner("a")
        )
        assert not saved.created
        assert saved.version == first
    changed = parse_content({**as_mapping(first.content), "model": "m"})
    assert _rendered(_save(store, "agent", changed)) == ["Hi. one", "one!"]


def test_a_file_is_locked_for_comparing_without_a_save(store):
    _save(store, "tone", text("one"))
    saved = _save(store, "agent", USER)
    assert store.locked("agent", USER, by=owner("ann")) == saved.content
    _save(store, "tone", text("two"))
    assert short(store.locked("agent", USER, by=owner("ann")).includes) == {"tone": 2}
    assert store.locked("agent", chat("please include {{ x }}"), by=owner("ann")) == chat("please include {{ x }}")
    with pytest.raises(PromptInvalidError, match="did you mean 'tone'"):
        store.locked("agent", text("{% include 'tune' %}"), by=owner("ann"))
    assert store.revision() == 3


def test_a_file_keeps_the_numbers_and_saves_the_same_again(store):
    _save(store, "tone", text("one"))
    first = _save(store, "agent", USER)
    _save(store, "tone", text("two"))
    written = to_prompty(first)
    assert "includes:\n  tone: 1\n" in written
    content = read_prompt_file(written, "agent.prompty").content
    assert content.includes == {"tone": 1}
    assert not store.save("agent", content, message="m", by=owner("ann")).created
    in_yaml = read_prompt_file("text: \"{% include 'tone@stable' %}\"\nincludes: {tone@stable: 2}\n", "b.yaml").content
    assert _rendered(_save(store, "b", in_yaml)) == ["two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (chat("x", "a\n{% include 'tont' %}"), r"messages\[1\].content, line 2: fragment 'tont' not found; did you mean 'tone'\?"),
        (text("{% include 'far-away' %}"), "text, line 1: fragment 'far-away' not found; save it first"),
        (text("{% include 'tone@9' %}"), "fragment 'tone@9': prompt 'tone' has no version 9; it has versions 1-2"),
        (text("{% include 'tone@canry' %}"), "fragment 'tone@canry': prompt 'tone' has no channel 'canry'; did you mean 'canary'"),
        (text("{% include 'tone@stable' %}"), "nothing on channel 'stable' yet"),
        (text("{% include 'Tone' %}"), "'Tone' is not a slug"),
        (text("{% include 'tone@' %}"), "ends with '@'"),
        (text("{% include 'tone@01900000-0000-7000-8000-000000000000' %}"), "no version with the id"),
        (text("{% include 'chat' %}"), "version 1 of 'chat' is a chat prompt.*kind 'text'"),
        (text("{% include 'mine' %}"), "fragment 'mine': a prompt can't include itself"),
        (text("{% include tone %}"), "text, line 1: .*not an expression"),
        (text("{% include 'tone'"), "text, line 1: unexpected end"),
        (text("x", includes={"tone": 1}), "no template includes 'tone'; leave its lock out"),
        (text("{% include 'tone' %}", includes={"tune": 1}), "no template includes 'tune'; did you mean 'tone'"),
        (text("{% include 'tone' %}", includes={"tone": 9}), "no version 9"),
        (text("{% include 'tone@2' %}", includes={"tone@2": 1}), "its lock names version 1, the reference itself version 2"),
        (text("{% include 'tone' %}", includes={"tone": {"version": 1, "hash": "0"}}), "the 'hash' in its lock isn't that of version 1"),
        (text("{% include 'tone' %}", includes={"tone": {"version": 1, "text": "0"}}), "the 'text' in its lock isn't"),
        (text("{% include 'tone' %}", includes={"tone": {"version": 1, "variables": {"a": 1}}}), "the 'variables' in its lock"),
        (Content(messages=({"role": "user", "content": [{"type": "f", "url": "{% include 'no' %}"}]},)), r"content\[0\].url, line 1"),
    ],
)  # fmt: skip
def test_says_what_can_not_be_included_where_and_why(store, content, said):
    for source in ("one", "two"):
        _save(store, "tone", text(source))
    _save(store, "chat", chat("x"))
    _promote(store, "tone", 1, channel="canary")
    before = store.revision()
    with pytest.raises(PromptInvalidError, match=said):
        _save(store, "mine", content)
    assert store.revision() == before


def test_a_fragment_that_would_break_the_prompt_is_refused_with_it(store):
    _save(store, "a", text("{{ n }}", variables={"properties": {"n": {"type": "string"}}}))
    _save(store, "b", text("{{ n }}", variables={"properties": {"n": {"type": "integer"}}}))
    both = "{% include 'a' %}{% include 'b' %}"
    with pytest.raises(PromptInvalidError, match="fragments 'a' and 'b' declare variable 'n' differently"):
        _save(store, "mine", text(both))
    _save(store, "mine", text(both, variables={"properties": {"n": {"type": ["string", "integer"]}}}))


def test_a_fragment_in_a_fragment_in_the_first_one_is_an_earlier_version(store):
    _save(store, "a", text("a1"))
    _save(store, "b", text("b1({% include 'a' %})"))
    second = _save(store, "a", text("a2({% include 'b' %})"))
    assert _rendered(second) == ["a2(b1(a1))"]
    _save(store, "b", text("b2({% include 'a' %})"))
    third = _save(store, "a", text("a2({% include 'b' %})"))
    assert _rendered(third) == ["a2(b2(a2(b1(a1))))"]
    _save(store, "b", text("b3({% include 'a' %})"))
    _save(store, "a", text("a4({% include 'b' %})"))
    _save(store, "b", text("b4({% include 'a' %})"))
    assert _rendered(_save(store, "a", text("a5({% include 'b' %})"))) == ["a5(b4(a4(b3(a2(b2(a2(b1(a1))))))))"]
    with pytest.raises(PromptInvalidError, match="at most 8 deep"):
        _save(store, "b", text("b5({% include 'a' %})"))


def test_fragments_are_bounded_while_they_are_locked(engine):
    store = Store(engine, limits=Limits(source=100))
    for slug in ("a", "b"):
        _save(store, slug, text("x" * 60))
    with pytest.raises(PromptInvalidError, match="line 2: the fragments have more than 100 characters together"):
        _save(store, "c", text("{% include 'a' %}\n{% include 'b' %}"))


def test_a_database_that_is_gone_is_not_the_authors_fault():
    def gone(_: object) -> Version:
        raise RegistryUnavailableError("gone")

    with pytest.raises(RegistryUnavailableError):
        lock_includes(text("{% include 'a' %}"), gone)


def test_what_is_used_and_what_a_move_would_change():
    def lock(number: int, **includes: object) -> dict:
        return {"version": number, "text": f"t{number}", "includes": includes}

    includes = {"f": lock(1), "f@stable": lock(2), "f@1": lock(1), "g": lock(5, f=lock(3))}
    assert list(used_in(includes)) == [
        Used(slug="f", number=1, direct=True, pinned=False),
        Used(slug="f", number=2, direct=True, pinned=False),
        Used(slug="f", number=1, direct=True, pinned=True),
        Used(slug="g", number=5, direct=True, pinned=False),
        Used(slug="f", number=3, direct=False, pinned=False),
    ]
    new = {
        "slug": "f",
        "number": 9,
        "version_id": "i",
        "content": text("t9"),
        "content_hash": "h",
        "message": "",
        "author": "",
    }
    to = Version(**new, created_at=datetime(2026, 1, 1, tzinfo=UTC), revision=1)  # type: ignore[arg-type]
    after = moved(includes, to)
    assert [(use.slug, use.number) for use in used_in(after)] == [("f", 9), ("f", 9), ("f", 1), ("g", 5), ("f", 9)]
    assert short(includes) == {"f": 1, "f@stable": 2, "f@1": 1, "g": 5}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}%#"), max_size=20)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS, st.lists(st.tuples(st.sampled_from(["tone", "base"]), WORDS, st.booleans()), max_size=5))
def test_a_version_renders_the_same_whatever_happens_to_its_fragments(store, first, later):
    name = len(store.prompts())  # another for each example
    tone, base, agent = (f"{slug}-{name}" for slug in ("tone", "base", "agent"))
    _save(store, base, text(f"{first}{{{{ x }}}}"))
    _save(store, tone, text(f"{first} {{% include '{base}' %}}"))
    saved = _save(store, agent, text(f"{{% include '{tone}' %}}/{{% include '{base}@latest' %}}"))
    before = _rendered(saved, x="X")
    for slug, words, promoted in later:
        fragment = _save(store, f"{slug}-{name}", text(words))
        if promoted:
            _promote(store, fragment.slug, fragment.number)
    again = store.version(agent, 1)
    assert again == saved
    assert _rendered(again, x="X") == before
    assert before == [f"{first} {first}X/{first}X".replace("\r\n", "\n").replace("\r", "\n")]
    assert json.dumps(as_mapping(again.content)) == json.dumps(as_mapping(saved.content))
