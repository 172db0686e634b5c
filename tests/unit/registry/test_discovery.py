import pytest
from jinja2 import Environment

from registry.templates.discovery import Discovery


def _found(*sources: str) -> dict[str, bool]:
    discovery = Discovery(globals=frozenset({"range", "namespace"}))
    for source in sources:
        discovery.read(Environment(autoescape=True).parse(source))
    return discovery.found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ a }} {{ b.c }} {{ d[e] }}", {"a": True, "b": True, "d": True, "e": True}),
        (
            "{% for x in xs %}{{ x }}{{ loop.index }}{{ y }}{% else %}{{ x }}{% endfor %}",
            {"xs": True, "y": True, "x": True},
        ),
        ("{% for x in xs if x.ok and z %}{% endfor %}", {"xs": True, "z": True}),
        ("{% for a, b in xs.items() %}{{ a }}{{ b }}{% endfor %}{{ a }}", {"xs": True, "a": True}),
        ("{% set a = b %}{{ a }}", {"b": True}),
        ("{{ a }}{% set a = 1 %}{{ a }}", {"a": True}),
        ("{% set a = a | default('x') %}{{ a }}", {"a": False}),
        ("{% set a %}{{ b }}{% endset %}{{ a }}", {"b": True}),
        ("{% set a | upper %}x{% endset %}{{ a }}", {}),
        ("{% set ns = namespace(n=m) %}{% set ns.n = k %}{{ ns.n }}", {"m": True, "k": True}),
        ("{% with a = b %}{{ a }}{% endwith %}{{ a }}", {"b": True, "a": True}),
        ("{% macro m(x, y=z) %}{{ x }}{{ w }}{{ varargs }}{% endmacro %}{{ m(1) }}", {"z": True, "w": True}),
        ("{% call(item) m(x) %}{{ item }}{{ o }}{% endcall %}", {"m": True, "x": True, "o": True}),
        ("{% filter replace(a, b) %}{{ c }}{% endfilter %}", {"c": True, "a": True, "b": True}),
        ("{{ range(n) }}", {"n": True}),
        ("{{ a | default(b) }}", {"a": False, "b": True}),
        ("{{ a | d('x') | upper }}", {"a": False}),
        ("{{ a.b | default('x') }}", {"a": True}),
        ("{% if a is defined %}{{ a }}{% endif %}", {"a": False}),
        ("{% if a is defined %}{{ a }}{% endif %}{{ a }}", {"a": True}),
        ("{% if a is not defined %}none{% else %}{{ a }}{% endif %}", {"a": False}),
        ("{% if a is undefined %}none{% elif a > 3 %}{{ a }}{% endif %}", {"a": False}),
        ("{% if a is defined and a > 3 and b %}{{ a }}{% endif %}", {"a": False, "b": True}),
        ("{% if a is defined or b %}{{ a }}{% endif %}", {"a": True, "b": True}),
        ("{% if a is undefined or a == 3 %}x{% endif %}", {"a": False}),
        ("{% if not (a is defined and b is defined) %}x{% else %}{{ a }}{{ b }}{% endif %}", {"a": False, "b": False}),
        ("{{ a if a is defined else b }}", {"a": False, "b": True}),
        ("{{ a if c }}", {"c": True, "a": True}),
        ("{% if a is undefined %}{% set a = 1 %}{% endif %}{{ a }}", {"a": False}),
        ("{% if c %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}", {"c": True}),
        ("{% if c %}{% set a = 1 %}{% endif %}{{ a }}", {"c": True, "a": True}),
        ("{% if a %}{{ a }}{% endif %}", {"a": True}),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", {}),
    ],
)
def test_which_variables_a_template_takes(source, found):
    assert _found(source) == found


def test_one_unguarded_use_in_any_template_makes_it_required():
    assert _found("{{ a | default(1) }}{{ b }}", "{{ a }}{{ b | default(1) }}") == {"a": True, "b": True}
