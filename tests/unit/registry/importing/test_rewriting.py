"""Nunjucks' words in Jinja2's; that both render the same is shown beside Nunjucks itself in tests/contract."""

import pytest

from registry.errors import PromptInvalidError
from registry.importing.rewriting import from_nunjucks, without_safe


@pytest.mark.parametrize(
    ("nunjucks", "jinja"),
    [
        ("{{ x | dump }}", "{{ x | tojson }}"),
        ("{{ x|dump(2)|safe }}", "{{ x|tojson(2) }}"),
        ("{% elseif x === null %}", "{% elif x == none %}"),
        ("{{ x.null }} {{ 'null' }}", "{{ x.null }} {{ 'null' }}"),
        ("{{ a.b.length }} {{ loop.length }} {{ length }}", "{{ a.b|length }} {{ loop.length }} {{ length }}"),
        ("{{ a.toUpperCase().length }}", "{{ a|upper|length }}"),
        ("{{ a . trim ( ) }}", "{{ a |trim }}"),
        ("{{ a.join(', ') }} {{ a.startsWith('b') }}", "{{ a|join(', ') }} {{ a.startswith('b') }}"),
        ("{%- verbatim -%}{{ x | dump }}{%- endverbatim %}", "{%- raw -%}{{ x | dump }}{%- endraw %}"),
        ("{# {{ x | dump #}{{ '}} | dump' }}", "{# {{ x | dump #}{{ '}} | dump' }}"),
        ("text | dump .length === null", "text | dump .length === null"),
    ],
)
def test_what_is_rewritten(nunjucks: str, jinja: str) -> None:
    assert from_nunjucks(nunjucks)[0] == jinja


def test_a_loop_over_entries() -> None:
    loop = "{% for k, v in a.b %}{% endfor %}"
    entries = "{% for k, v in a.b.items() %}{% endfor %}"
    assert from_nunjucks(loop) == (entries, ["'a.b' is taken for an object, because a loop takes its keys and values"])
    assert from_nunjucks(loop, samples={"a.b": [{"x": 1}]}) == (entries, [])
    assert from_nunjucks(loop, samples={"a.b": [[["x", 1]]]}) == (loop, [])
    filtered = "{% for k, v in x | dictsort %}{% endfor %}"
    written, [note] = from_nunjucks(filtered)
    assert written == filtered
    assert "needs .items()" in note


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ x.includes('a') }}", r"'.includes\(…\)' is JavaScript's: write: x in y"),
        ("{{ x", "a tag is not closed"),
        ("{% raw %} {{ x }}", "{% raw %} is not closed"),
    ],
)
def test_what_has_no_counterpart(template: str, why: str) -> None:
    with pytest.raises(PromptInvalidError, match=why):
        from_nunjucks(template)


def test_the_filter_safe_alone() -> None:
    kept = "{{ ', '.join(x) }} {{ x.length }} {% for a, b in x %}"
    assert without_safe(kept + "{{ y | safe | upper }}") == kept + "{{ y | upper }}"
