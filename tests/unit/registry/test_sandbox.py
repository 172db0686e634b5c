"""The sandbox, its filters and the rewrite of the tree, through templates that try to get out, hang or explode."""

import time
import tracemalloc

import pytest

from registry.errors import PromptInvalidError, PromptRenderFailedError, PromptRenderLimitError, RegistryError
from registry.templates.filters import allowed_filters
from registry.templates.limits import Limits
from registry.templates.template import compile_content, render
from registry.values import Content

SMALL = Limits(output=10_000, steps=5_000, seconds=5.0)


def _render(source: str, limits: Limits = SMALL, **variables: object) -> str:
    return render(compile_content(Content(kind="text", text=source), limits), variables).text or ""


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "{% for x in xs %}{{ loop.index }}/{{ loop.length }}={{ x }}{{ ', ' if not loop.last }}{% endfor %}",
            "1/2=a, 2/2=b",
        ),
        ("{{ xs | join(', ') }} {{ ', '.join(xs) }}", "a, b a, b"),
        ("{{ d.k }}{{ d['k'] }}{{ d.get('z', 1) }}{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "vv1kv"),
        ("{{ d.update }}", "u"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m('a') }}", "<1><a>"),
        ("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}", "[x]"),
        ("{% for n in tree recursive %}{{ n.v }}{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}", "1(2(3))4"),
        ("{% set ns = namespace(n=0) %}{% for x in xs %}{% set ns.n = ns.n + 2 %}{% endfor %}{{ ns.n }}", "4"),
        ("{% set b %}{{ xs[0] }}!{% endset %}{{ b ~ b ~ 1 }}", "a!a!1"),
        (
            "{{ xs[::-1] }}{{ xs + ['c'] }}{{ 'ab' * 2 }}{{ 7 % 4 }}{{ 2 ** 10 }}{{ '%s!' % 'x' }}",
            "['b', 'a']['a', 'b', 'c']abab31024x!",
        ),
        ("{% filter upper %}a{{ xs[1] }}{% endfilter %}", "AB"),
        ("{{ tree | map(attribute='v') | sum }}{{ tree | sum('v') }}{{ xs | map('upper') | list }}", "55['A', 'B']"),
        ("{% for g in tree | groupby('v') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}", "1141"),
        ("{{ 'a' in xs and 'a' == xs[0] and xs is iterable and 3 is odd }}", "True"),
        ("{% for x in xs if x != 'a' %}{{ x }}{% else %}none{% endfor %}", "b"),
        (
            "{% set c = cycler('x', 'y') %}{{ c.next() }}{{ c.next() }}{% set j = joiner('|') %}{{ j() }}{{ j() }}",
            "xy|",
        ),
        ("{{ {'a': xs} | tojson }}{{ ('x', 1) }}{{ 'a,b'.split(',') }}", "{\"a\": [\"a\", \"b\"]}('x', 1)['a', 'b']"),
        ("line\n{% if true %}\n  kept\n{% endif %}\n", "line\n\n  kept\n\n"),
        ("{{ '<b>' }}{{ '<b>' | e }}", "<b>&lt;b&gt;"),
        ("{{ xs | first }}{{ xs | last }}{{ [3, 1] | sort }}{{ [3, 1] | max }}{{ 'ab' | reverse }}", "ab[1, 3]3ba"),
    ],
)
def test_ordinary_templates_do_what_jinja_does(source, text):
    assert (
        _render(
            source,
            xs=["a", "b"],
            d={"k": "v", "update": "u"} if "update" in source else {"k": "v"},
            tree=[{"v": 1, "c": [{"v": 2, "c": [{"v": 3}]}]}, {"v": 4}]
            if "recursive" not in source
            else [{"v": 1, "c": [{"v": 2, "c": [{"v": 3, "c": []}]}]}, {"v": 4, "c": []}],
        )
        == text
    )


