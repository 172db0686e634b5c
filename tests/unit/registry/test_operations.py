import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.exceptions import FilterArgumentError

from registry.errors import PromptRenderLimitError
from registry.templates import operations
from registry.templates.budget import Budget
from registry.templates.limits import Limits

PLAIN = Environment(autoescape=False)  # noqa: S701 - the reference that ours must agree with


def _budget() -> Budget:
    return Budget(Limits(output=10_000))


@given(st.text(), st.text(max_size=2), st.text(max_size=5), st.none() | st.integers(-1, 3))
def test_replace_is_pythons(text, old, new, count):
    expected = text.replace(old, new, -1 if count is None else count)
    assert operations.replace(_budget(), text, old, new, count) == expected


@given(st.lists(st.text(max_size=5) | st.integers()), st.text(max_size=3))
def test_join_is_jinjas(items, between):
    assert operations.join(_budget(), items, between) == PLAIN.call_filter("join", items, [between])


@given(st.text(max_size=40), st.integers(0, 8), st.booleans(), st.booleans())
def test_indent_is_jinjas_for_lines_that_end_in_newlines(text, width, first, blank):
    text = " ".join(text.split()) + "\n\nnext\n"
    expected = PLAIN.call_filter("indent", text, [width, first, blank])
    assert operations.indent(_budget(), text, width, first, blank).rstrip(" ") == expected.rstrip(" ")


@given(st.text(max_size=60), st.integers(1, 20))
def test_wordwrap_is_jinjas(text, width):
    assert operations.wordwrap(_budget(), text, width) == PLAIN.call_filter("wordwrap", text, [width])


def test_json_is_for_models_not_for_html():
    value = {"b": "<é>", "a": [1, None]}
    assert operations.tojson(_budget(), value) == '{"b": "<é>", "a": [1, null]}'
    assert operations.tojson(_budget(), [1], indent=1) == "[\n 1\n]"


def test_the_rest_is_pythons():
    budget = _budget()
    assert operations.center(budget, "ab", 6) == "  ab  "
    assert operations.escape_html(budget, "<a & 'b'>") == "&lt;a &amp; &#39;b&#39;&gt;"
    assert operations.round_number(budget, 2.567, 1) == 2.6
    assert operations.printf(budget, "%s-%03d-%%", "a", 7) == "a-007-%"
    assert operations.printf(budget, "%(x)s", x=1) == "1"


@pytest.mark.parametrize(
    "bomb",
    [
        lambda b: operations.replace(b, "a" * 200, "", "b" * 100),
        lambda b: operations.replace(b, "a" * 200, "a", "b" * 100),
        lambda b: operations.join(b, "a" * 200, "b" * 100),
        lambda b: operations.printf(b, "%s" * 200, *["x" * 100] * 200),
        lambda b: operations.printf(b, "%900d" * 20, *[1] * 20),
        lambda b: operations.center(b, "a", 10**12),
        lambda b: operations.indent(b, "\n" * 200, 100),
        lambda b: operations.indent(b, "\n" * 200, " " * 100),
        lambda b: operations.escape_html(b, "&" * 5000),
        lambda b: operations.tojson(b, ["a"] * 9000),
        lambda b: operations.wordwrap(b, "a " * 200, 1, wrapstring="b" * 100),
    ],
)
def test_nothing_grows_beyond_the_limit(bomb):
    with pytest.raises(PromptRenderLimitError):
        bomb(_budget())


def test_indented_json_of_deep_lists_is_bounded_by_what_it_prints():
    value: list = [1] * 30
    for _ in range(60):
        value = [value]
    with pytest.raises(PromptRenderLimitError):
        operations.tojson(_budget(), value, indent=16)


@pytest.mark.parametrize("template", ["%9999d", "%.9999f", "%1000000000d", "%*d", "%.*f", "%(a(b))9999d", "%-09999d"])
def test_wide_fields_are_refused(template):
    with pytest.raises(FilterArgumentError):
        operations.printf(_budget(), template, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda b: operations.round_number(b, 1, 10**9, "ceil"),
        lambda b: operations.tojson(b, 1, indent=99),
        lambda b: operations.tojson(b, {1}),
        lambda b: operations.center(b, "a", "wide"),
    ],
)
def test_arguments_out_of_range_are_refused(call):
    with pytest.raises(FilterArgumentError):
        call(_budget())
