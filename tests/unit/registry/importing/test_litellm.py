"""LiteLLM's .prompt files; that both give the same messages is shown beside LiteLLM itself in tests/contract."""

import json
from typing import Any

import pytest

from registry.errors import PromptInvalidError
from registry.importing.imported import Imported, joined
from registry.importing.litellm import in_order, read_prompt
from registry.templates.template import compile_content, render

FULL = """---
model: gpt-4o
temperature: 0.7
max_tokens: 50
description: Helps people
tags: [support]
mood: calm
input:
  schema:
    name: string, who asks
    mood?: string
    kind(enum, what it is): [a, b]
    langs(array): string
    place(object):
      city: string
    extra: any
    title?: string
  default:
    kind: a
output:
  format: json
---
System: You help {{ title }}{{ name }}{{ extra }}.
{% if mood %}Be {{ mood }}.{% endif %}

User: {{ langs | join(", ") }} in {{ place.city }} {{ kind }}{% if hint %}{{ hint | safe }}{% endif %}
"""


def read(text: str, name: str = "a.prompt") -> Imported:
    reading = read_prompt(text, name)
    assert reading.refused == ()
    [imported] = reading.imported
    return imported


def refused(text: str) -> str:
    reading = read_prompt(text, "a.prompt")
    assert reading.imported == ()
    return reading.refused[0].reason


def messages(imported: Imported, **values: Any) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in render(compile_content(imported.content), values).messages]


def test_a_file_with_everything() -> None:
    prompt = read(FULL, "/prompts/Support.v3.prompt")
    content = prompt.content
    assert (prompt.slug, prompt.description, prompt.tags) == ("support", "Helps people", ("support",))
    assert (content.model, content.parameters) == ("gpt-4o", {"temperature": 0.7, "max_tokens": 50})
    assert content.response_format == {"type": "json_object"}
    assert content.variables == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "who asks"},
            "mood": {"type": "string", "default": ""},
            "kind": {"enum": ["a", "b"], "description": "what it is", "default": "a"},
            "langs": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "extra": {},
            "title": {"type": "string", "default": ""},
            "hint": {"default": ""},
        },
        "required": ["name", "langs", "place", "extra"],
    }
    assert prompt.notes == (
        "variable 'mood' may be left out; it is \"\" then",
        "variable 'title' may be left out; it is \"\" then",
        "variable 'hint' may be left out; it is \"\" then",
        "output.format is asked for as response_format; LiteLLM doesn't send it",
        'front matter.mood is not carried over: "calm"',
    )
    given = {"name": "Ada", "langs": ["fr"], "place": {"city": "Paris"}, "extra": ""}
    assert messages(prompt, **given) == [("system", "You help Ada."), ("user", "fr in Paris a")]


def test_a_json_schema_stays_one() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    front = json.dumps({"input": {"schema": schema}, "output": {"schema": {"y": "string"}}})
    content = read(f"---\n{front}\n---\n{{{{ x }}}}").content
    assert content.variables == schema
    assert content.response_format == {
        "type": "json_schema",
        "json_schema": {
            "name": "output",
            "schema": {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]},
        },
    }


def test_no_front_matter_and_no_role() -> None:
    assert messages(read("\ufeffHello\r\nthere")) == [("user", "Hello\nthere")]


def test_dotprompts_roles_and_history() -> None:
    prompt = read('{{role "system"}}\nBe kind.\n{{history}}\n{{role "user"}}\n{{ q }}')
    assert [message["role"] for message in prompt.content.messages] == ["system", "placeholder", "user"]


def test_history_before_all_else() -> None:
    prompt = read('{# mine #}{{ history }}{{ role "user" }}x')
    assert [message["role"] for message in prompt.content.messages] == ["placeholder", "user"]


def test_history_is_a_variable_in_litellms_own_files() -> None:
    assert messages(read("System: Before\n{{ history }}"), history="H") == [("system", "Before\nH")]


def test_dashes_inside_the_front_matter() -> None:
    prompt = read("---\nmodel: a---\n---\nUser: x\n---\ny")
    assert (prompt.content.model, messages(prompt)) == ("a---", [("user", "x\n---\ny")])


def test_many_tags_in_a_line_take_no_time_to_look_through() -> None:
    assert messages(read("{% if a %}{% endif %}" * 40 + "x")) == [("user", "x")]


def test_versions_of_several_files() -> None:
    names = ["a.v10.prompt", "b.prompt", "a.v2.prompt", "a.prompt"]
    reading = in_order(joined(read_prompt(name, name) for name in names))
    assert [v.content.messages[0]["content"] for v in reading.imported if v.slug == "a"] == [
        "a.prompt",
        "a.v2.prompt",
        "a.v10.prompt",
    ]


def test_two_files_of_one_name_are_not_taken_for_versions() -> None:
    reading = in_order(joined(read_prompt(text, name) for text, name in [("1", "x/a.prompt"), ("2", "y/A.prompt")]))
    assert [version.content.messages[0]["content"] for version in reading.imported] == ["1"]
    assert "its slug 'a' is that of another file" in reading.refused[0].reason


@pytest.mark.parametrize("keyed", [True, False])
def test_prompts_in_json(keyed: bool) -> None:
    one = {"content": "User: {{ x }}", "metadata": {"model": "m"}}
    [prompt] = read_prompt(json.dumps({"one": one} if keyed else one), "one.json").imported
    assert (prompt.slug, prompt.content.model, messages(prompt, x="X")) == ("one", "m", [("user", "X")])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% for i in x %}\nUser: {{ i }}\n{% endfor %}", "a tag opens in one message and closes in another"),
        ("System: {% set a = 1 %}x\nUser: {{ a }}", "'a' is set in one message and used in another"),
        ("{% if x %}User: hello{% endif %}", "makes a message only sometimes"),
        ("{{#if x}}a{{/if}}", "'{{#if x}}' is Handlebars'"),
        ("{{ x | shout }}", "no filter named 'shout'"),
        (
            "---\ninput:\n  schema:\n    x: wizard\n---\nhi",
            "input.schema.x has the type 'wizard'; there are any, string",
        ),
        ("---\n- a\n---\nhi", "the front matter is a mapping"),
        ("", "at least one message"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    assert why in refused(text)


def test_front_matter_that_is_no_yaml() -> None:
    with pytest.raises(PromptInvalidError, match="not YAML: .* in line 2"):
        read_prompt("---\na: b\n c: [\n---\nhi", "a.prompt")


def test_whatever_an_if_asks_for_may_be_left_out() -> None:
    prompt = read(
        "{% if a and (not b or c) %}1{% endif %}{{ 'd' if d else 'no d' }}{{ e }}{% for f in g %}{% if f %}{% endif %}{% endfor %}"
    )
    properties = prompt.content.variables["properties"]
    assert properties == {name: {"default": ""} for name in "abcd"}
    assert compile_content(prompt.content).check.required == ("e", "g")
