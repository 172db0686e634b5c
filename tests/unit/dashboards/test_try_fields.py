"""A prompt's variables as fields and back, and messages as a caller would send them."""

from typing import Any

import pytest

from dashboards.forms import Form
from dashboards.try_fields import fields_of, messages_of, split_messages, typed_again, variables_of
from registry.errors import PromptInvalidError
from registry.values import Content

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "examples": ["Ann"], "description": "who writes"},
        "company": {"type": "string", "enum": ["Northwind", "Contoso"]},
        "words": {"type": "integer", "default": 20},
        "brief": {"type": "boolean"},
        "facts": {"type": "array"},
    },
}
CONTENT = Content(
    messages=(
        {"role": "system", "content": "{{ name }} {{ company }} {{ words }} {{ brief }} {{ facts }} {{ free }}"},
    ),
    variables=SCHEMA,
)


def test_fields_come_from_the_schema_and_are_filled_with_examples() -> None:
    found = {each.name: each for each in fields_of(CONTENT, {})}
    assert {name: each.kind for name, each in found.items()} == {
        "name": "text", "company": "choice", "words": "number", "brief": "boolean", "facts": "json", "free": "text",
    }  # fmt: skip
    assert {name: each.value for name, each in found.items()} == {
        "name": "Ann", "company": "Northwind", "words": "20", "brief": "", "facts": "", "free": "",
    }  # fmt: skip
    assert found["name"].about == "who writes"
    assert (found["words"].required, found["free"].required) == (False, True)


def test_what_is_given_comes_back_as_it_was() -> None:
    given: dict[str, Any] = {
        "name": "Zoë\n{{ 7 }}", "company": "Contoso", "words": 3.5, "brief": True, "facts": [{"a": 1}], "free": {"not": "text"},
    }  # fmt: skip
    assert variables_of(fields_of(CONTENT, given)) == given


def test_empty_fields_say_nothing_but_texts_that_must_be() -> None:
    form = Form(fields={f"var.{name}": "" for name in ("name", "company", "words", "brief", "facts")})
    assert variables_of(typed_again(fields_of(CONTENT, {}), form)) == {"name": "", "free": ""}


@pytest.mark.parametrize(("name", "typed", "said"), [("words", "many", "a number"), ("facts", "[", "JSON"), ("brief", "perhaps", "true or false")])  # fmt: skip
def test_what_cannot_be_read_names_the_variable(name: str, typed: str, said: str) -> None:
    fields = typed_again(fields_of(CONTENT, {}), Form(fields={f"var.{name}": typed}))
    with pytest.raises(PromptInvalidError, match=f"variable '{name}' is {said}, not"):
        variables_of(fields)


def test_messages() -> None:
    earlier = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    text, says = split_messages([*earlier, {"role": "user", "content": "c"}])
    assert says == "c"
    assert messages_of(Form(fields={"earlier": text, "says": says})) == [*earlier, {"role": "user", "content": "c"}]
    assert split_messages([]) == ("", "")
    assert split_messages(earlier)[1] == ""
    assert messages_of(Form()) == []
    for wrong, said in (("[", "is no JSON"), ("{}", "are a list"), ("[1]", "are a list")):
        with pytest.raises(PromptInvalidError, match=said):
            messages_of(Form(fields={"earlier": wrong}))
