from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.diffs.compare import Diff, as_text, diff, diff_content
from registry.diffs.words import words
from registry.values import Content, Version
from tests.unit.registry.conftest import chat


def _sentences(old: Content, new: Content) -> list[str]:
    return list(diff_content(old, new)[0])


@given(st.text(), st.text())
def test_the_segments_are_both_texts_in_full(old, new):
    segments = words(old, new)
    assert "".join(s.text for s in segments if s.operation != "added") == old
    assert "".join(s.text for s in segments if s.operation != "removed") == new


def test_words_change_not_letters_and_tags_as_a_whole():
    found = [
        (s.operation, s.text)
        for s in words("You are a kind agent, {{ name }}.", "You are a kinder agent, {{ user.name }}.")
    ]
    assert found == [
        ("same", "You are a "),
        ("removed", "kind"),
        ("added", "kinder"),
        ("same", " agent, "),
        ("removed", "{{ name }}"),
        ("added", "{{ user.name }}"),
        ("same", "."),
    ]


def test_many_different_words_are_told_apart():
    old = " ".join(f"w{n}" for n in range(60_000))
    found = words(old, old + " end")
    assert [(s.operation, s.text) for s in found][1:] == [("added", " end")]


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ({}, {"model": "gpt-5"}, ["the model is set to gpt-5"]),
        ({"model": "a"}, {"model": "b"}, ["the model changes from a to b"]),
        ({"model": "a"}, {}, ["the model a is taken out: the caller's counts"]),
        ({"parameters": {"temperature": 0.2, "seed": 1}}, {"parameters": {"temperature": 0.7, "top_p": 1}}, ["parameter 'temperature' changes from 0.2 to 0.7", "parameter 'seed' is removed (was 1)", "parameter 'top_p' is added: 1"]),
        ({"tools": [{"function": {"name": "f"}}, {"type": "web"}]}, {"tools": [{"function": {"name": "f", "strict": True}}, {"name": "g"}]}, ["tool 'f' changes", "tool 'web' is removed", "tool 'g' is added"]),
        ({"response_format": {"type": "text"}}, {"response_format": {"type": "json_schema"}}, ["the response format changes from text to json_schema"]),
        ({"response_format": {"type": "s", "schema": {"a": 1, "b": 2}}}, {"response_format": {"type": "s", "schema": {"b": 2, "a": 1}}}, ["the response format (s) has another schema"]),
        ({"locked": ("model",)}, {"locked": ("tools",)}, ["locked field 'model' is removed", "locked field 'tools' is added"]),
        ({"variables": {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}}, {"variables": {"properties": {"a": {"type": "integer"}, "c": {}}, "required": ["c"], "additionalProperties": False}}, ["variable 'a' changes from {\"type\": \"string\"} to {\"type\": \"integer\"}", "variable 'b' is removed", "variable 'c' is added", "variable 'c' is required now", "variable 'a' isn't required any more", "the rules for all variables together change from {} to {\"additionalProperties\": false}"]),
    ],
)  # fmt: skip
def test_settings_change_in_sentences(old, new, sentences):
    assert _sentences(chat("x", **old), chat("x", **new)) == sentences


def test_messages_are_paired_by_what_they_say_then_by_role():
    def content(*messages: tuple[str, str]) -> Content:
        return Content(messages=tuple({"role": role, "content": text} for role, text in messages))

    sentences, messages = diff_content(
        content(("system", "be kind"), ("user", "hi"), ("user", "bye")),
        content(("system", "be brief"), ("assistant", "hello"), ("user", "hi")),
    )
    assert sentences == ("a assistant message is added as number 2", "the user message 3 is removed")
    assert [(m.role, m.old, m.new) for m in messages] == [("system", 0, 0), ("assistant", None, 1), ("user", 2, None)]


def test_parts_names_and_placeholders_are_compared():
    old = Content(
        messages=(
            {"role": "user", "content": [{"type": "text", "text": "a b"}]},
            {"role": "user", "content": "x", "name": "n"},
        )
    )
    new = Content(
        messages=(
            {"role": "user", "content": [{"type": "text", "text": "a c"}]},
            {"role": "placeholder", "name": "messages"},
        )
    )
    messages = diff_content(old, new)[1]
    assert [s.text for s in messages[0].segments] == ["a ", "b", "c"]
    assert {m.role for m in messages[1:]} == {"user", "placeholder"}


