"""How a call names a prompt: every accepted spelling, and a clear refusal for everything near it."""

from typing import Any

import pytest

from proxy.errors import RequestRefused
from proxy.naming import named_prompt
from registry.errors import RegistryError


def named(body: dict[str, Any], **headers: str) -> tuple[str, dict[str, Any]]:
    found = named_prompt(body, {name.replace("_", "-"): value for name, value in headers.items()})
    assert found is not None
    return str(found.reference), dict(found.variables)


@pytest.mark.parametrize(
    ("prompt", "reference"),
    [
        ({"id": "a"}, "a"),
        ({"slug": "a"}, "a"),
        ({"prompt_id": "a"}, "a"),
        ({"id": "a@7"}, "a@7"),
        ({"id": "a", "version": "stable"}, "a@stable"),
        ({"id": "a", "version": 7}, "a@7"),
        ({"id": "a", "version": "7"}, "a@7"),
        ({"id": "a", "_version": "latest"}, "a@latest"),
        ({"id": "a", "channel": "canary"}, "a@canary"),
        ({"id": "a@7", "version": "7"}, "a@7"),
    ],
)
def test_the_prompt_object(prompt: dict[str, Any], reference: str) -> None:
    assert named({"prompt": prompt})[0] == reference


def test_the_model_name() -> None:
    assert named({"model": "prompt/support-agent@latest"})[0] == "support-agent@latest"


def test_no_reference_is_no_prompt() -> None:
    assert named_prompt({"model": "gpt-4o", "messages": []}, {}) is None


def test_variables_from_each_place_and_the_body_wins() -> None:
    assert named({"prompt": {"id": "a", "variables": {"x": 1}}})[1] == {"x": 1}
    assert named({"prompt": {"id": "a"}}, x_slugline_variables='{"x": 2}')[1] == {"x": 2}
    assert named({"model": "prompt/a", "metadata": {"x": "m"}})[1] == {"x": "m"}
    body = {"model": "prompt/a", "variables": {"x": "b"}, "metadata": {"x": "m", "y": "m"}}
    assert named(body, x_slugline_variables='{"x": "h", "z": "h"}')[1] == {"x": "b", "y": "m", "z": "h"}


def test_the_header_names_the_version_where_the_call_does_not() -> None:
    assert named({"prompt": {"id": "a"}}, x_slugline_version="latest")[0] == "a@latest"
    assert named({"prompt": {"id": "a@7"}}, x_slugline_version="latest")[0] == "a@7"
    assert named({"model": "prompt/a"}, x_slugline_version="3")[0] == "a@3"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prompt": "a"}, "must be an object"),
        ({"prompt": ["a"]}, "must be an object"),
        ({"prompt": {}}, "prompt.id"),
        ({"prompt": {"id": 7}}, "prompt.id"),
        ({"prompt": {"id": "a", "verison": "7"}}, "unknown key 'verison'"),
        ({"prompt": {"id": "a", "version": True}}, "true or false"),
        ({"prompt": {"id": "a", "version": [7]}}, "a list"),
        ({"prompt": {"id": "a@7", "version": "8"}}, "say it once"),
        ({"prompt": {"id": "a"}, "model": "prompt/b"}, "named twice"),
        ({"prompt": {"id": "a", "variables": []}}, "prompt.variables"),
        ({"model": "prompt/a", "variables": "x"}, "variables"),
    ],
)
def test_refusals_say_what_is_right(body: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        named_prompt(body, {})
    assert says in refused.value.message
    assert refused.value.code == "prompt_parameter_invalid"


@pytest.mark.parametrize("model", ["prompt/", "prompt/A B", "prompt/a@", "prompt/a@0", "prompt/a@b@c"])
def test_a_model_name_that_tries_to_name_a_prompt_never_travels_on(model: str) -> None:
    with pytest.raises(RegistryError):
        named_prompt({"model": model}, {})


def test_a_header_that_is_no_json_is_refused() -> None:
    with pytest.raises(RequestRefused, match="JSON object"):
        named_prompt({"model": "prompt/a"}, {"x-slugline-variables": "{x"})
