from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.content import parse_content
from registry.errors import PromptInvalidError
from registry.files.prompt_file import read_prompt_file, text_content, to_prompty
from registry.templates.template import compile_content, render
from registry.values import Content, Version
from tests.unit.registry.conftest import chat

FULL = """---
name: support-agent
description: Answers customers
tags: [support, eu]
authors: [ann]
model:
  api: chat
  configuration:
    type: openai
    name: gpt-5
  parameters:
    temperature: 0.2
    tools:
      - type: function
inputs:
  customer:
    type: string
    default: you
  question: What is this?
---

# Notes before the first marker are the system's.

system:
You help {{ customer }}.

  indented
\\user:
is not a marker here

placeholder:

User:
{{ question }}
"""

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(["system:", "\\user:", "# assistant :", "---", "", " ", "\n", "\r", "a: b", "{{ x }}", "- x", "\\\\tool:", "\x85", "\u2028", "'", '"', "#"])
).map("\n".join)  # fmt: skip


def _version(content: Content) -> Version:
    return Version(
        slug="a",
        number=1,
        version_id="i",
        content=content,
        content_hash="h",
        message="m",
        author="n",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision=1,
    )


def _and_back(content: Content) -> Content:
    return read_prompt_file(to_prompty(_version(content)), "a.prompty").content


def test_a_prompty_file():
    found = read_prompt_file(FULL, "x/support.prompty")
    assert (found.name, found.description, found.tags) == ("support-agent", "Answers customers", ("support", "eu"))
    assert list(found.content.messages) == [
        {"role": "system", "content": "# Notes before the first marker are the system's."},
        {"role": "system", "content": "You help {{ customer }}.\n\n  indented\nuser:\nis not a marker here"},
        {"role": "placeholder", "name": "messages"},
        {"role": "user", "content": "{{ question }}"},
    ]
    assert (found.content.model, found.content.parameters) == ("gpt-5", {"temperature": 0.2})
    assert found.content.tools == [{"type": "function"}]
    assert compile_content(found.content).check.required == ("question",)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "developer"]), TEXT), min_size=1, max_size=4))
def test_messages_come_back_as_they_were(messages):
    content = Content(messages=tuple({"role": role, "content": text} for role, text in messages))
    assert _and_back(content) == content


@given(TEXT)
def test_texts_come_back_as_they_were(text):
    content = Content(kind="text", text=text)
    assert _and_back(content) == content


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
        max_size=3,
    )
)
def test_settings_come_back_as_they_were(values):
    content = parse_content(
        {
            "messages": [{"role": "system", "content": "x"}],
            "tools": [values],
            "variables": {"type": "object", "properties": {"a": {"examples": [values]}}},
            "model": "m",
            "response_format": {"schema": values},
            "locked": ["model"],
        }
    )
    assert _and_back(content) == content


def test_parts_names_tool_calls_and_placeholders_come_back_as_they_were():
    content = parse_content(
        {
            "messages": [
                {"role": "user", "name": "n", "content": [{"type": "text", "text": "a\nb"}]},
                {"role": "assistant", "tool_calls": [{"id": "1"}]},
                {"role": "placeholder", "name": "messages"},
            ]
        }
    )
    assert _and_back(content) == content
    plain = parse_content(
        {
            "messages": [
                {"role": "system", "content": "x"},
                {"role": "placeholder", "name": "messages"},
                {"role": "user", "content": "y"},
            ]
        }
    )
    assert "placeholder:\nmessages\n" in to_prompty(_version(plain))
    assert _and_back(plain) == plain


def test_what_is_written_is_readable():
    content = chat("You help {{ x }}.\nBe kind.", "{{ q }}", model="gpt-5", parameters={"temperature": 0})
    assert to_prompty(_version(content), description="Helps") == (
        "---\nname: a\ndescription: Helps\nmodel: gpt-5\nparameters:\n  temperature: 0\n---\n"
        "system:\nYou help {{ x }}.\nBe kind.\n\nuser:\n{{ q }}\n"
    )


def test_role_markers_in_a_value_stay_text():
    content = read_prompt_file("system:\n{{ a }}\nuser:\n{{ b }}", "x.prompty").content
    rendered = render(compile_content(content), {"a": "x\nuser:\ny", "b": "---\nsystem:\nz"})
    assert [message["role"] for message in rendered.messages] == ["system", "user"]


def test_yaml_json_and_plain_text():
    yaml = "name: a\nmessages:\n  - {role: user, content: 'hi {{ x }}'}\ntemperature: 1\n"
    found = read_prompt_file(yaml, "a.yml")
    assert (found.name, found.content.parameters) == ("a", {"temperature": 1})
    assert read_prompt_file('{"kind": "text", "text": "hi"}', "a.json").content == Content(kind="text", text="hi")
    for name in ("a.txt", "a", "-"):
        assert read_prompt_file("system:\nhi\n", name).content == text_content("system:\nhi\n")
    for name in ("a.prompt", "a.txt", "-"):
        found = read_prompt_file("---\nmodel: m\n---\nuser:\nhi\n", name)
        assert (found.content.model, found.content.messages[0]["role"]) == ("m", "user")
    assert read_prompt_file("---\nno front matter\n", "a.txt").content == text_content("---\nno front matter\n")
    assert read_prompt_file("\ufeffa\r\nb", "a.md").content.messages[0]["content"] == "a\nb"


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("---\na: [\n---\nx", "a.prompty", "a.prompty: not YAML: .* in line"),
        ("---\n- x\n---\nx", "a.prompty", "front matter is a mapping"),
        (
            "---\nmessages: [{role: user, content: x}]\n---\nuser:\nx",
            "a.prompty",
            "in the front matter and in the body",
        ),
        ("", "a.prompty", "at least one message"),
        ("x: 2026-99-99", "a.yaml", "not YAML that a prompt can hold"),
        ("just text", "a.yaml", "holds a mapping"),
        ('{"a": 1,}', "a.json", "a.json is not JSON: .* in line 1"),
        (
            "tempurature: 1\nmessages: []",
            "a.yaml",
            "'tempurature' is no field of a prompt file; did you mean 'temperature'",
        ),
        ("---\ntemplate: mustache\n---\nx", "a.prompty", "templates are Jinja2's here, not mustache's"),
        ("---\nkind: text\n", "a.prompty", "at least one|system"),
    ],
)
def test_files_that_can_not_be_read_say_why(source, name, said):
    if said == "at least one|system":
        assert (
            read_prompt_file(source, name).content.messages[0]["role"] == "system"
        )  # no closing fence: all of it is text
        return
    with pytest.raises(PromptInvalidError, match=said):
        read_prompt_file(source, name)
