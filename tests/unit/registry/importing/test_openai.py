"""Pasted templates and requests of OpenAI."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError
from registry.importing.imported import Imported
from registry.importing.openai import read_pasted
from tests.unit.registry.importing.rendering import said

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
fragments = st.one_of(
    st.sampled_from(["{{", "}}", "{", "}", "{%", "#}", "{#", "\n", "{{ not", "{{a b}}", "{{1}}", '{"a": 1}']),
    st.sampled_from(["{{name}}", "{{ user-name }}", "{{\nuser.name\n}}", "{{none}}"]),
    st.text(max_size=4).filter(lambda text: "\r" not in text),
)


def read(data: Any) -> Imported:
    reading = read_pasted(data if isinstance(data, str) else json.dumps(data), "pasted")
    assert reading.refused == ()
    [imported] = reading.imported
    return imported


@given(st.lists(fragments, max_size=12).map("".join), st.text(max_size=6))
def test_variables_are_filled_in_and_nothing_else(template: str, value: str) -> None:
    values = {name: f"<{value}{index}>" for index, name in enumerate(VARIABLE.findall(template))}
    text = f"Say: {template}."
    assert said(read(text), values) == VARIABLE.sub(lambda tag: values[tag[1]], text)
    assert said(read({"messages": [{"role": "user", "content": text}]}), values) == VARIABLE.sub(
        lambda t: values[t[1]], text
    )


def test_pasted_text_is_the_systems() -> None:
    prompt = read("\n{{name}}, hello\n")
    assert prompt.content.messages == ({"role": "system", "content": "{{ name }}, hello"},)
    assert prompt.source == {"imported_from": "openai", "name": "pasted"}


def test_a_request_of_responses() -> None:
    image = {"type": "input_image", "image_url": "data:x", "detail": "low"}
    prompt = read(
        {
            "model": "gpt-5",
            "instructions": "Help {{name}}",
            "input": [
                {"role": "user", "content": "one"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "two {{q}}"}]},
                {"role": "user", "content": [{"type": "input_text", "text": "{% x"}, image]},
            ],
            "max_output_tokens": 5,
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
            "truncation": "auto",
        }
    )
    content = prompt.content
    assert content.messages == (
        {"role": "system", "content": "Help {{ name }}"},
        {"role": "user", "content": "one"},
        {"role": "user", "content": "two {{ q }}"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "{{ '{%' }} x"},
                {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
            ],
        },
    )
    assert (content.model, content.parameters) == ("gpt-5", {"max_completion_tokens": 5, "reasoning_effort": "low"})
    assert content.tools == ({"type": "function", "function": {"name": "f", "parameters": {}}},)
    assert content.response_format == {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
    assert prompt.notes == ('request.truncation is not carried over: "auto"',)


def test_messages_alone() -> None:
    assert read([{"role": "developer", "content": "x"}]).content.messages == ({"role": "developer", "content": "x"},)
    assert read({"instructions": "x"}).content.messages == ({"role": "system", "content": "x"},)
    assert read({"input": "x"}).content.messages == ({"role": "user", "content": "x"},)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"model": "x"}, "it is JSON, but no request"),
        ({"input": [{"type": "reasoning", "id": "r"}]}, r"input\[0\] is no message"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]},
            r"content\[0\] can't be part",
        ),
        ({"input": 3}, "'input' is a text or a list"),
        ({"messages": [{"content": "x"}]}, "has the role null"),
    ],
)
def test_what_is_refused(data: Any, why: str) -> None:
    assert re.search(why, read_pasted(json.dumps(data), "x").refused[0].reason)


def test_broken_json() -> None:
    with pytest.raises(PromptInvalidError, match="not JSON"):
        read_pasted('{"messages": [', "x")
