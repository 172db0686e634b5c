"""Text with holes as a Jinja template that gives the text back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.scanning.draft import Hole, as_template, dedented, escaped, fields, free_name, placeholders, variable_name
from registry.templates.template import compile_content, render
from registry.values import Content

_TRICKY = st.lists(
    st.sampled_from(
        ["{", "}", "{{", "}}", "{%", "%}", "{#", "#}", "\r", "\n", "x", "-", "'", '"', "{{ a }}", "{% raw %}", "é", " "]
    )
)


def _rendered(template: str, **variables: str) -> str | None:
    return render(compile_content(Content(kind="text", text=template)), variables).text


@given(_TRICKY.map("".join))
def test_escaped_text_renders_as_it_was(text: str) -> None:
    assert _rendered(escaped(text)) == text


@given(_TRICKY.map("".join), _TRICKY.map("".join), st.text())
def test_a_hole_between_braces_is_filled(before: str, after: str, value: str) -> None:
    template, names = as_template((before, Hole("user.name"), after))
    assert names == ("user_name",)
    assert _rendered(template, user_name=value) == before + value + after


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("name", "name"),
        ("self.user.name", "user_name"),
        ("user.firstName", "user_first_name"),
        ("len(items)", "items"),
        ("', '.join(names)", "names"),
        ("json.dumps(schema, indent=2)", "schema"),
        ("row['city']", "row_city"),
        ("1 + 2", "value"),
        ("naïve", "naïve"),
    ],
)
def test_a_variable_is_named_for_its_expression(expression: str, name: str) -> None:
    assert variable_name(expression) == name


def test_names_are_ones_that_a_template_can_use() -> None:
    assert [free_name(name, used) for name, used in (("for", ()), ("loop", ()), ("naïve", ()), ("a", ("a", "a_2")))] == [
        "for_value",
        "loop_value",
        "value",
        "a_3",
    ]  # fmt: skip


def test_equal_expressions_are_one_variable_and_equal_names_are_not() -> None:
    template, names = as_template((Hole("user.name"), " ", Hole("user.name"), " ", Hole("user_name")))
    assert template == "{{ user_name }} {{ user_name }} {{ user_name_2 }}"
    assert names == ("user_name", "user_name_2")


@pytest.mark.parametrize(
    ("text", "style", "template"),
    [
        ("Hi {name}, {{x}}", "format", "Hi {{ name }}, {x}"),
        ("Hi {user.name!r:>10}", "format", "Hi {{ user_name }}"),
        ("{} and {}", "format", "{{ first }} and {{ second }}"),
        ('{"a": 1}', "format", '{"a": 1}'),
        ("Hi %s, %(age)d years, 100 %%", "percent", "Hi {{ first }}, {{ age }} years, 100 %"),
        ("Hi {{name}} and {{{raw}}}", "mustache", "Hi {{ name }} and {{ raw }}"),
    ],
)
def test_placeholders_of_each_style(text: str, style: str, template: str) -> None:
    assert as_template(fields((text,), style, ("first", "second")))[0] == template  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["no fields", '{"json": true}', "a { b", "{0.1 + x}", "code: if (a) {return b;}"])
def test_braces_that_are_no_fields_stay(text: str) -> None:
    assert placeholders(text) is None


def test_the_margin_goes_and_holes_stay() -> None:
    parts = ("\n    One ", Hole("x"), "\n      two\n    three\n    ")
    assert dedented(parts, strip=True) == ("One ", Hole("x"), "\n  two\nthree")
