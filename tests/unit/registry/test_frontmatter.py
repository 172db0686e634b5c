import pytest

from registry.errors import PromptInvalidError
from registry.files.frontmatter import content_fields


@pytest.mark.parametrize(
    ("front", "fields"),
    [
        ({}, {}),
        ({"name": "a", "authors": ["x"], "version": 2}, {}),
        ({"model": "gpt-5"}, {"model": "gpt-5"}),
        ({"model": {"configuration": {"azure_deployment": "d"}}}, {"model": "d"}),
        ({"model": {"id": "m", "options": {"seed": 1}}}, {"model": "m", "parameters": {"seed": 1}}),
        ({"model": {"name": "m", "parameters": {"response_format": {"type": "json_object"}}}}, {"model": "m", "response_format": {"type": "json_object"}}),
        ({"parameters": {"top_p": 1}, "temperature": 0, "top_p": 0.5}, {"parameters": {"top_p": 0.5, "temperature": 0}}),
        ({"variables": {"type": "object", "properties": {"a": {}}}}, {"variables": {"type": "object", "properties": {"a": {}}}}),
        ({"variables": {"a": {"type": "int"}}}, {"variables": {"type": "object", "properties": {"a": {"type": "integer"}}}}),
        ({"inputs": {"a": None, "b": "x"}}, {"variables": {"type": "object", "properties": {"a": {}, "b": {"examples": ["x"]}}}}),
        ({"inputs": {"type": {"type": "string"}}}, {"variables": {"type": "object", "properties": {"type": {"type": "string"}}}}),
        (
            {"inputs": [{"name": "a", "kind": "float", "sample": 1.5}, {"name": "b", "required": False}, {"name": "c", "default": 1}]},
            {"variables": {"type": "object", "properties": {"a": {"type": "number", "examples": [1.5]}, "b": {}, "c": {"default": 1}}, "required": ["a"]}},
        ),
        ({"template": {"format": "jinja2", "parser": "prompty"}}, {}),
        ({"template": "jinja2", "locked": ["model"], "tools": [{"type": "x"}]}, {"locked": ["model"], "tools": [{"type": "x"}]}),
    ],
)  # fmt: skip
def test_the_spellings_that_tools_use(front, fields):
    assert content_fields(front) == fields


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"modle": "x"}, "did you mean 'model'"),
        ({"model": 3}, "'model' is a name, or a mapping"),
        ({"parameters": [1]}, "'parameters' is a mapping"),
        ({"inputs": ["a"]}, "its own 'name'"),
        ({"inputs": 3}, "a JSON Schema, or a mapping"),
        ({"template": {"type": "handlebars"}}, "not handlebars's"),
        ({"template": {"format": {"kind": "mustache"}}}, "not mustache's"),
    ],
)
def test_what_would_silently_change_the_prompt_is_refused(front, said):
    with pytest.raises(PromptInvalidError, match=said):
        content_fields(front)
