"""Names of variables, prompts and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError
from registry.importing.naming import channel_for, channels_for, identifiers, renamed, slug_for
from registry.templates.template import compile_content, render
from registry.values import Content

words = st.one_of(
    st.sampled_from(
        [
            "𜼰",
            "नाम",
            "not",
            "none",
            "True",
            "self",
            "range",
            "dict",
            "and",
            "if",
            "class",
            "ﬁ",
            "fi",
            "user-name",
            "user_name",
            "𖺀",
            "a·b",
        ]
    ),
    st.text(min_size=1, max_size=8),
)


@given(st.lists(words, max_size=8))
def test_every_name_can_be_said_by_a_template_and_no_two_are_one(names: list[str]) -> None:
    found = identifiers(names)
    assert list(dict.fromkeys(names)) == sorted(found, key=names.index)
    assert len(set(found.values())) == len(found)
    for name in found.values():
        compiled = compile_content(Content(kind="text", text="{{ " + name + " }}"))
        assert compiled.variables == (name,)
        assert render(compiled, {name: "V"}).text == "V"


@given(st.lists(words, min_size=1, max_size=8, unique=True))
def test_each_name_keeps_its_value_beside_the_others(names: list[str]) -> None:
    found = identifiers(names)
    compiled = compile_content(Content(kind="text", text="|".join("{{ " + found[name] + " }}" for name in names)))
    values = {found[name]: str(index) for index, name in enumerate(names)}
    assert render(compiled, values).text == "|".join(values[found[name]] for name in names)


def test_a_name_that_can_stay_stays() -> None:
    assert identifiers(["user-name", "user_name"]) == {"user_name": "user_name", "user-name": "user_name_2"}
    assert identifiers(["नाम", "größe"]) == {"नाम": "नाम", "größe": "größe"}
    assert identifiers(["𖺀", "a - b"]) == {"𖺀": "value", "a - b": "a_b"}  # a digit that is none of Python's
    assert list(identifiers(["ﬁ", "fi"]).values()) == ["fi", "fi_2"]  # Python reads both as one name
    assert renamed(identifiers(["naïve", "first name"])) == ["variable 'first name' is called 'first_name' here"]


@pytest.mark.parametrize(
    ("name", "slug"), [("Support Agent", "support-agent"), ("team/Critic", "team-critic"), ("a.b", "a.b")]
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_for(name) == slug
    assert slug_for(name, "old-") == f"old-{slug}"


def test_a_name_of_which_nothing_can_stay() -> None:
    with pytest.raises(PromptInvalidError, match="no slug can be made of the name '!!!'"):
        slug_for("!!!", "old-")


def test_labels() -> None:
    channels, notes = channels_for(["production", "latest", "eu.west", "staging", "1", "pinned"])
    assert channels == ("stable", "eu-west", "staging")
    assert notes == [
        "label 'eu.west' is the channel 'eu-west' here",
        "label '1' is not carried over: no channel can be called so",
        "label 'pinned' is not carried over: no channel can be called so",
    ]
    assert (channel_for("production"), channel_for("latest")) == ("stable", "latest")
    with pytest.raises(PromptInvalidError, match="no channel"):
        channel_for("1")
