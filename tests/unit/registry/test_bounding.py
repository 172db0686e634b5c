from jinja2 import Environment, nodes

from registry.templates.bounding import CONCAT, EACH, HELD, TICK, Bounding


def _filters(source: str) -> list[str]:
    tree = Bounding().visit(Environment(autoescape=True).parse(source))
    return [node.name for node in tree.find_all(nodes.Filter)]


def test_what_jinja_compiles_to_bare_python_goes_through_a_charged_filter():
    assert _filters("{% for x in xs %}{% endfor %}") == [EACH]
    assert _filters("{{ a ~ b }}") == [CONCAT]
    for literal in ("[a]", "(a, b)", "{'k': a}", "a[1:]"):
        assert _filters("{{ " + literal + " }}") == [HELD]
    assert _filters("{{ a == b }}") == _filters("{{ a is eq(b) }}") == [TICK]


def test_constants_and_names_to_assign_to_are_left_alone():
    assert _filters("{{ ['a', 1] }}{% set a, b = c %}{% for x, y in z %}{% endfor %}{{ a[1] }}{{ 1 == a }}") == [EACH]


def test_only_text_that_can_repeat_is_charged_as_a_value():
    tree = Bounding().visit(
        Environment(autoescape=True).parse(
            "once{% if a %}once{% endif %}{% for x in y %}often{% endfor %}{% macro m() %}often{% endmacro %}once"
        )
    )
    assert {data.data for data in tree.find_all(nodes.TemplateData)} == {"once"}
    assert {const.value for const in tree.find_all(nodes.Const)} == {"often"}