BOMBS = {
    "multiplied text": "{{ 'a' * 10**9 }}",
    "multiplied list": "{{ [1] * 10**9 }}",
    "multiplied from the left": "{{ 10**9 * 'a' }}",
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops that print": "{% for a in range(4000) %}some text that stands in the template{% endfor %}",
    "filtered loop": "{% for a in range(99999) if false %}{% endfor %}",
    "loop length": "{% for a in range(99999) %}{{ loop.length }}{% endfor %}",
    "doubling blocks": "{% set x = 'aaaaaaaa' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40,
    "doubling by ~": "{% set x = 'aaaaaaaa' %}" + "{% set x = x ~ x %}" * 40,
    "doubling by +": "{% set x = 'aaaaaaaa' %}" + "{% set x = x + x %}" * 40,
    "doubling lists": "{% set x = ['a'] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "doubling tuples": "{% set x = ('a',) %}" + "{% set x = (x, x) %}" * 40 + "{{ x | string }}",
    "doubling mappings": "{% set x = {'a': 1} %}" + "{% set x = {'a': x, 'b': x} %}" * 40 + "{{ x | tojson }}",
    "doubling dict()": "{% set x = 1 %}" + "{% set x = dict(a=x, b=x) %}" * 40 + "{{ x }}",
    "doubling namespaces": "{% set x = namespace(a=1) %}" + "{% set x = namespace(a=x, b=x) %}" * 40,
    "comparing doubled lists": "{% set x = ['a'] %}{% set y = ['a'] %}" + "{% set x = [x, x] %}{% set y = [y, y] %}" * 40 + "{{ x == y }}",
    "powers": "{{ 10 ** (10 ** 10) }}",
    "squares": "{% set x = 3 %}" + "{% set x = x * x %}" * 60,
    "center": "{{ 'x' | center(10 ** 9) }}",
    "indent": "{{ 'a\nb' | indent(10 ** 9) }}",
    "replace": "{{ ('a' * 1000) | replace('', 'b' * 1000) }}",
    "replace as a method": "{{ ('a' * 1000).replace('a', 'b' * 1000) }}",
    "join": "{{ ('a' * 1000) | join('b' * 1000) }}",
    "join as a method": "{{ ('b' * 1000).join('a' * 1000) }}",
    "format": "{{ ('%s' * 1000) | format(*(['x' * 100] * 90)) }}",
    "percent": "{{ '%900d' * 100 % ((1,) * 100) }}",
    "wordwrap": "{{ ('a ' * 1000) | wordwrap(1, wrapstring='b' * 1000) }}",
    "escape": "{{ ('&' * 9000) | e }}",
    "filters of Jinja's": "{% set y = ('&' * 9000) | urlencode %}",
    "sorted range": "{% set y = range(99999) | sort %}",
    "list of a range": "{{ range(99999) | list }}",
    "lazy chain": "{{ range(99999) | map('string') | select('eq', 'x') | list }}",
    "slices": "{% set x = 'a' * 9000 %}" + "{% set y = x[1:] %}" * 40,
    "macro in a loop": "{% macro m() %}0123456789{% endmacro %}{% for a in range(2000) %}{{ m() }}{% endfor %}",
    "macros that fan out": "{% macro a() %}{% endmacro %}" + "".join(f"{{% macro {chr(98 + i)}() %}}{{{{ {chr(97 + i)}() }}}}{{{{ {chr(97 + i)}() }}}}{{% endmacro %}}" for i in range(20)) + "{{ u() }}",
    "call blocks": "{% macro m() %}{% for a in range(99999) %}{{ caller() }}{% endfor %}{% endmacro %}{% call m() %}{% endcall %}",
    "recursive loop over much": "{% for a in [1] recursive %}{% if not loop.depth0 %}{{ loop(range(99999)) }}{% endif %}{% endfor %}",
    "recursive loop": "{% for a in range(30) recursive %}{{ loop(range(30)) if loop.depth < 9 }}{% endfor %}",
}  # fmt: skip


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_at_a_limit_before_it_takes_memory(source):
    compiled = compile_content(Content(kind="text", text=source), SMALL)
    tracemalloc.start()
    try:
        with pytest.raises(PromptRenderLimitError):
            render(compiled, {})
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "source",
    ["{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}"],
)
def test_endless_recursion_is_the_templates_failure(source):
    with pytest.raises(PromptRenderFailedError, match="calls itself too deeply"):
        _render(source, Limits())


