import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import TemplateSyntaxError

from registry.errors import PromptInvalidError
from registry.templates.inlining import DEEPEST, expanded
from registry.templates.limits import Limits
from registry.templates.sandbox import Sandbox
from registry.templates.template import compile_content, render
from registry.values import Content


def _lock(text: str, **includes: dict) -> dict:
    return {"version": 1, "version_id": "i", "hash": "h", "text": text, **({"includes": includes} if includes else {})}


def _content(text: str, **includes: dict) -> Content:
    return Content(kind="text", text=text, includes=includes)


def _text(text: str, fragment: str, **variables: object) -> str | None:
    return render(compile_content(_content(text, f=_lock(fragment))), variables).text


@pytest.mark.parametrize(
    ("text", "fragment", "said"),
    [
        ("{% set x = 1 %}{% include 'f' %}{{ x }}", "[{{ x }}{% set x = 2 %}{{ x }}]", "[12]1"),
        ("{% include 'f' %}{{ v }}", "{% set v = 2 %}{{ v }}", "2V"),
        ("{{ v }}{% include 'f' %}{% include 'f' %}", "{{ v }}{% set v = v ~ '!' %}{{ v }}", "VVV!VV!"),
        ("{% for i in xs %}{% include 'f' %}{% endfor %}", "{{ loop.index }}={{ i }}{{ ',' if not loop.last }}", "1=a,2=b"),
        ("{% macro m(a, b=2) %}{% include 'f' %}{% endmacro %}{{ m(1) }}", "{{ a }}{{ b }}{{ v }}", "12V"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{% include 'f' %}{% endcall %}", "{{ v }}", "<V>"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{% include 'f' %}", "{{ m(v) }}", "<V>"),
        ("{% filter upper %}a{% include 'f' %}{% endfilter %}", "{{ v }}b", "AVB"),
        ("{% set t %}{% include 'f' %}{% endset %}{{ t }}{{ t }}", "{{ v }}", "VV"),
        ("{% with v = 1 %}{% include 'f' %}{% endwith %}{{ v }}", "{{ v }}", "1V"),
        ("{% if v %}{% include 'f' %}{% else %}x{% endif %}", "", ""),
        ("{% set ns = namespace(n=0) %}{% for i in xs %}{% include 'f' %}{% endfor %}{{ ns.n }}", "{% set ns.n = ns.n + 1 %}", "2"),
        ("a\n{%- include 'f' -%}\n b", " {{ v }} ", "a V b"),
        ("{% include 'f' %}", "{% macro m() %}m{% endmacro %}{{ m() }}{% if v %}{% set q = 1 %}{% else %}{% set q = 2 %}{% endif %}{{ q }}", "m1"),
    ],
)  # fmt: skip
def test_a_fragment_sees_what_stands_around_it_and_leaves_nothing_behind(text, fragment, said):
    assert _text(text, fragment, v="V", xs=["a", "b"]) == said


def test_a_macro_of_a_fragment_stays_in_it():
    compiled = compile_content(_content("{% include 'f' %}{{ m() }}", f=_lock("{% macro m() %}x{% endmacro %}")))
    assert compiled.check.required == ("m",)


@pytest.mark.parametrize(
    ("text", "fragment", "required", "optional"),
    [
        ("{% include 'f' %}", "{{ a }}{{ b | default(1) }}", ("a",), ("b",)),
        ("{% set a = 1 %}{% include 'f' %}", "{{ a }}", (), ()),
        ("{% include 'f' %}{{ a }}", "{% set a = 1 %}", ("a",), ()),
        ("{% if a is defined %}{% include 'f' %}{% endif %}", "{{ a }}", (), ("a",)),
        ("{% for a in b %}{% include 'f' %}{% endfor %}", "{{ a }}{{ loop.index }}", ("b",), ()),
        ("{% include 'f' %}", "{% for loop_item in xs %}{{ loop_item }}{% endfor %}", ("xs",), ()),
    ],
)
def test_variables_of_a_fragment_are_the_prompts(text, fragment, required, optional):
    compiled = compile_content(_content(text, f=_lock(fragment)))
    assert (compiled.check.required, tuple(n for n in compiled.variables if n not in required)) == (required, optional)


@pytest.mark.parametrize(
    ("fragment", "value"),
    [
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", ""),
        ("{{ v * 10 ** 9 }}", "x"),
        ("{% for i in range(1000) %}{% include 'g' %}{% endfor %}", "x" * 500),
    ],
)
def test_a_fragment_is_bounded_as_its_prompt_is(fragment, value):
    content = _content("{% include 'f' %}", f=_lock(fragment, g=_lock("{{ v }}0123456789" * 50)))
    compiled = compile_content(content, Limits(seconds=60))
    with pytest.raises(Exception, match="steps|characters") as caught:
        render(compiled, {"v": value})
    assert caught.type.__name__ == "PromptRenderLimitError"