@given(
    st.lists(st.tuples(st.sampled_from(["system", "user"]), st.sampled_from("abc")), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(["system", "user"]), st.sampled_from("abc")), min_size=1, max_size=6),
)
def test_every_message_is_accounted_for_once(old, new):
    def content(messages: list[tuple[str, str]]) -> Content:
        return Content(messages=tuple({"role": role, "content": text} for role, text in messages))

    messages = diff_content(content(old), content(new))[1]
    gone, came = [m.old for m in messages if m.old is not None], [m.new for m in messages if m.new is not None]
    assert len(set(gone)) == len(gone)
    assert len(set(came)) == len(came)
    assert len(old) - len(gone) == len(new) - len(came)
    assert (messages == ()) == (old == new)


def test_text_for_a_terminal():
    def version(number: int, content: Content) -> Version:
        return Version(
            slug="a",
            number=number,
            version_id="i",
            content=content,
            content_hash="h",
            message="m",
            author="n",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            revision=number,
        )

    found = diff(version(1, chat("be kind now")), version(2, chat("be brief now", model="m")))
    assert as_text(found) == "a@1 → a@2\n  • the model is set to m\n\nsystem (message 1):\n  be [-kind-]{+brief+} now\n"
    same = diff(version(1, chat("x")), version(1, chat("x")))
    assert same == Diff(old="a@1", new="a@1", sentences=(), messages=())
    assert same.empty
    assert "say and set the same" in as_text(same)


def _locked(text: str, **includes: dict) -> Content:
    return Content(kind="text", text=text, includes=includes)


def _lock(version: int, text: str, **includes: dict) -> dict:
    return {"version": version, "text": text, "includes": includes}


def test_a_fragment_moves_in_a_sentence_and_in_its_words():
    old = _locked("Hi. {% include 'f' %}", f=_lock(3, "Be kind. {% include 'g' %}", g=_lock(1, "Bye.")))
    new = _locked("Hi. {% include 'f' %}", f=_lock(4, "Be brief. {% include 'g' %}", g=_lock(2, "Bye.")))
    sentences, messages = diff_content(old, new)
    assert sentences == ("fragment 'f' moves from version 3 to 4", "fragment 'g' moves from version 1 to 2")
    assert [(s.operation, s.text) for s in messages[0].segments] == [
        ("same", "Hi. Be "),
        ("removed", "kind"),
        ("added", "brief"),
        ("same", ". Bye."),
    ]


def test_fragments_come_and_go_in_sentences_and_pasting_one_in_changes_no_word():
    old, new = _locked("Hi. {% include 'f@2' %}", **{"f@2": _lock(2, "Be kind.")}), _locked("Hi. Be kind.")
    assert diff_content(old, new) == (("fragment 'f' (version 2) is taken out",), ())
    assert diff_content(new, old) == (("fragment 'f' (version 2) is included",), ())
    both = _locked("{% include 'f' %}{% include 'f@1' %}", **{"f": _lock(2, "x"), "f@1": _lock(1, "y")})
    assert diff_content(old, both)[0] == ("fragment 'f' moves from version 2 to versions 1 and 2",)


def test_words_of_a_file_whose_fragments_are_not_locked_are_compared_as_written():
    old = _locked("Hi. {% include 'f' %}", f=_lock(3, "Be kind."))
    new = Content(kind="text", text="Hi. {% include 'f' %}", includes={"f": 4})
    assert diff_content(old, new) == (("fragment 'f' moves from version 3 to 4",), ())
    assert diff_content(old, Content(kind="text", text="Hi. {% include 'f' %}")) == ((), ())


def test_parts_are_compared_with_their_fragments_in_place():
    def content(version: int, words: str, **part: object) -> Content:
        body = [{"type": "text", "text": "{% include 'f' %}", **part}]
        return Content(messages=({"role": "user", "content": body},), includes={"f": _lock(version, words)})

    for more in ({}, {"cache_control": {"type": "ephemeral"}}):
        found = diff_content(content(1, "one", **more), content(2, "two", **more))[1]
        assert ("added", "two") in [(s.operation, s.text) for s in found[0].segments]