def test_time_is_bounded_by_the_clock_it_is_given():
    ticks = iter(range(10**6))
    compiled = compile_content(Content(kind="text", text="{% for a in range(90000) %}{% endfor %}"))
    with pytest.raises(PromptRenderLimitError, match="longer than 1 s"):
        render(compiled, {}, clock=lambda: float(next(ticks)))
    assert render(compiled, {}, clock=lambda: 0.0).text == ""
    assert render(compiled, {}, clock=time.monotonic).text is not None


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ x.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ (x | map(attribute='__class__') | list)[0] }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{{ range.__self__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__call__ }}{{ m._func }}",
    "{{ 'a{0.__class__}'.format(1) }}",
    "{{ 'a{x}'.format_map({'x': 1}) }}",
    "{{ 'a'['format'](1) }}",
    "{{ 'a'.translate({97: 'b' * 100}) }}",
    "{{ 'a'.ljust(10 ** 9) }}{{ 'a'.zfill(10 ** 9) }}{{ 'a'.expandtabs(10 ** 9) }}",
    "{{ (1).to_bytes(10 ** 9, 'big') }}",
    "{{ 'a'.encode() }}",
    "{{ [1].append(2) }}",
    "{{ {}.update({'a': 1}) }}",
    "{{ {'a': 1}['clear']() }}",
    "{{ {'a': 1}.fromkeys([1]) }}",
    "{{ [1] | map('(held)') | list }}",
    "{{ [1] | map('attr', '__class__') | list }}",
    "{% for a in x %}{{ loop.__init__ }}{% endfor %}",
    "{{ self.__init__ }}",
    "{{ self }}",
    "{{ range }}{{ x.items }}",
    "{{ [1] | map('string') }}",
    "{{ 1 | round(10 ** 9, 'ceil') }}",
    "{{ [[1], [2]] | sum(start=[]) }}",
    "{{ x | sum('a') }}",
    "{{ 1 / 0 }}",
    "{{ nothing.at.all }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ESCAPES)
def test_there_is_no_way_out(source):
    with pytest.raises(RegistryError) as caught:
        _render(source, x=[{"a": "b"}])
    assert caught.value.code.startswith("prompt_")


@pytest.mark.parametrize(
    "tag",
    [
        "{% import 'a' as b %}",
        "{% from 'a' import b %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% autoescape true %}{% endautoescape %}",
    ],
)
def test_tags_that_need_other_files_are_refused_at_save(tag):
    with pytest.raises(PromptInvalidError, match=r"isn.t supported: .+"):
        _render(f"\n{tag}")


@pytest.mark.parametrize("name", ["random", "pprint", "urlize", "xmlattr", "attr", "safe", "batch", "slice", "ljust"])
def test_left_out_filters_are_refused_at_save(name):
    assert name not in allowed_filters()
    with pytest.raises(PromptInvalidError, match=rf"text, line 2: no filter named '{name}'.*there are: abs,"):
        _render(f"\n{{{{ x | {name} }}}}")


def test_a_misspelt_filter_is_answered_with_the_nearest():
    with pytest.raises(PromptInvalidError, match="did you mean 'upper'"):
        _render("{% if false %}{{ x | uper }}{% endif %}")


def test_refusals_say_what_to_do_instead():
    with pytest.raises(PromptRenderFailedError, match="may not use 'format' of a value of type str; use '~'"):
        _render("{{ 'a'.format(1) }}")


def test_a_large_value_of_the_callers_may_be_read_as_it_is():
    docs = [{"id": n, "body": "x" * 100} for n in range(1000)]
    source = (
        "{{ (docs | default([]))[7].id }}{{ docs | length }}{{ d.get('docs') | length }}{{ docs | first | length }}"
    )
    assert _render(source, docs=docs, d={"docs": docs}) == "7100010002"
