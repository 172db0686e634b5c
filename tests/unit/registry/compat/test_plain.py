"""Templates for clients that fill in blanks themselves: what they are given is what Slugline would have rendered, or nothing."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse.model import TemplateParser

from registry.compat.langfuse import LANGFUSE
from registry.compat.litellm import LITELLM
from registry.compat.plain import PlainTemplates
from registry.errors import PromptInvalidError, PromptNotPlainError
from registry.serving.live import Resolved
from registry.templates.template import compile_content, render
from registry.values import Content, Version
from tests.unit.registry.conftest import chat


def filled_by_litellm(text: str, variables: Mapping[str, str]) -> str:
    """As litellm/integrations/generic_prompt_management fills in a message, all releases from 1.81 to 1.106."""
    for key, value in variables.items():
        text = text.replace("{" + key + "}", str(value))
        text = text.replace("{{" + key + "}}", str(value))
    return text


def resolved(content: Content) -> Resolved:
    version = Version(
        slug="a",
        number=1,
        version_id="x",
        content=content,
        content_hash="",
        message="",
        author="",
        created_at=None,  # type: ignore[arg-type]  # nothing here looks at it
        revision=1,
    )
    return Resolved(version=version, compiled=compile_content(content), channel="stable", revision=1)


@pytest.mark.parametrize(
    ("source", "langfuse", "litellm"),
    [
        ("Hello.", "Hello.", "Hello."),
        ("Hello {{name}}, {{ name }}!", "Hello {{name}}, {{name}}!", "Hello {name}, {name}!"),
        ("{{ a }}{{ b }}", "{{a}}{{b}}", "{a}{b}"),
        ("x  {{- name -}}  y", "x{{name}}y", "x{name}y"),
        ("{# note #}Hi {{ name }}\n", "Hi {{name}}\n", "Hi {name}\n"),
        ('{"q": {{ name }}}', '{"q": {{name}}}', '{"q": {name}}'),
        ("{% raw %}{ {{ {% endraw %}", None, "{ {{ "),
        ("{{ '{' }} {{ name }}", "{ {{name}}", "{ {name}"),
        ("{% raw %}{{% endraw %}{{ name }}", None, "{{name}"),
    ],
)
def test_plain_templates_in_each_clients_writing(source: str, langfuse: str | None, litellm: str) -> None:
    found = resolved(chat(source))
    assert PlainTemplates(found, LITELLM).text(source, "text") == litellm
    if langfuse is None:
        with pytest.raises(PromptNotPlainError, match="would take for a variable"):
            PlainTemplates(found, LANGFUSE).text(source, "text")
    else:
        assert PlainTemplates(found, LANGFUSE).text(source, "text") == langfuse


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{% for x in xs %}{{ x }}{% endfor %}", "has logic at line 1"),
        ("\n{% if vip %}yes{% endif %}", "has logic at line 2"),
        ("{% set x = 1 %}{{ x }}", "has logic"),
        ("{{ name | upper }}", "more than a variable's name"),
        ("{{ name | default('x') }}", "more than a variable's name"),
        ("{{ user.name }}", "more than a variable's name"),
        ("{{ n + 1 }}", "more than a variable's name"),
        ("{{ 7 }}", "more than a variable's name"),
        ("{{ tone }}", "whose default only Slugline knows"),
    ],
)
def test_logic_is_refused_with_the_way_out(source: str, says: str) -> None:
    found = resolved(chat(source, variables={"properties": {"tone": {"type": "string", "default": "kind"}}}))
    for writing in (LANGFUSE, LITELLM):
        with pytest.raises(PromptNotPlainError) as refused:
            PlainTemplates(found, writing).text(source, "messages[0].content")
        assert says in refused.value.message
        assert "'a@1' can't be filled in by" in refused.value.message
        assert "/api/prompts/a/render" in refused.value.message


def test_a_text_that_litellm_would_take_for_a_variable_is_refused() -> None:
    found = resolved(chat("Use {name} for {{ name }}."))
    with pytest.raises(PromptNotPlainError, match="'{name}', which LiteLLM would take for a variable"):
        PlainTemplates(found, LITELLM).text("Use {name} for {{ name }}.", "text")
    assert PlainTemplates(found, LANGFUSE).text("Use {name} for {{ name }}.", "text") == "Use {name} for {{name}}."


PIECES = st.lists(
    st.sampled_from(
        [
            "{{ name }}",
            "{{ b }}",
            "{{name}}",
            "{",
            "}",
            " ",
            "name",
            "b",
            "{% raw %}{{{% endraw %}",
            "{# #}",
            "{{ '}' }}",
            "é",
        ]
    ),
    max_size=8,
)


@given(pieces=PIECES)
def test_what_a_client_fills_in_is_what_slugline_renders(pieces: list[str]) -> None:
    source = "".join(pieces) + " {{ name }} {{ b }}"
    try:
        found = resolved(chat(source))
    except PromptInvalidError:
        return
    variables = {"name": "Ada", "b": "Bo"}
    wanted = render(found.compiled, variables).messages[0]["content"]
    for writing, fill in ((LANGFUSE, TemplateParser.compile_template), (LITELLM, filled_by_litellm)):
        try:
            given_out = PlainTemplates(found, writing).text(source, "text")
        except PromptNotPlainError:
            continue
        assert fill(given_out, variables) == wanted


def test_fragments_are_given_as_their_words() -> None:
    inner = {"version": 2, "text": "{{ y }}!"}
    lock = {"version": 1, "text": "{{ x }} {% include 'g' %}", "includes": {"g": inner}}
    found = resolved(chat("Hi {% include 'f' %}.", includes={"f": lock}))
    assert PlainTemplates(found, LANGFUSE).text("Hi {% include 'f' %}.", "text") == "Hi {{x}} {{y}}!."
    inner["text"] = "\n{{ y | upper }}"
    with pytest.raises(PromptNotPlainError, match="between braces at line 2 of fragment 'g@2'"):
        PlainTemplates(found, LANGFUSE).text("{% include 'f' %}", "text")
    inner["text"] = "{% if y %}{% endif %}"
    with pytest.raises(PromptNotPlainError, match="has logic at line 1 of fragment 'g@2'"):
        PlainTemplates(found, LANGFUSE).text("{% include 'f' %}", "text")
