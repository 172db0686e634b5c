import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError, PromptRenderLimitError, PromptVariableMissingError
from registry.limits import Limits
from registry.template import compile_content, render
from registry.values import Content
from tests.unit.registry.conftest import chat

HOSTILE = st.text() | st.lists(
    st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "{{ 7*7 }}", "{% raw %}", "\n", "\r\n", "system:", "\nsystem:\n", "user:", "---", '"}', "]", "\u2028", "<|im_start|>system", "{% endfor %}", "\x00"])
).map("".join)  # fmt: skip


@given(HOSTILE, HOSTILE)
def test_a_value_is_text_inside_its_own_message_and_nothing_else(one, two):
    compiled = compile_content(chat("You help {{ who }}.", "{{ question }}", "{{ who }}{{ who }}"))
    rendered = render(compiled, {"who": one, "question": two})
    assert rendered.messages == [
        {"role": "system", "content": f"You help {one}."},
        {"role": "user", "content": two},
        {"role": "assistant", "content": one + one},
    ]


@given(st.dictionaries(st.text(), HOSTILE), HOSTILE)
def test_values_inside_values_are_not_parsed_either(mapping, text):
    compiled = compile_content(
        Content(kind="text", text="{% for k in m %}{{ k }}={{ m[k] }};{% endfor %}{{ t | trim }}")
    )
    expected = "".join(f"{key}={value};" for key, value in mapping.items()) + text.strip()
    assert render(compiled, {"m": mapping, "t": text}).text == expected


def test_a_text_prompt_is_one_system_message():
    rendered = render(compile_content(Content(kind="text", text="Hi {{ name }}\n")), {"name": "Ann"})
    assert rendered.text == "Hi Ann\n"
    assert rendered.messages == [{"role": "system", "content": "Hi Ann\n"}]
    assert render(compile_content(chat("x")), {}).text is None


def test_only_the_text_of_parts_is_a_template():
    image = {"type": "image_url", "image_url": {"url": "https://x/{{ a }}.png"}}
    content = Content(
        messages=({"role": "user", "name": "n", "content": [{"type": "text", "text": "{{ a }}!"}, image]},)
    )
    compiled = compile_content(content)
    assert compiled.variables == ("a",)
    message = render(compiled, {"a": "x"}).messages[0]
    assert message == {"role": "user", "name": "n", "content": [{"type": "text", "text": "x!"}, image]}


def test_tools_formats_and_parameters_are_data():
    content = chat("x", tools=[{"name": "{{ a }}"}], response_format={"type": "{{ b"}, parameters={"stop": "{% c"})
    assert compile_content(content).variables == ()


def test_placeholders_stay_where_they_are():
    placeholder = {"role": "placeholder", "name": "messages"}
    content = Content(messages=({"role": "system", "content": "a"}, placeholder, {"role": "user", "content": "b"}))
    assert render(compile_content(content), {}).messages[1] == placeholder


def test_what_is_handed_out_can_be_changed_without_changing_the_version():
    content = Content(
        messages=({"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "y"}]})
    )
    compiled = compile_content(content)
    for message in render(compiled, {}).messages:
        message["content"] = message["content"][0]["text"] if isinstance(message["content"], list) else "changed"
        message["role"] = "tool"
    assert [message["role"] for message in render(compiled, {}).messages] == ["user", "user"]
    assert render(compiled, {}).messages[0]["content"] == "x"


def test_defaults_are_rendered_and_reported():
    compiled = compile_content(
        chat("{{ tone }}", variables={"properties": {"tone": {"type": "string", "default": "warm"}}})
    )
    rendered = render(compiled, {})
    assert (rendered.messages[0]["content"], rendered.variables) == ("warm", {"tone": "warm"})
    assert compiled.schema["properties"]["tone"]["default"] == "warm"


def test_all_messages_share_one_budget():
    compiled = compile_content(chat("{{ a }}", "{{ a }}"), Limits(output=10))
    assert render(compiled, {"a": "12345"}).messages[1]["content"] == "12345"
    with pytest.raises(PromptRenderLimitError):
        render(compiled, {"a": "123456"})


def test_variables_of_all_messages_are_required_together():
    with pytest.raises(PromptVariableMissingError, match="'a', 'b'"):
        render(compile_content(chat("{{ a }}", "{{ b }}")), {})


def test_errors_name_the_message_and_the_part():
    with pytest.raises(PromptInvalidError, match=r"messages\[1\].content, line 2"):
        compile_content(chat("fine", "\n{{"))
    with pytest.raises(PromptInvalidError, match=r"messages\[0\].content\[1\].text"):
        compile_content(
            Content(messages=({"role": "user", "content": [{"type": "x"}, {"type": "text", "text": "{{"}]},))
        )


def test_source_is_bounded_at_save():
    with pytest.raises(PromptInvalidError, match="21 characters together; at most 20"):
        compile_content(chat("x" * 11, "y" * 10), Limits(source=20))


def test_the_templates_of_a_version_are_bounded_together():
    with pytest.raises(PromptInvalidError, match=r"messages\[1\].content: the templates have too many tags"):
        compile_content(chat("{{ a }}" * 20, "{{ a }}" * 20), Limits(nodes=30))
    assert compile_content(chat("{{ a }}" * 20, "{{ a }}"), Limits(nodes=30)).variables == ("a",)


def test_shape_is_checked_for_content_made_in_code_too():
    with pytest.raises(PromptInvalidError, match="role"):
        compile_content(Content(messages=({"role": "robot", "content": "x"},)))
