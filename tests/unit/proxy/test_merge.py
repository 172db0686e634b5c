"""The merge rules of the contract, one by one."""

from typing import Any

import pytest

from proxy.errors import RequestRefused
from proxy.merge import CHAT, Merged, Shape, place
from proxy.merge import merge as merge_into
from proxy.naming import named_prompt
from registry.values import Content

SYSTEM = [{"role": "system", "content": "be kind"}]


def merge(
    body: dict[str, Any], messages: list[dict[str, Any]] | None = None, *, shape: Shape = CHAT, **content: Any
) -> Merged:
    named = named_prompt(body, {})
    assert named is not None
    return merge_into(shape, Content(**{"model": "m-1", **content}), messages or SYSTEM, named, body)


def test_the_version_gives_model_parameters_tools_and_format() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    merged = merge(
        {"prompt": {"id": "a"}}, parameters={"temperature": 0.2}, tools=tools, response_format={"type": "json_object"}
    )
    assert merged.body == {
        "model": "m-1",
        "temperature": 0.2,
        "tools": tools,
        "response_format": {"type": "json_object"},
        "messages": SYSTEM,
    }
    assert merged.overrides == ()


def test_the_callers_messages_come_after_the_versions() -> None:
    user = {"role": "user", "content": "hi"}
    assert merge({"prompt": {"id": "a"}, "messages": [user]}).body["messages"] == [*SYSTEM, user]


def test_a_placeholder_says_where_they_go() -> None:
    user = {"role": "user", "content": "hi"}
    last = {"role": "system", "content": "remember"}
    assert place([*SYSTEM, {"role": "placeholder", "name": "messages"}, last], [user]) == [*SYSTEM, user, last]


def test_what_the_caller_sends_wins_and_is_noted() -> None:
    merged = merge(
        {"prompt": {"id": "a"}, "temperature": 1, "model": "m-2", "top_p": 0.5}, parameters={"temperature": 0.2}
    )
    assert (merged.body["temperature"], merged.body["model"], merged.body["top_p"]) == (1, "m-2", 0.5)
    assert merged.overrides == ("model", "temperature")


def test_saying_the_same_is_no_override() -> None:
    assert merge({"prompt": {"id": "a"}, "temperature": 0.2}, parameters={"temperature": 0.2}).overrides == ()


@pytest.mark.parametrize("model", ["", "prompt", None])
def test_an_empty_model_means_the_versions_own(model: str | None) -> None:
    assert merge({"prompt": {"id": "a"}, "model": model}).body["model"] == "m-1"


def test_slugline_keys_stay_here_and_unknown_keys_travel_on() -> None:
    merged = merge({"model": "prompt/a", "variables": {"x": 1}, "metadata": {"k": "v"}, "brand_new": {"deep": [1]}})
    assert merged.body == {"model": "m-1", "metadata": {"k": "v"}, "brand_new": {"deep": [1]}, "messages": SYSTEM}
    merged = merge({"prompt": {"id": "a"}, "brand_new": 1})
    assert "prompt" not in merged.body
    assert merged.body["brand_new"] == 1


def test_a_locked_key_refuses_another_value_and_names_the_key() -> None:
    with pytest.raises(RequestRefused) as refused:
        merge({"prompt": {"id": "a"}, "temperature": 1}, parameters={"temperature": 0}, locked=("temperature",))
    assert (refused.value.code, refused.value.param) == ("prompt_key_locked", "temperature")
    assert merge({"prompt": {"id": "a"}, "temperature": 0}, parameters={"temperature": 0}, locked=("temperature",))


def test_nobody_names_a_model() -> None:
    with pytest.raises(RequestRefused) as refused:
        merge({"prompt": {"id": "a"}}, model=None)
    assert refused.value.code == "prompt_model_missing"


def test_messages_that_are_no_list() -> None:
    with pytest.raises(RequestRefused, match="list of messages"):
        merge({"prompt": {"id": "a"}, "messages": "hi"})
