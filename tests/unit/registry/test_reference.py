import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptReferenceInvalidError
from registry.reference import (
    Reference,
    check_channel,
    check_slug,
    is_version_id,
    parse_reference,
    parse_selector,
    suggest_slug,
)


@pytest.mark.parametrize(
    ("text", "slug", "selector"),
    [
        ("support-agent", "support-agent", None),
        ("support-agent@latest", "support-agent", "latest"),
        ("support-agent@7", "support-agent", 7),
        ("a@007", "a", 7),
        ("team.a_b-c@eu-west_1", "team.a_b-c", "eu-west_1"),
        ("a@v7", "a", "v7"),
        ("a@0198c0de-0000-7000-8000-00000000abcd", "a", "0198c0de-0000-7000-8000-00000000abcd"),
    ],
)
def test_reads_what_a_call_names(text, slug, selector):
    assert parse_reference(text) == Reference(slug=slug, selector=selector)


@given(slug=st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?", fullmatch=True), number=st.integers(1, 2**31 - 1))
def test_what_is_printed_is_read_back(slug, number):
    for reference in (Reference(slug=slug), Reference(slug=slug, selector=number), Reference(slug=slug, selector="eu")):
        assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@7",
        "A",
        "a b",
        "-a",
        "a-",
        "a" * 101,
        "a\n",
        "a@",
        "a@@7",
        "a@0",
        "a@-1",
        "a@²",
        "a@99999999999999999999",
        "a@" + "9" * 5000,
        "a@Latest",
        "a@pinned",
        "ä",
        "../x",
    ],
)
def test_refuses_what_is_not_a_reference(text):
    with pytest.raises(PromptReferenceInvalidError) as caught:
        parse_reference(text)
    assert caught.value.param in ("prompt", "version")
    assert len(caught.value.message) < 500


def test_a_slug_with_capitals_and_spaces_is_answered_with_one_to_use():
    with pytest.raises(PromptReferenceInvalidError, match="such as 'support-agent'"):
        check_slug("Support Agent!")


@given(st.text())
def test_a_suggested_slug_is_a_slug(text):
    guess = suggest_slug(text)
    assert guess == "" or check_slug(guess) == guess


@pytest.mark.parametrize("value", [True, 0, -3, 2**31, 1.5])
def test_numbers_that_no_version_has(value):
    with pytest.raises(PromptReferenceInvalidError):
        parse_selector(value)


def test_selectors_on_their_own():
    assert [parse_selector(value) for value in (None, 7, "7", "stable")] == [None, 7, 7, "stable"]


def test_a_channel_can_not_look_like_a_pinned_number():
    for name in ("pinned", "7", "", "A", "a" * 37):
        with pytest.raises(PromptReferenceInvalidError):
            check_channel(name)


@given(name=st.from_regex(r"[a-z][a-z0-9_-]{0,35}", fullmatch=True))
def test_no_channel_is_a_versions_id(name):
    assert not is_version_id(name)
    assert is_version_id("0198c0de-0000-7000-8000-00000000abcd")
