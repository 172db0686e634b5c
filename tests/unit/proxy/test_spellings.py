"""Other products' spellings of a prompt: each is read into the same form, and none of their keys is left for a provider."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import RequestRefused
from proxy.merge import CHAT, merge
from proxy.naming import NamedPrompt, named_prompt
from proxy.spellings import HELICONE, LITELLM, PROMPT_ID_KEYS, UNMISTAKABLE
from registry.errors import PromptReferenceInvalidError
from registry.values import Content

ID = "0198c0de-0000-7000-8000-00000000abcd"
FULL = Content(
    messages=({"role": "system", "content": "be kind"},),
    model="m-1",
    parameters={"temperature": 0.5, "seed": 7},
    tools=[{"type": "function", "function": {"name": "f"}}],
    response_format={"type": "json_object"},
    locked=("seed",),
)


def named(body: dict[str, Any], in_path: str | None = None, **headers: str) -> NamedPrompt:
    found = named_prompt(body, {name.replace("_", "-"): value for name, value in headers.items()}, in_path=in_path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "readings", "variables"),
    [
        ({"prompt_id": "a"}, ["a"], {}),
        ({"prompt_id": "a@7"}, ["a@7"], {}),
        ({"prompt_id": "a", "prompt_variables": {"x": 1}, "messages": []}, ["a"], {"x": 1}),
        ({"prompt_id": "a", "prompt_version": 2}, ["a@2"], {}),
        ({"prompt_id": "a", "prompt_label": "canary"}, ["a@canary"], {}),
        ({"prompt_id": "a", "prompt_label": "production"}, ["a@production", "a@stable"], {}),
        ({"prompt_id": "a", "prompt_version": 2, "prompt_label": "canary"}, ["a@2"], {}),
        ({"prompt_id": "a", "prompt_environment": "staging"}, ["a@staging"], {}),
        ({"prompt_id": "a.v2"}, ["a.v2", "a@2"], {}),
        ({"prompt_id": "a_v2", "prompt_version": 2}, ["a_v2@2", "a@2"], {}),
        ({"prompt_id": "a.v2", "prompt_version": 3}, ["a.v2@3"], {}),
        ({"prompt_id": "a", "inputs": {"x": 1}}, ["a"], {"x": 1}),
        ({"prompt_id": "a", "environment": "production"}, ["a@production", "a@stable"], {}),
        ({"prompt_id": "a", "environment": "canary", "version_id": ID}, ["a@canary"], {}),
        ({"prompt_id": "a", "version_id": ID}, [f"a@{ID}"], {}),
        ({"prompt_id": "a", "prompt_version_id": ID}, [f"a@{ID}"], {}),
        ({"prompt_id": "a", "version_id": "3"}, ["a@3"], {}),
        ({"prompt_id": "a", "inputs": None, "environment": "", "version_id": None}, ["a"], {}),
    ],
)
def test_litellms_and_helicones_fields(body: dict[str, Any], readings: list[str], variables: dict[str, Any]) -> None:
    found = named(body)
    assert [str(reference) for reference in found.readings] == readings
    assert found.variables == variables
    assert not found.model_names_prompt


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("a", ["a"]),
        ("a@12", ["a@12"]),
        ("a@latest", ["a@latest"]),
        ("a@production", ["a@production", "a@stable"]),
    ],
)
def test_portkeys_path(path: str, readings: list[str]) -> None:
    found = named({"variables": {"x": 1}, "promptID": path}, in_path=path)
    assert [str(reference) for reference in found.readings] == readings
    assert found.variables == {"x": 1}


def test_the_header_names_the_version_for_a_call_that_does_not() -> None:
    assert str(named({"prompt_id": "a"}, x_slugline_version="latest").reference) == "a@latest"
    assert str(named({"prompt_id": "a", "prompt_version": 2}, x_slugline_version="latest").reference) == "a@2"
    readings = named({"prompt_id": "a.v2"}, x_slugline_version="latest").readings
    assert [str(reference) for reference in readings] == ["a.v2@latest", "a@2"]


def test_production_is_a_channel_like_any_other_in_sluglines_own_spelling() -> None:
    assert named({"prompt": {"id": "a", "version": "production"}}).otherwise == ()
    assert named({"model": "prompt/a@production"}).otherwise == ()


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        ({"prompt_id": 7}, "must be the prompt's slug", "prompt_id"),
        ({"prompt_id": ""}, "must be the prompt's slug", "prompt_id"),
        ({"prompt_variables": {"x": 1}}, "needs a 'prompt_id'", "prompt_id"),
        ({"prompt_version": 1}, "needs a 'prompt_id'", "prompt_id"),
        ({"prompt_version_id": ID}, "needs a 'prompt_id'", "prompt_id"),
        ({"prompt_id": "a", "prompt_variables": {}, "inputs": {}}, "don't go together", "inputs"),
        ({"prompt_id": "a", "prompt_variables": []}, "must be an object", "prompt_variables"),
        ({"prompt_id": "a", "inputs": "x"}, "must be an object", "inputs"),
        ({"prompt_id": "a", "prompt_version": True}, "true or false", "prompt_version"),
        ({"prompt_id": "a", "prompt_label": ["x"]}, "a list", "prompt_label"),
        ({"prompt_id": "a@7", "prompt_version": 8}, "say it once", "prompt.version"),
        (
            {"prompt_id": "a", "ignore_prompt_manager_model": "yes"},
            "must be true or false",
            "ignore_prompt_manager_model",
        ),
        ({"prompt_id": "a", "prompt": {"id": "b"}}, "named twice", "prompt_id"),
        ({"prompt_id": "a", "model": "prompt/b"}, "named twice", "prompt_id"),
        ({"prompt_variables": {}, "model": "prompt/b"}, "named twice", "prompt_id"),
        ({"prompt": {"id": "a", "version": "1", "channel": "stable"}}, "say it once", "prompt.channel"),
    ],
)
def test_refusals_say_what_is_right(body: dict[str, Any], says: str, param: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        named_prompt(body, {})
    assert says in refused.value.message
    assert (refused.value.code, refused.value.param) == ("prompt_parameter_invalid", param)


def test_words_that_others_use_too_name_no_prompt_on_their_own() -> None:
    assert named_prompt({"inputs": {"x": 1}, "environment": "eu", "version_id": "3", "variables": {}}, {}) is None


def merged(body: dict[str, Any], content: Content = FULL) -> dict[str, Any]:
    found = named_prompt(body, {})
    assert found is not None
    return merge(CHAT, content, content.messages, found, body).body


def test_the_versions_model_can_be_left_out() -> None:
    assert merged({"prompt_id": "a", "model": "m-2"})["model"] == "m-2"
    assert merged({"prompt_id": "a"})["model"] == "m-1"
    with pytest.raises(RequestRefused, match="names a model"):
        merged({"prompt_id": "a", "ignore_prompt_manager_model": True})
    assert merged({"prompt_id": "a", "ignore_prompt_manager_model": True, "model": "m-2"})["model"] == "m-2"


def test_the_versions_parameters_can_be_left_out_but_not_what_it_locks() -> None:
    body = merged({"prompt_id": "a", "ignore_prompt_manager_optional_params": True, "top_p": 0.1})
    assert body == {"model": "m-1", "seed": 7, "top_p": 0.1, "messages": list(FULL.messages)}
    with pytest.raises(RequestRefused, match="locks 'seed'"):
        merged({"prompt_id": "a", "ignore_prompt_manager_optional_params": True, "seed": 8})


SELECTORS = st.one_of(st.none(), st.integers(1, 9), st.sampled_from(["stable", "canary", "production", "3", ID]))
OBJECTS = st.one_of(st.none(), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))
VALUES = {
    **dict.fromkeys((*LITELLM.selectors, *HELICONE.selectors), SELECTORS),
    **dict.fromkeys((*LITELLM.variables, *HELICONE.variables), OBJECTS),
    **{key: st.one_of(st.none(), st.booleans()) for key, _ in LITELLM.switches},
}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies with any of these keys, right, null or nonsense, beside keys that are none of Slugline's."""
    meant = draw(st.sampled_from([LITELLM.keys, HELICONE.keys, PROMPT_ID_KEYS]))
    nonsense = draw(st.sampled_from([st.none(), st.none(), st.lists(st.integers(), max_size=1) | st.booleans()]))
    body = {
        key: draw(VALUES[key] | nonsense if key in meant else st.none())
        for key in sorted(draw(st.sets(st.sampled_from(sorted(PROMPT_ID_KEYS - {"prompt_id"})))))
    }
    if draw(st.integers(0, 3)):
        body["prompt_id"] = draw(st.sampled_from(["a", "b", "a@2", "a.v2", "A b", "", 7]))
    return {**body, "top_p": 0.5, "user": "u"}


@given(body=bodies())
@settings(max_examples=400)
def test_no_spelling_ever_leaves_an_own_key_for_a_provider(body: dict[str, Any]) -> None:
    tries = body.get("prompt_id") is not None or any(body.get(key) is not None for key in UNMISTAKABLE)
    try:
        found = named_prompt(body, {})
    except (RequestRefused, PromptReferenceInvalidError):
        assert tries
        return
    assert (found is not None) == tries
    if found is not None:
        sent = merge(CHAT, FULL, FULL.messages, found, {**body, "model": "m-2"}).body
        assert not PROMPT_ID_KEYS & sent.keys()
        assert (sent["top_p"], sent["user"], sent["model"]) == (0.5, "u", "m-2")


@given(variables=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8)), stream=st.booleans())
def test_portkeys_body_keeps_only_what_overrides(variables: dict[str, Any], stream: bool) -> None:
    body = {"variables": variables, "promptID": "a", "stream": stream, "max_tokens": 5}
    found = named(body, in_path="a")
    sent = merge(CHAT, FULL, FULL.messages, found, body).body
    assert not {"variables", "promptID"} & sent.keys()
    assert (sent["stream"], sent["max_tokens"]) == (stream, 5)
