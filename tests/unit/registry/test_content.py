import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.content import as_mapping, canonical, content_hash, parse_content
from registry.errors import PromptInvalidError
from registry.values import Content

SYSTEM = {"role": "system", "content": "x"}


def test_the_order_of_keys_makes_no_difference():
    one = parse_content({"messages": [{"role": "user", "content": "x"}], "parameters": {"a": 1, "b": 2}})
    two = parse_content({"parameters": {"b": 2, "a": 1}, "messages": [{"content": "x", "role": "user"}]})
    assert canonical(one) == canonical(two)


def test_the_order_of_a_response_formats_fields_does():
    def content(*names: str) -> Content:
        schema = {"properties": {name: {} for name in names}}
        return parse_content({"messages": [SYSTEM], "response_format": {"type": "json_schema", "schema": schema}})

    assert content_hash(canonical(content("why", "verdict"))) != content_hash(canonical(content("verdict", "why")))


def test_so_does_the_order_of_a_fragments_variables_but_not_of_its_other_fields():
    def content(*names: str, **more: object) -> Content:
        inner = {"version": 1, "variables": {"properties": {name: {} for name in names}}}
        return parse_content(
            {"messages": [SYSTEM], "includes": {"f": {"version": 2, "includes": {"g": inner}, **more}}}
        )

    assert canonical(content("a", "b")) != canonical(content("b", "a"))
    assert canonical(content("a", text="t", hash="h")) == canonical(content("a", hash="h", text="t"))
    assert parse_content(as_mapping(content("a"))) == content("a")


def test_the_hash_is_of_the_text():
    assert content_hash("{}") == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert canonical(Content(kind="text", text="ä")) == '{"kind":"text","text":"ä"}'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_content_comes_back_from_its_json(value):
    content = parse_content({"messages": [SYSTEM], "parameters": {"x": value}, "locked": ["model"], "model": "m"})
    assert parse_content(as_mapping(content)) == content


def test_an_empty_text_stays_a_text():
    assert parse_content(as_mapping(Content(kind="text", text=""))) == Content(kind="text", text="")
    assert parse_content({"text": "hi"}).kind == "text"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "is an object"),
        ({}, "'messages' holds at least one"),
        ({"messages": [SYSTEM], "text": "x"}, "'messages' holds"),
        ({"kind": "text"}, "'text' holds"),
        ({"kind": "poem", "text": "x"}, "'kind' is 'chat' or 'text'"),
        ({"mesages": []}, "did you mean 'messages'"),
        ({"messages": "x"}, "'messages' is a list"),
        ({"messages": [SYSTEM], "model": 3}, "'model' is a string"),
        ({"messages": [SYSTEM], "model": ""}, "'model' is a model's name"),
        ({"messages": [SYSTEM], "parameters": []}, "'parameters' is an object"),
        ({"messages": [SYSTEM], "tools": ["x"]}, r"'tools\[0\]' is an object"),
        ({"messages": [SYSTEM], "locked": [3]}, "'locked' is a list of names"),
        ({"messages": ["x"]}, r"'messages\[0\]' is an object"),
        ({"messages": [SYSTEM, {"role": "robot", "content": "x"}]}, r"'messages\[1\].role' is one of system,"),
        ({"messages": [{"role": "user"}]}, r"'messages\[0\].content' is a string"),
        ({"messages": [{"role": "user", "content": [3]}]}, r"'messages\[0\].content\[0\]' is an object"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, "if it has 'text'"),
        ({"messages": [{"role": "user", "content": "x", "name": 3}]}, r"'messages\[0\].name' is a string"),
        ({"messages": [{"role": "placeholder", "name": "my history"}]}, '"name": "messages"'),
        ({"messages": [{"role": "placeholder", "name": "history", "content": "x"}]}, '"name": "messages"'),
        ({"messages": [{"role": "placeholder"}]}, '"name": "messages"'),
        ({"messages": [SYSTEM], "includes": []}, "'includes' is an object"),
        ({"messages": [SYSTEM], "includes": {"a": "3"}}, r"'includes\['a'\]' is the number of the fragment's version"),
        ({"messages": [SYSTEM], "includes": {"a": True}}, "is the number"),
        ({"messages": [SYSTEM], "includes": {"a": 0}}, "is the number"),
        ({"messages": [SYSTEM], "includes": {"a": {"hash": "x"}}}, "is the number"),
        ({"messages": [SYSTEM], "includes": {"a": {"version": 1, "txt": "x"}}}, "'txt' is not a field of a lock|txt' is not a field"),
        ({"messages": [SYSTEM], "includes": {"a": {"version": True}}}, r"version' is not what a lock holds"),
        ({"messages": [SYSTEM], "includes": {"a": {"version": 1, "includes": {"b": "x"}}}}, r"'includes\['a'\].includes\['b'\]' is the number"),
        ({"messages": [SYSTEM], "parameters": {"at": datetime.date(2026, 1, 1)}}, "holds a date, which JSON doesn't"),
        ({"messages": [SYSTEM], "parameters": {1: 2}}, "a key that isn't a string"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_where(data, said):
    with pytest.raises(PromptInvalidError, match=said):
        parse_content(data)


def test_deep_and_endless_content_is_refused():
    deep: list = []
    for _ in range(100):
        deep = [deep]
    wide: list = ["x"]
    for _ in range(40):
        wide = [wide, wide]
    for value in (deep, wide):
        with pytest.raises(PromptInvalidError, match="too large"):
            parse_content({"messages": [SYSTEM], "parameters": {"x": value}})


@pytest.mark.parametrize("value", [float("nan"), "\ud800", object()])
def test_what_is_not_json_has_no_canonical_text(value):
    with pytest.raises(PromptInvalidError, match="must be JSON"):
        canonical(Content(messages=(SYSTEM,), parameters={"x": value}))


def test_messages_of_tool_calls_need_no_content():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    assert (
        parse_content({"messages": [call, {"role": "tool", "content": "3", "tool_call_id": "1"}]}).messages[0] == call
    )


def test_the_callers_messages_go_to_one_place():
    place = {"role": "placeholder", "name": "messages"}
    parse_content({"messages": [{"role": "system", "content": "x"}, place]})
    with pytest.raises(PromptInvalidError, match="one placeholder 'messages' at most"):
        parse_content({"messages": [place, {"role": "user", "content": "x"}, place]})
