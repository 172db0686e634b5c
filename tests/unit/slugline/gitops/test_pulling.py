"""Versions to files: what a pull writes says what the version says, keeps what it can of the file, and changes nothing twice."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.content import canonical, content_hash, parse_content
from registry.files.prompt_file import read_prompt_file
from registry.values import Content, Prompt, Version
from slugline.gitops.comparing import same
from slugline.gitops.planning import plan
from slugline.gitops.pulling import Pulled, pull
from slugline.gitops.reading import read_source
from slugline.gitops.registry import read_entries
from slugline.gitops.values import FileError
from slugline.gitops.writing import changed_file, new_file, with_number
from slugline.local import LocalAccess
from tests.unit.slugline.gitops.conftest import content

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROMPT = Prompt(
    slug="a", owner="team", purpose="Says hello", tags=("x",), created_at=NOW, created_by="ann", channels={"latest": 8}, latest=8, revision=8
)  # fmt: skip

LINES = st.sampled_from(
    [
        "system:",
        "\\user:",
        "",
        " ",
        "a: b",
        "{{ x }}",
        "- x",
        "version: 3",
        "---",
        "é",
        "'",
        "#",
        "  in",
        "name: z",
        "\r",
    ]
)
TEXTS = st.lists(LINES, min_size=1, max_size=6).map("\n".join)
MESSAGES = st.lists(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "user"]), TEXTS),
    min_size=1,
    max_size=3,
)
CONTENTS = st.one_of(
    st.builds(lambda text: Content(kind="text", text=text), TEXTS),
    st.builds(lambda m, model, p: Content(messages=tuple(m), model=model, parameters=p), MESSAGES, st.sampled_from([None, "gpt-5"]), st.sampled_from([{}, {"temperature": 0.5}])),
)  # fmt: skip
FILES = st.sampled_from(
    [
        ("a.prompty", "system:\nHello\n"),
        (
            "a.prompty",
            "---\nname: a # the name\nmodel: gpt-5   # why this one\nversion: 3 # pulled\n---\nsystem:\nHello\n",
        ),
        (
            "a.prompty",
            "---\nauthors: [ann]\nsample: {x: 1}\nmodel:\n  api: chat\n  configuration: {name: gpt-5}\n---\nuser:\nHello\n",
        ),
        ("a.prompty", "\ufeff---\r\nname: a\r\n---\r\nsystem:\r\nHello\r\n"),
        ("a.prompty", "---\n{name: a}\n---\nHello\n"),
        ("a.prompty", "---\n---\nHello"),
        ("a.yaml", "name: a\nmessages:\n  - role: system\n    content: Hello\n"),
        ("a.yml", '{"text": "Hello"}'),
        ("a.yaml", "# a note\nversion: 2\r\ntext: Hello\r\n"),
        ("a.prompty", "---\nmodel: [\n---\nbroken"),
    ]
)


def version(content: Content, number: int = 8) -> Version:
    text = canonical(content)
    return Version(
        slug="a", number=number, version_id="i", content=parse_content(json.loads(text)), content_hash=content_hash(text),
        message="m", author="n", created_at=NOW, revision=number,
    )  # fmt: skip


@given(content=CONTENTS)
def test_a_new_file_says_what_the_version_says(content):
    told = version(content)
    text = new_file(told, PROMPT)
    found = read_source("a.prompty", text.encode())
    assert (found.content_hash, found.base, found.description, found.tags, found.owner) == (
        told.content_hash,
        8,
        "Says hello",
        ("x",),
        "team",
    )
    assert changed_file(told, text, "a.prompty") == text


@given(file=FILES, first=CONTENTS, second=CONTENTS)
def test_a_changed_file_says_what_the_version_says_in_its_own_format_and_nothing_changes_twice(file, first, second):
    path, text = file
    for number, said in ((8, first), (9, second), (10, first)):
        told = version(said, number)
        text = changed_file(told, text, path)
        found = read_source(path, text.encode())
        assert (found.content_hash, found.base) == (told.content_hash, number)
        assert changed_file(told, text, path) == text
        lines = text.count("\n")
        assert text.count("\r\n") == (lines if "\r\n" in file[1] else 0)
        assert text.startswith("\ufeff") == file[1].startswith("\ufeff")


def test_where_only_words_change_the_front_matter_stays_as_somebody_wrote_it():
    text = "---\nname: a # the name\nmodel:   gpt-5   # why this one\nversion: 3 # pulled\ntemperature: 0.50\n---\nsystem:\nHello\n"
    told = version(
        Content(messages=({"role": "system", "content": "Good day"},), model="gpt-5", parameters={"temperature": 0.5})
    )
    assert changed_file(told, text, "a.prompty") == text.replace("version: 3", "version: 8").replace(
        "Hello", "Good day"
    )


def test_what_describes_a_file_stays_where_settings_change():
    text = "---\nauthors:\n- ann\nname: a\nsample: {x: 1}\nmodel: gpt-5\n---\nsystem:\nHello\n"
    told = version(Content(messages=({"role": "system", "content": "Hello"},), model="gpt-6"))
    assert changed_file(told, text, "a.prompty") == (
        "---\nname: a\nversion: 8\nauthors:\n- ann\nsample:\n  x: 1\nmodel: gpt-6\n---\nsystem:\nHello\n"
    )


def test_fragments_stay_locked_to_their_numbers_or_unlocked(access: LocalAccess):
    access.save("tone", Content(kind="text", text="Be kind."), message="m")
    access.save("a", content('{% include "tone" %} Hello'), message="m")
    access.save("tone", Content(kind="text", text="Be very kind."), message="m")
    access.save("a", Content(messages=content('{% include "tone" %} Hello').messages), message="fragment moved")
    first, second = access.version("a", 1), access.version("a", 2)
    text = new_file(first, access.prompt("a"))
    assert "includes:\n  tone: 1\n" in text
    assert same(read_prompt_file(text, "a.prompty").content, first)
    assert not same(read_prompt_file(text, "a.prompty").content, second)
    assert "includes:\n  tone: 2\n" in changed_file(second, text, "a.prompty")
    floating = '---\nversion: 1\n---\nsystem:\n{% include "tone" %} Hello\n'
    assert changed_file(second, floating, "a.prompty") == floating.replace("version: 1", "version: 2")
    found = plan(
        [read_source("a.prompty", text.encode())], read_entries(access, [read_source("a.prompty", text.encode())])
    )
    assert (found[0].state, "fragment" in "".join(found[0].registry.sentences)) == ("behind", True)


@pytest.mark.parametrize("path", ["a.prompty", "a.yaml"])
def test_a_number_is_noted_without_touching_anything_else(path):
    front = "# why\nname: a # me\nmodel:   m\n"
    text = f"---\n{front}---\nsystem:\nversion: 1\n" if path == "a.prompty" else f"{front}text: x\n"
    noted = with_number(text, path, 4)
    assert noted == text.replace("name: a # me\n", "name: a # me\nversion: 4\n")
    assert with_number(noted, path, 5) == noted.replace("version: 4", "version: 5")
    assert with_number("{text: x}", "a.yaml", 4) == "{text: x}"


def one(access: LocalAccess, text: str, number: int, *, overwrite: bool = False) -> Pulled:
    source = read_source("deep/x.prompty", text.encode())
    changes = {change.slug: change for change in plan([source], read_entries(access, [source]))}
    return next(pull([(access.prompt("x"), access.version("x", number))], changes, {}, overwrite=overwrite))


def test_what_a_pull_does_with_each_file(access: LocalAccess):
    for text in ("one", "two", "three"):
        access.save("x", content(text), message="m")
    cases = [
        ("---\nversion: 3\n---\nsystem:\nthree\n", 3, "unchanged"),
        ("---\nversion: 2\n---\nsystem:\nthree\n", 3, "numbered"),
        ("system:\nthree\n", 3, "numbered"),
        ("---\nversion: 2\n---\nsystem:\ntwo\n", 3, "updated"),
        ("system:\ntwo\n", 3, "updated"),
        ("---\nversion: 3\n---\nsystem:\nthree\n", 1, "updated"),
        ("---\nversion: 3\n---\nsystem:\nmine\n", 3, "kept"),
        ("---\nversion: 1\n---\nsystem:\nmine\n", 3, "kept"),
        ("system:\nmine\n", 3, "kept"),
    ]
    for text, number, kind in cases:
        found = one(access, text, number)
        assert (found.kind, found.path, found.text is None) == (
            kind,
            "deep/x.prompty",
            kind in ("kept", "unchanged"),
        ), text
        forced = one(access, text, number, overwrite=True)
        after = read_source("x.prompty", (forced.text or text).encode())
        assert (after.base, after.content.messages[0]["content"]) == (number, ("one", "two", "three")[number - 1])


def test_a_prompt_without_a_file_gets_one_and_a_file_that_cannot_be_read_stays(access: LocalAccess):
    access.save("x", content("one"), message="m")
    target = [(access.prompt("x"), access.version("x", 1))]
    made = next(pull(target, {}, {}))
    assert (made.kind, made.path) == ("new", "x.prompty")
    kept = next(pull(target, {}, {"x": FileError(path="x.yaml", message="not YAML", slug="x")}, overwrite=True))
    assert (kept.kind, kept.path, kept.text) == ("kept", "x.yaml", None)
