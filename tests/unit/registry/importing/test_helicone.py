"""Helicone's bodies. What its SDK does with a tag is written here: https://docs.helicone.ai/features/advanced-usage/prompts"""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError
from registry.importing.helicone import read_body
from registry.importing.imported import Imported
from tests.unit.registry.importing.rendering import said

TAG = re.compile(r"\{\{\s*hc\s*:\s*([a-zA-Z_-][a-zA-Z0-9_-]*)\s*:\s*([a-zA-Z_-][a-zA-Z0-9_-]*)\s*\}\}")
fragments = st.one_of(
    st.sampled_from(
        ["{{", "}}", "{", "}", "{%", "#}", "{#", "\n", " ", "hc:", "{{ name }}", "{{hc:name}}", "{{hc:a b:string}}"]
    ),
    st.sampled_from(
        ["{{hc:name:string}}", "{{ hc : user-name:any}}", "{{hc:n:number}}", "{{hc:ok:boolean}}", "{{hc:-:x}}"]
    ),
    st.text(max_size=4).filter(lambda text: "\r" not in text),
)


def helicones(template: str, inputs: dict[str, Any]) -> str:
    """Each tag becomes its value as JavaScript's String() writes it."""
    printed = {name: json.dumps(value) if isinstance(value, bool) else str(value) for name, value in inputs.items()}
    return TAG.sub(lambda tag: printed[tag[1]], template)


def read(body: Any, **options: str) -> Imported:
    reading = read_body(json.dumps(body), "file", **options)
    assert reading.refused == ()
    [imported] = reading.imported
    return imported


def user(text: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@given(st.lists(fragments, max_size=12).map("".join), st.text(min_size=1, max_size=6))
def test_the_same_as_helicones_rule_for_any_text(template: str, text: str) -> None:
    kinds = {"string": text, "any": text, "number": 7, "boolean": True, "x": text}
    inputs = {name: kinds[kind] for name, kind in TAG.findall(template)}
    assert said(read(user(template)), inputs) == helicones(template, inputs)


def test_a_body_with_everything() -> None:
    tool = {"type": "function", "function": {"name": "{{hc:tool:string}}", "parameters": {}}}
    body = {
        "model": "gpt-4o",
        "temperature": 0.3,
        "stream": True,
        "tools": [tool],
        **user("{{hc:user-name:string}} {{hc:n:number}}"),
    }
    version = {"data": {"id": "v1", "prompt_id": "AbC123", "commit_message": "why", "prompt_body": body}}
    prompt = read(version)
    assert (prompt.slug, prompt.message) == ("abc123", "why")
    assert prompt.content.messages == ({"role": "user", "content": "{{ user_name }} {{ n }}"},)
    assert prompt.content.variables == {
        "type": "object",
        "properties": {"user_name": {"type": "string"}, "n": {"type": "number"}},
    }
    assert (prompt.content.model, prompt.content.parameters, prompt.content.tools) == (
        "gpt-4o",
        {"temperature": 0.3},
        (tool,),
    )
    assert prompt.notes == (
        "variable 'user-name' is called 'user_name' here",
        'Helicone takes the text "5" for a number and "yes" for a boolean; here the type counts',
        "'{{hc:tool:string}}' in tools stays as it is: variables are not filled in there",
    )


def test_a_part_of_another_prompt() -> None:
    prompt = read(user("{{hcp:XyZ789:0:staging}} and {{hcp:XyZ789:1}}"), slug="mine", prefix="old-")
    assert prompt.slug == "old-mine"
    assert prompt.content.messages[0]["content"] == (
        '{% include "old-xyz789@staging" %} and {% include "old-xyz789@stable" %}'
    )
    assert prompt.includes == ("old-xyz789@staging", "old-xyz789@stable")
    assert prompt.notes[0] == (
        "message 0 of prompt 'XyZ789' is included as 'old-xyz789@staging': save that message there as a text"
    )


def test_a_variable_of_two_types_takes_any() -> None:
    prompt = read(user("{{hc:x:number}}{{hc:x:boolean}}"))
    assert prompt.content.variables == {"type": "object", "properties": {"x": {}}}
    assert prompt.notes[0] == "variable 'x' has several types, so any value is taken"


@pytest.mark.parametrize("body", [[], {"model": "x"}, 3])
def test_what_is_no_body(body: Any) -> None:
    assert "an object with 'messages'" in read_body(json.dumps(body), "file").refused[0].reason
    with pytest.raises(PromptInvalidError, match="not JSON"):
        read_body("{", "file")
