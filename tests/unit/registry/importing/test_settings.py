"""Models and parameters under other products' names."""

from typing import Any

import pytest

from registry.importing.settings import call_settings
from registry.values import Content

FUNCTION = {"name": "look_up", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
SCHEMA = {"name": "answer", "schema": {"type": "object"}, "strict": True}
FORMAT = {"type": "json_schema", "json_schema": SCHEMA}


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"temperature": 0.2, "topP": 0.9, "maxTokens": 5}, {"temperature": 0.2, "top_p": 0.9, "max_tokens": 5}),
        ({"max_output_tokens": 5, "stopSequences": ["x"]}, {"max_completion_tokens": 5, "stop": ["x"]}),
        (
            {"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}},
            {"reasoning_effort": "low", "verbosity": "low"},
        ),
        ({"seed": None, "n": 0}, {"n": 0}),
    ],
)
def test_parameters(config: dict[str, Any], parameters: dict[str, Any]) -> None:
    settings = call_settings(config)
    assert (settings.parameters, settings.notes) == (parameters, ())


@pytest.mark.parametrize(
    "config", [{"tools": [TOOL]}, {"functions": [FUNCTION]}, {"tools": [{"type": "function", **FUNCTION}]}]
)
def test_tools(config: dict[str, Any]) -> None:
    assert call_settings(config).tools == (TOOL,)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"response_format": FORMAT}, FORMAT),
        ({"responseFormat": {"type": "json_schema", **SCHEMA}}, FORMAT),
        ({"text": {"format": {"type": "json_schema", **SCHEMA}}}, FORMAT),
        ({"response_format": "json_object"}, {"type": "json_object"}),
        ({"response_format": {"type": "text"}}, None),
    ],
)
def test_response_formats(config: dict[str, Any], expected: Any) -> None:
    settings = call_settings(config)
    assert (settings.response_format, settings.notes) == (expected, ())


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ({"mood": "calm"}, 'config.mood is not carried over: "calm"'),
        ({"model": 4}, "config.model is not carried over: it is no name but 4"),
        ({"tools": ["search"]}, 'config.tools is not carried over: it is no list of tool definitions but ["search"]'),
        ({"response_format": 3}, "config.response_format is not carried over: it is no object but 3"),
        ({"reasoning": {"summary": "auto"}}, 'config.reasoning is not carried over in full: {"summary": "auto"}'),
        ("gpt-4o", 'config is not carried over: it is no object but "gpt-4o"'),
    ],
)
def test_what_stays_behind_is_named(config: Any, note: str) -> None:
    settings = call_settings(config)
    assert settings.notes == (note,)
    assert settings.onto(Content(text="x", kind="text")) == Content(text="x", kind="text")


def test_a_models_name() -> None:
    assert call_settings({"modelName": "gpt-4o"}).model == "gpt-4o"
    assert call_settings({"provider": "x"}, silent=frozenset({"provider"})).notes == ()
