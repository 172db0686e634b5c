import pytest

from registry.errors import PromptInvalidError, PromptVariableInvalidError, PromptVariableMissingError
from registry.templates.inheritance import declaration, inherited
from registry.templates.template import CompiledContent, compile_content, render
from registry.values import Content

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def _lock(text: str, variables: dict, **includes: dict) -> dict:
    return {"version": 1, "text": text, "variables": variables, "includes": includes}


def _compiled(text: str, variables: dict | None = None, **includes: dict) -> CompiledContent:
    return compile_content(Content(kind="text", text=text, variables=variables or {}, includes=includes))


def test_a_fragments_declarations_hold_in_the_prompt():
    tone = _lock(
        "{{ tone }}", {"properties": {"tone": {"enum": ["warm", "cool"], "default": "warm"}, "unused": STRING}}
    )
    compiled = _compiled("{% include 'tone' %} {{ name }}", tone=tone)
    assert (compiled.variables, compiled.check.required) == (("tone", "name"), ("name",))
    assert render(compiled, {"name": "A"}).text == "warm A"
    with pytest.raises(PromptVariableInvalidError, match="variable 'tone' is a string: it is not one of"):
        render(compiled, {"name": "A", "tone": "rude"})


def test_the_prompts_own_declaration_wins_and_the_outer_fragments_next():
    inner = _lock("{{ a }}{{ b }}", {"properties": {"a": STRING, "b": STRING}})
    outer = _lock("{% include 'inner' %}", {"properties": {"a": INTEGER}}, inner=inner)
    assert _compiled("{% include 'outer' %}", outer=outer).schema["properties"] == {"a": INTEGER, "b": STRING}
    own = {"properties": {"b": {"type": "null"}}}
    assert _compiled("{% include 'outer' %}", own, outer=outer).schema["properties"] == {
        "b": {"type": "null"},
        "a": INTEGER,
    }


@pytest.mark.parametrize(
    ("required", "guarded", "missing"),
    [(None, False, True), (["n"], False, True), ([], False, False), (["n"], True, True), (None, True, False)],
)
def test_a_fragment_says_what_a_call_may_leave_out(required, guarded, missing):
    text = "{% if n is defined %}{{ n }}{% endif %}" if guarded or required == [] else "{{ n }}"
    variables = {"properties": {"n": STRING}, **({} if required is None else {"required": required})}
    compiled = _compiled("{% include 'f' %}", f=_lock(text, variables))
    assert (compiled.check.required == ("n",)) is missing
    if missing:
        with pytest.raises(PromptVariableMissingError, match="variable 'n' is missing"):
            render(compiled, {})
    else:
        assert render(compiled, {}).text == ""


def test_optional_is_what_all_fragments_leave_optional():
    loose, strict = {"properties": {"n": STRING}, "required": []}, {"properties": {"n": STRING}, "required": ["n"]}
    both = {"a": _lock("{{ n }}", loose), "b": _lock("{{ n }}", strict)}
    assert _compiled("{% include 'a' %}{% include 'b' %}", **both).check.required == ("n",)
    both["b"] = _lock("{{ n }}", {"properties": {"n": STRING}})
    assert _compiled("{% include 'b' %}{% include 'a' %}", b=both["b"], a=both["a"]).check.required == ("n",)
    both["b"] = _lock("{{ n }}", loose)
    assert _compiled("{% include 'a' %}{% include 'b' %}", **both).check.required == ()


def test_fragments_that_contradict_each_other_are_refused_until_the_prompt_decides():
    def pair(one: dict, other: dict) -> dict:
        return {"a": _lock("{{ n }}", {"properties": {"n": one}}), "b": _lock("{{ n }}", {"properties": {"n": other}})}

    text = "{% include 'a' %}{% include 'b' %}"
    with pytest.raises(PromptInvalidError, match="fragments 'a' and 'b' declare variable 'n' differently"):
        _compiled(text, **pair(STRING, INTEGER))
    assert _compiled(text, {"properties": {"n": STRING}}, **pair(STRING, INTEGER)).schema["properties"] == {"n": STRING}
    described = _compiled(text, **pair(STRING, {**STRING, "description": "d", "examples": ["x"]}))
    assert described.schema["properties"] == {"n": STRING}


def test_definitions_come_along():
    variables = {"properties": {"n": {"$ref": "#/$defs/count"}}, "$defs": {"count": INTEGER}}
    compiled = _compiled("{% include 'f' %}", f=_lock("{{ n }}", variables))
    assert render(compiled, {"n": 3}).text == "3"
    with pytest.raises(PromptVariableInvalidError, match="'n' is a string"):
        render(compiled, {"n": "x"})
    own = {"properties": {"m": {"$ref": "#/$defs/count"}}, "$defs": {"count": STRING}}
    with pytest.raises(PromptInvalidError, match=r"fragment 'f' defines '#/\$defs/count' differently"):
        _compiled("{% include 'f' %}{{ m }}", own, f=_lock("{{ n }}", variables))
    assert _compiled("{% include 'f' %}{{ m }}", own, f=_lock("x", variables)).check.required == ("m",)


def test_nothing_comes_from_fragments_that_declare_nothing():
    own = declaration({"properties": {"a": STRING}, "required": ["a"]})
    assert inherited(own, {"f": {"version": 1, "text": "x"}}, {"a", "b"}) == own
