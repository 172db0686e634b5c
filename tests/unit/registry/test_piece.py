import pytest

from registry.errors import PromptInvalidError, PromptRenderFailedError, PromptVariableMissingError, RegistryError
from registry.templates.budget import Budget
from registry.templates.discovery import Discovery
from registry.templates.inlining import Inlining
from registry.templates.limits import Limits
from registry.templates.piece import compile_piece, fragments_in
from registry.templates.sandbox import Sandbox


def _piece(source: str, includes: dict | None = None):
    sandbox = Sandbox(most_nodes=5_000)
    inlining = Inlining(sandbox, includes or {}, room=10_000)
    return compile_piece(
        sandbox, source, "messages[3].content", Discovery(globals=frozenset(sandbox.globals)), inlining
    )


def _text(source: str, includes: dict | None = None, **variables: object) -> str:
    return _piece(source, includes).render(variables, Budget(Limits()))


def test_text_without_tags_is_no_template():
    piece = _piece("just text, {# a comment #}{% raw %}{{ x }}{% endraw %}\n")
    assert piece.template is None
    assert piece.render({}, Budget(Limits())) == "just text, {{ x }}\n"


def test_fragments_of_text_alone_make_no_template_either():
    piece = _piece(
        "a {% include 'f' %} b",
        {"f": {"version": 1, "text": "[{% include 'g' %}]", "includes": {"g": {"version": 1, "text": "g"}}}},
    )
    assert piece.template is None
    assert piece.render({}, Budget(Limits())) == "a [g] b"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a\nb {{ x", "messages[3].content, line 2: unexpected end of template"),
        ("{% if x %}", "line 1"),
        ("a\n\n{% nosuch %}", "line 3: Encountered unknown tag 'nosuch'"),
        ("{{ x is nosuch }}", "line 1: no test named 'nosuch'"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "can't be compiled"),
        ("{{ a }}" * 6000, "too many tags and operators"),
        ("{% for x in y %}" * 30 + "{% endfor %}" * 30, "can't be compiled"),
    ],
)
def test_what_does_not_compile_says_where_and_why(source, said):
    with pytest.raises(PromptInvalidError) as caught:
        _piece(source)
    assert caught.value.message.startswith("messages[3].content")
    assert said in caught.value.message
    assert caught.value.param == "messages[3].content"


def test_failures_name_the_line():
    with pytest.raises(PromptRenderFailedError, match=r"rendering messages\[3\].content failed at line 3: .*'nmae'"):
        _text("a\nb\n{% if true %}{{ user.nmae }}{% endif %}", user={"name": "x"})
    with pytest.raises(PromptRenderFailedError, match="at line 2: division by zero"):
        _text("a\n{{ 1 / x }}", x=0)


FRAGMENTS = {
    "f@stable": {
        "version": 4,
        "text": "\n\n{{ 1 / x }}{% include 'g' %}",
        "includes": {"g": {"version": 2, "text": "\n{{ 1 / y }}{% if y > 5 %}{{ z }}{% endif %}"}},
    }
}


@pytest.mark.parametrize(
    ("x", "y", "w", "said"),
    [
        (0, 1, 1, "at line 3 of fragment 'f@4': division by zero"),
        (1, 0, 1, "at line 2 of fragment 'g@2': division by zero"),
        (1, 1, 0, "at line 1: division by zero"),
        (1, 6, 1, "variable 'z' is not given, and messages[3].content needs it for these values at line 2 of fragment 'g@2'"),
    ],
)  # fmt: skip
def test_failures_name_the_fragment_and_its_line(x, y, w, said):
    with pytest.raises(RegistryError) as caught:
        _text("{% include 'f@stable' %}{{ 1 / w }}", FRAGMENTS, x=x, y=y, w=w)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("a\n{{ x | nosuch }}", "messages[3].content, line 2 of fragment 'f@1': no filter named 'nosuch'"),
        ("a\n{{", "line 2 of fragment 'f@1': unexpected 'end of template'"),
        ("{% import 'x' as y %}", "line 1 of fragment 'f@1': {% import %} isn't supported"),
        ("\n{% include 'g' %}", "line 2 of fragment 'f@1': fragment 'g' isn't locked"),
        ("x" * 10_001, "too large together"),
    ],
)
def test_what_is_wrong_in_a_fragment_is_said_so(fragment, said):
    with pytest.raises(PromptInvalidError) as caught:
        _piece("a\n{% include 'f' %}", {"f": {"version": 1, "text": fragment}})
    assert said in caught.value.message


def test_the_fragments_of_a_template_with_their_lines():
    source = "{% raw %}{% include 'no' %}{% endraw %}{# {% include 'no' %} #}\n{% if x %}{% include 'a@3' with context %}{% endif %}{% include 'b' %}"
    assert fragments_in(Sandbox(most_nodes=0), source, "text") == [("a@3", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("{% include name %}", "in quotes, not an expression"),
        ("{% include 'a' ~ name %}", "in quotes, not an expression"),
        ("{% include ['a', 'b'] %}", "one fragment, not a list"),
        ("{% include 'a' ignore missing %}", "'ignore missing' isn't supported"),
        ("{% include 'a' without context %}", "'without context' isn't supported"),
    ],
)
def test_includes_that_a_prompt_can_not_have_are_refused(tag, said):
    with pytest.raises(PromptInvalidError) as caught:
        fragments_in(Sandbox(most_nodes=0), f"\n{tag}", "text")
    assert caught.value.message.startswith("text, line 2: ")
    assert said in caught.value.message
    with pytest.raises(PromptInvalidError, match=r"line 2"):
        _piece(f"\n{tag}", {"a": {"version": 1, "text": "x"}})


def test_a_variable_that_only_some_values_need_is_missing_when_they_do():
    assert _text("{% if flag %}{{ x }}{% endif %}", flag=False) == ""
    with pytest.raises(PromptVariableMissingError, match=r"variable 'x' is not given, and messages\[3\]") as caught:
        _text("{% if flag %}{{ x }}{% endif %}", flag=True)
    assert caught.value.param == "x"
