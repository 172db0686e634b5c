"""Text that Jinja2 must not take for tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.importing.writing import Include, Part, Print, jinja, literal
from registry.templates.template import compile_content, render
from registry.values import Content

pieces = st.sampled_from(
    [
        "{",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{{",
        "'",
        '"',
        "\\",
        "-",
        "\n",
        " ",
        "a",
        "{% endraw %}",
        "raw",
        "x",
        "\r\n",
    ]
)


def rendered(template: str, **values: str) -> str:
    return render(compile_content(Content(kind="text", text=template)), values).text or ""


@given(st.lists(st.one_of(pieces, st.just(Print(expression="x")), st.text(max_size=5)), max_size=20))
def test_text_comes_out_as_it_is(parts: list[Part]) -> None:
    expected = "".join("VALUE" if isinstance(part, Print) else str(part) for part in parts)
    expected = expected.replace("\r\n", "\n").replace("\r", "\n")
    assert rendered(jinja(parts), x="VALUE") == expected


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("no tags } at { all", "no tags } at { all"),
        ("{{ is one", "{{ '{{' }} is one"),
        ("{% a {# b {{ c }} d", "{% raw %}{% a {# b {{{% endraw %} c }} d"),
        ("{{{{", "{{ '{{{{' }}"),
        ("{{ {% endraw %} {{", "{{ '{{' }} {{ '{%' }} endraw %} {{ '{{' }}"),
    ],
)
def test_what_is_written(text: str, template: str) -> None:
    assert literal(text) == template
    assert rendered(template) == text


def test_a_brace_before_a_variable() -> None:
    assert jinja(["{", Print(expression="x"), "}"]) == "{{ '{' }}{{ x }}}"


def test_an_include() -> None:
    assert jinja(["a ", Include(reference="tone@stable")]) == 'a {% include "tone@stable" %}'


def test_line_ends() -> None:
    assert jinja(["a\r\nb\rc"]) == "a\nb\nc"