def test_text_of_a_fragment_in_a_loop_is_charged_each_time():
    content = _content("{% for i in xs %}{% include 'f' %}{% endfor %}", f=_lock("0123456789"))
    compiled = compile_content(content, Limits(output=40))
    assert render(compiled, {"xs": [1, 2, 3]}).text == "0123456789" * 3
    with pytest.raises(Exception, match="longer than 40"):
        render(compiled, {"xs": [1, 2, 3, 4]})


def test_fragments_are_bounded_in_size_number_and_depth_together_with_the_prompt():
    tag = "{% include 'f' %}"
    assert compile_content(_content(tag * 2, f=_lock("x" * 10)), Limits(source=len(tag) * 2 + 20)).variables == ()
    with pytest.raises(PromptInvalidError, match="too large together"):
        compile_content(_content(tag * 2, f=_lock("x" * 10)), Limits(source=len(tag) * 2 + 19))
    with pytest.raises(PromptInvalidError, match="too many tags"):
        compile_content(_content(tag, f=_lock("{{ a }}" * 50)), Limits(nodes=40))
    many = {"x": _lock("x")}
    for _ in range(6):
        many = {"x": _lock("{% include 'x' %}" * 20, **many)}
    with pytest.raises(PromptInvalidError, match="too large together"):
        compile_content(_content("{% include 'x' %}", **many))
    deep: dict = {"x": _lock("x")}
    for _ in range(DEEPEST - 1):
        deep = {"x": _lock("{% include 'x' %}", **deep)}
    assert render(compile_content(_content("{% include 'x' %}", **deep)), {}).text == "x"
    with pytest.raises(PromptInvalidError, match="at most 8 deep"):
        compile_content(_content("{% include 'x' %}", x=_lock("{% include 'x' %}", **deep)))


def test_the_source_with_its_fragments_in_place():
    includes = {"f@3": _lock("[{% include 'g' %}]", g=_lock("G"))}
    source = "{% raw %}{% include 'f@3' %}{% endraw %}\r\n  a {% if x %}{% include \"f@3\" with context %}{% endif %}{# {% include 'f@3' %} #}{{ \"{% include 'f@3' %}\" }}{%- include 'f@3' -%} z"
    assert expanded(Sandbox(most_nodes=0), source, includes) == (
        "{% raw %}{% include 'f@3' %}{% endraw %}\n  a {% if x %}[G]{% endif %}{# {% include 'f@3' %} #}{{ \"{% include 'f@3' %}\" }}[G]z"
    )
    for wrong in ("{% include 'no' %}", "{% include 'f@3", "{% include x %}"):
        with pytest.raises(TemplateSyntaxError):
            expanded(Sandbox(most_nodes=0), wrong, includes)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}%#\r"), max_size=8)
TEMPLATE = st.recursive(
    PLAIN | st.sampled_from(["{{ a }}", "{{ b | upper }}", "{{ c | default('-') }}", "{{ i | default('?') }}", "{# note #}", "{{ '{% x %}' }}", "{% raw %}{{ x }}{% endraw %}"]),
    lambda inner: (
        st.lists(inner, max_size=4).map("".join)
        | inner.map("{{% if a %}}{}{{% endif %}}".format)
        | inner.map("{{% for i in xs %}}{}{{{{ loop.index }}}}{{% else %}}none{{% endfor %}}".format)
        | inner.map("{{% if d is defined %}}{{{{ d }}}}{{% else %}}{}{{% endif %}}".format)
        | inner.map("{{% filter upper %}}{}{{% endfilter %}}".format)
        | inner.map("{{% with i = b %}}{}{{% endwith %}}".format)
    ),
    max_leaves=6,
)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {"a": st.booleans() | PLAIN, "b": PLAIN, "xs": st.lists(st.integers(), max_size=3)},
    optional={"c": PLAIN, "d": PLAIN},
)


def _around(inner: str) -> st.SearchStrategy[str]:
    """Templates with a text in some place of them, once or more often."""
    return st.builds(
        lambda before, wrap, after: before + wrap.format(inner, inner) + after,
        TEMPLATE,
        st.sampled_from(["{}", "{}{}", "{{% for i in xs %}}{}{{% endfor %}}", "{{% if a %}}{}{{% else %}}{}{{% endif %}}", "{{% filter lower %}}{}{{% endfilter %}}"]),
        TEMPLATE,
    )  # fmt: skip


@given(_around("{% include 'f' %}"), _around("{% include 'g' %}"), TEMPLATE, VALUES)
def test_a_fragment_renders_as_its_text_pasted_in_place(outer, middle, inner, values):
    included = compile_content(_content(outer, f=_lock(middle, g=_lock(inner))), Limits(seconds=60))
    paste = outer.replace("{% include 'f' %}", middle).replace("{% include 'g' %}", inner)
    assert expanded(Sandbox(most_nodes=0), outer, included.content.includes) == paste
    pasted = compile_content(Content(kind="text", text=paste), Limits(seconds=60))
    assert included.check.required == pasted.check.required
    assert included.variables == pasted.variables
    assert render(included, values).text == render(pasted, values).text
