"""Files to prompts: names, encodings, and errors that say in which line."""

import pytest

from registry.content import as_mapping
from slugline.gitops.checking import Checker
from slugline.gitops.planning import plan
from slugline.gitops.reading import at_line, read_files, read_source
from slugline.gitops.values import FileError, PromptSource

TEXT = b"system:\nHello {{ x }}\n"


def one(path: str, data: bytes) -> PromptSource | FileError:
    sources, errors = read_files([(path, data)])
    assert len(sources) + len(errors) == 1
    return (*sources, *errors)[0]


@pytest.mark.parametrize(
    ("path", "front", "slug"),
    [
        ("support-agent.prompty", "", "support-agent"),
        ("eu/de/support.v2.prompty", "", "support.v2"),
        ("Support Agent.prompty", "name: support-agent", "support-agent"),
        ("support-agent.prompty", "name: support-agent\nversion: 8", "support-agent"),
        ("A.PROMPTY", "name: a", "a"),
    ],
)
def test_a_file_is_named_for_its_prompt_or_says_its_name(path, front, slug):
    found = one(path, (f"---\n{front}\n---\n".encode() if front else b"") + TEXT)
    assert isinstance(found, PromptSource)
    assert (found.slug, found.path, found.base) == (slug, path, 8 if "version" in front else None)


@pytest.mark.parametrize("version", ["1.0", "'2024-06-01'", "true", "0", "-3"])
def test_versions_of_other_tools_are_no_base(version):
    found = one("a.prompty", f"---\nversion: {version}\n---\n".encode() + TEXT)
    assert isinstance(found, PromptSource)
    assert found.base is None


def test_a_name_that_does_not_agree_and_one_that_cannot_be():
    wrong = one("a.prompty", b"---\nname: b\n---\n" + TEXT)
    assert (
        str(wrong)
        == "a.prompty:2: the file is named for prompt 'a', and says 'name: b' inside: rename the file, or correct the name"
    )
    assert "'Basic Prompt' can't be a prompt's slug: rename the file, or say 'name: basic-prompt' in it" in str(
        one("Basic Prompt.yaml", b"text: x")
    )


def test_two_files_for_one_prompt_are_an_error_of_both():
    sources, errors = read_files([("a.prompty", TEXT), ("b.prompty", TEXT), ("old/a.yaml", b"text: x")])
    assert [source.slug for source in sources] == ["b"]
    assert [(error.path, error.slug) for error in errors] == [("a.prompty", "a"), ("old/a.yaml", "a")]
    assert "prompt 'a' has 2 files: a.prompty, old/a.yaml; keep one" in errors[0].message


def test_encodings():
    plain = one("a.prompty", "system:\nGrüße {{ x }}\n\nuser:\nzwei\n".encode())
    marked = one("a.prompty", "\ufeffsystem:\r\nGrüße {{ x }}\r\n\r\nuser:\r\nzwei\r\n".encode())
    assert isinstance(plain, PromptSource) and isinstance(marked, PromptSource)
    assert plain.content == marked.content
    assert plain.content_hash == marked.content_hash
    assert "is UTF-16: save it as UTF-8" in str(one("a.prompty", "system:\nx".encode("utf-16")))
    assert "not UTF-8 (byte 9)" in str(one("a.prompty", b"system:\n\xe9t\xe9"))
    assert isinstance(one("a.prompty", b"\x00"), PromptSource | FileError)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("a.prompty", "---\nname: a\nmodel: [\n---\nx", "a.prompty:4: not YAML"),
        ("a.prompty", "---\nname: a\n\ntemprature: 1\n---\nsystem:\nx", "a.prompty:4: 'temprature' is no field"),
        ("a.yaml", "name: a\n  b: 1\n", "a.yaml:2: not YAML"),
        (
            "a.yaml",
            "messages:\n- role: system\n  content: x\n- role: boss\n  content: x\n",
            "a.yaml:4: 'messages[1].role'",
        ),
        ("a.prompty", "---\nname: a\n---\n", "a.prompty: 'messages' holds at least one message"),
        ("a.yml", "- 1", "a.yml: the file holds a mapping"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(path, text, said):
    for ends in (text, text.replace("\n", "\r\n")):
        assert str(one(path, ends.encode())).startswith(said)


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.prompty", "---\nname: a\n---\n\n# Title\n{{ x\n", 6),
        ("a.prompty", "system:\n\none\n\nuser:\ntwo\n{% if %}\n", 7),
        ("a.prompty", "---\nkind: text\n---\none\n{{ x | nothing }}\n", 5),
        (
            "a.prompty",
            "---\nmessages:\n- role: user\n  content:\n  - type: text\n    text: |\n      one\n      {{ x\n---\n",
            8,
        ),
        ("a.yaml", "name: a\ntext: |\n  one\n  {{ x\n", 4),
        ("a.yaml", "messages:\n- {role: system, content: x}\n- role: user\n  content: '{{ x'\n", 4),
        ("a.prompty", '---\nname: a\n---\nsystem:\nx\n{% include "nobody" %}\n', 6),
    ],
)
def test_templates_that_do_not_compile_are_told_with_the_files_own_line(access, path, text, line):
    for ends in (text, text.replace("\n", "\r\n")):
        source = read_source(path, ends.encode())
        change = plan([source], {})[0]
        with pytest.raises(Exception) as caught:
            Checker(changes={"a": change}, resolve=access.resolve).check(change)
        assert at_line(path, ends, caught.value).line == line


def test_what_a_file_says_of_the_prompt():
    found = read_source("a.prompty", b"---\ndescription: Says hello\ntags: [x, y]\nowner: team\nmodel: m\n---\n" + TEXT)
    assert (found.description, found.tags, found.owner) == ("Says hello", ("x", "y"), "team")
    assert as_mapping(found.content)["model"] == "m"
