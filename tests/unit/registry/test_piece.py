import pytest

from registry.budget import Budget
from registry.discovery import Discovery
from registry.errors import PromptInvalidError, PromptRenderFailedError, PromptVariableMissingError
from registry.limits import Limits
from registry.piece import compile_piece
from registry.sandbox import Sandbox


def _piece(source: str):
    sandbox = Sandbox(most_nodes=5_000)
    return compile_piece(sandbox, source, "messages[3].content", Discovery(globals=frozenset(sandbox.globals)))


def _text(source: str, **variables: object) -> str:
    return _piece(source).render(variables, Budget(Limits()))


def test_text_without_tags_is_no_template():
    piece = _piece("just text, {# a comment #}{% raw %}{{ x }}{% endraw %}\n")
    assert piece.template is None
    assert piece.render({}, Budget(Limits())) == "just text, {{ x }}\n"


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


def test_a_variable_that_only_some_values_need_is_missing_when_they_do():
    assert _text("{% if flag %}{{ x }}{% endif %}", flag=False) == ""
    with pytest.raises(PromptVariableMissingError, match=r"variable 'x' is not given, and messages\[3\]") as caught:
        _text("{% if flag %}{{ x }}{% endif %}", flag=True)
    assert caught.value.param == "x"
