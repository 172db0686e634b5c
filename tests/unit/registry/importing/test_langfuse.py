"""Langfuse's prompts, its own SDK beside: both say the same for the same values."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse.model import TemplateParser

from registry.errors import PromptInvalidError
from registry.importing import langfuse
from registry.importing.braces import names_in, scanned
from registry.importing.imported import Imported
from tests.unit.registry.importing.rendering import said

NAMES = ["name", "user-name", "user_name", "first name", "1st", "None", "not", "a.b", "größe", "range"]
fragments = st.one_of(
    st.sampled_from(
        ["{{", "}}", "{", "}", "{%", "%}", "{#", "#}", "\n", " ", "\r\n", "text", '{"a": 1}', "#if", "@@@"]
    ),
    st.sampled_from(NAMES).map(lambda name: "{{" + name + "}}"),
    st.sampled_from(NAMES).map(lambda name: "{{ " + name + " }}"),
    st.sampled_from(NAMES),
)


def read(*items: Any, prefix: str = "") -> list[Imported]:
    reading = langfuse.read_export(json.dumps(list(items)), prefix=prefix)
    assert reading.refused == ()
    return list(reading.imported)


@given(st.lists(fragments, max_size=15).map("".join), st.text(max_size=10))
def test_the_same_as_the_sdk_for_any_text(template: str, value: str) -> None:
    [prompt] = read({"name": "a", "prompt": template})
    values = {name: f"<{value}{index}>" for index, name in enumerate(names_in(scanned(template)))}
    expected = TemplateParser.compile_template(template.replace("\r\n", "\n"), values)
    assert said(prompt, values) == expected


@pytest.mark.parametrize("value", ["text", "{{ name }} {% x %}", 7, 1.5, True, ["a", 1], {"a": "b"}])
def test_the_same_as_the_sdk_for_any_value(value: Any) -> None:
    [prompt] = read({"name": "a", "prompt": "Say {{ name }}!"})
    assert said(prompt, {"name": value}) == TemplateParser.compile_template("Say {{ name }}!", {"name": value})


def test_a_chat_prompt_with_everything() -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
    [prompt] = read(
        {
            "id": "c1",
            "projectId": "p",
            "name": "Support Agent",
            "version": 3,
            "type": "chat",
            "prompt": [
                {"type": "chatmessage", "role": "system", "content": "You help {{user-name}}. {% now %}"},
                {"type": "placeholder", "name": "messages"},
                {"role": "user", "content": "{{ question }}"},
            ],
            "config": {"model": "gpt-4o", "temperature": 0.2, "maxTokens": 100, "tools": [tool], "mood": "calm"},
            "labels": ["production", "latest", "eu"],
            "tags": ["support"],
            "commitMessage": " warmer ",
            "createdBy": "ann",
            "createdAt": "2026-01-02T03:04:05.000Z",
        },
    )
    assert prompt.slug == "support-agent"
    assert prompt.content.messages == (
        {"role": "system", "content": "You help {{ user_name }}. {{ '{%' }} now %}"},
        {"role": "placeholder", "name": "messages"},
        {"role": "user", "content": "{{ question }}"},
    )
    assert (prompt.content.model, prompt.content.parameters) == ("gpt-4o", {"temperature": 0.2, "max_tokens": 100})
    assert prompt.content.tools == (tool,)
    assert prompt.channels == ("stable", "eu")
    assert (prompt.tags, prompt.message, prompt.author) == (("support",), "warmer", "ann")
    assert prompt.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert prompt.source == {"imported_from": "langfuse", "name": "Support Agent", "version": 3}
    assert prompt.notes == (
        "its name 'Support Agent' is the slug 'support-agent' here",
        "variable 'user-name' is called 'user_name' here",
        'config.mood is not carried over: "calm"',
    )


def test_snake_case_and_a_legacy_flag() -> None:
    [prompt] = read(
        {"name": "a", "prompt": "x", "commit_message": "why", "created_by": "bo", "is_active": True, "config": None}
    )
    assert (prompt.message, prompt.author, prompt.channels) == ("why", "bo", ("stable",))


def texts(prompts: list[Imported]) -> list[str | None]:
    return [prompt.content.text for prompt in prompts]


def test_versions_come_oldest_first() -> None:
    newest_first = [{"name": "a", "version": number, "prompt": f"v{number}"} for number in (10, 9, 1)]
    assert texts(read(*newest_first)) == ["v1", "v9", "v10"]
    by_time = [{"name": "a", "createdAt": f"2026-01-0{day}T00:00:00Z", "prompt": f"d{day}"} for day in (3, 1, 2)]
    assert texts(read(*by_time)) == ["d1", "d2", "d3"]
    assert texts(read({"name": "a", "prompt": "first"}, {"name": "a", "prompt": "second"})) == ["first", "second"]


def test_composed_prompts() -> None:
    main = (
        "@@@langfusePrompt:name=Tone Guide|label=production@@@ then @@@langfusePrompt:name=facts|version=4@@@ and "
        "@@@langfusePrompt:label=x|name=facts@@@"
    )
    facts = [{"name": "facts", "version": number, "prompt": "same"} for number in (1, 2)]
    facts += [{"name": "facts", "version": 4, "prompt": "new"}]
    *_, prompt = read(*facts, {"name": "main", "prompt": main}, prefix="old-")
    assert prompt.content.text == (
        '{% include "old-tone-guide@stable" %} then {% include "old-facts@2" %} and '
        "@@@langfusePrompt:label=x|name=facts@@@"
    )
    assert prompt.includes == ("old-tone-guide@stable", "old-facts@2")
    assert "it includes version 4 of 'facts' as 'old-facts@2': check that this is the one" in prompt.notes


def test_tags_of_mustache_stay_text_and_are_named() -> None:
    [prompt] = read({"name": "a", "prompt": "{{#items}}{{name}}{{/items}}"})
    assert said(prompt, {"name": "x"}) == "{{#items}}x{{/items}}"
    assert len(prompt.notes) == 2
    assert prompt.notes[0].startswith("'{{#items}}' stays text: it looks like a section or partial of Mustache")


def test_one_bad_prompt_keeps_no_other_out() -> None:
    good = {"name": "good", "prompt": "x"}
    bad = [
        7,
        {"prompt": "x"},
        {"name": "a"},
        {"name": "b", "type": "chat", "prompt": [{"role": "wizard", "content": "x"}]},
        {"name": "!", "prompt": "x"},
        {"name": "Good", "prompt": "y"},
        {"name": "c", "prompt": []},
    ]
    reading = langfuse.read_export(json.dumps([good, *bad]))
    assert [prompt.slug for prompt in reading.imported] == ["good"]
    assert [f"{refusal.origin}: {refusal.reason}"[:60].rstrip() for refusal in reading.refused] == [
        "prompt 2: a prompt is an object, not 7",
        'prompt 3: it has no name: {"prompt": "x"}',
        "prompt 4: 'prompt' of 'a' is a text or a list of messages, n",
        "'b': messages[0] has the role \"wizard\"; there are system, de",
        "'!': no slug can be made of the name '!': it has no letter o",
        "'Good': its slug 'good' is that of 'good' already; rename on",
        "'c': 'messages' holds at least one message for a prompt of k",
    ]


@pytest.mark.parametrize("data", [{"prompts": [{"name": "a", "prompt": "x"}]}, {"name": "a", "prompt": "x"}])
def test_other_shapes_of_the_file(data: Any) -> None:
    assert [prompt.slug for prompt in langfuse.read_export(json.dumps(data)).imported] == ["a"]


@pytest.mark.parametrize(
    ("text", "why"), [("[1,", "not JSON: .* in line 1"), ("3", "a JSON array"), ("[NaN]", "NaN is no")]
)
def test_files_that_are_no_export(text: str, why: str) -> None:
    with pytest.raises(PromptInvalidError, match=why):
        langfuse.read_export(text)


def test_a_page_of_the_list() -> None:
    assert langfuse.read_page({"data": [{"name": "a", "versions": [2, 1]}], "meta": {}}) == [("a", [1, 2])]
    for answer in ([], {"data": [{"name": "a"}]}, {"message": "no"}):
        with pytest.raises(PromptInvalidError):
            langfuse.read_page(answer)


def test_what_was_made_by_the_api_has_no_author() -> None:
    assert read({"name": "a", "prompt": "x", "createdBy": "API"})[0].author == ""
