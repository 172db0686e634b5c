"""Single rules of the finders that the corpus doesn't show."""

import pytest

from registry.scanning.files import find
from registry.scanning.finding import fingerprint

_MESSAGE = 'messages = [{{"role": "system", "content": {}}}]\n'


def _templates(source: str, name: str = "app.py") -> list[str]:
    return [finding.template for finding in find(name, source)]


@pytest.mark.parametrize(
    ("source", "template"),
    [
        ('A = "Be kind. "\n' + _MESSAGE.format('A + "Be brief."'), "Be kind. Be brief."),
        ('A = "Be kind. "\n' + _MESSAGE.format('f"{A}Be brief, {name}."'), "Be kind. Be brief, {{ name }}."),
        (_MESSAGE.format('"Be kind to %s and %s." % (one, other)'), "Be kind to {{ one }} and {{ other }}."),
        (_MESSAGE.format('"Be kind to {}, {1} {x}".format(a, b, x=1)'), "Be kind to {{ a }}, {{ b }} {{ x }}"),
        (_MESSAGE.format('"\\n".join(["Be kind.", "Be brief.", f"Not {x}."])'), "Be kind.\nBe brief.\nNot {{ x }}."),
        (_MESSAGE.format("inspect.cleandoc('''\n    Be kind\n      to all.\n    ''')"), "Be kind\n  to all."),
        (_MESSAGE.format('A') + 'A = "Be kind to all."\n', "Be kind to all."),
        ('def f(a):\n    A = "Be kind to all."\n    def g():\n        return ' + _MESSAGE[11:].format("A"), "Be kind to all."),
        (_MESSAGE.format('"Be kind to {{{{x}}}} all {% y %}"'), "Be kind to {{ '{{{{' }}x}}}} all {{ '{' }}% y %}"),
    ],
)  # fmt: skip
def test_a_text_is_followed_to_where_it_was_made(source: str, template: str) -> None:
    assert _templates(source) == [template]


def test_the_last_value_before_the_use_counts() -> None:
    source = 'P = "Be kind to all."\n' + _MESSAGE.format("P") + 'P = "Be brief to all."\n' + _MESSAGE.format("P")
    assert _templates(source) == ["Be kind to all.", "Be brief to all."]


def test_names_that_stand_for_themselves_or_double_each_other_end() -> None:
    assert _templates('prompt = "Always answer " + prompt + " in the language of the user"') == [
        "Always answer {{ prompt }} in the language of the user"
    ]
    doubled = "".join(f'a{n} = f"{f"{{a{n - 1}}}" * 30}"\n' for n in range(1, 6))
    source = 'a0 = "You are an assistant. "\n' + doubled + _MESSAGE.format("a5")
    assert sum(map(len, _templates(source))) < 1_000_000


def test_roles_reasons_and_figures() -> None:
    (finding,) = find(
        "app.py", 'x = 1\nreply = client.responses.create(input=q, instructions="Translate into French, please.")\n'
    )
    assert (finding.where, finding.end_line, finding.role, finding.confidence) == ("app.py:2", 2, "system", "high")
    assert finding.reason == "the argument 'instructions' of client.responses.create"
    assert (finding.characters, finding.rough_tokens) == (30, 8)
    assert finding.fingerprint == fingerprint("Translate into French, please.")


def test_a_system_prompt_in_parts_and_one_in_javascript() -> None:
    parts = 'create(system=[{"type": "text", "text": "You sort letters. Answer with the number of the box."}])'
    assert _templates(f"client.messages.{parts}") == ["You sort letters. Answer with the number of the box."]
    source = "const role = 'developer';\nsend([{ role, content: ['Sort \\u{1F600} the', /* first */ 'letters.'].join(' ') }]);"
    assert _templates(source, "app.js") == ["Sort 😀 the letters."]


def test_yaml_with_jinja_statements_stays_the_template_that_it_is() -> None:
    body = "You are an assistant. Always answer.\n{% for x in items %}{{ x }}{% endfor %}\n"
    (finding,) = find("p.yaml", "system_prompt: |\n  " + body.replace("\n", "\n  ").rstrip(" ") + "\n")
    assert finding.template == body
    assert finding.variables == ("items",)


@pytest.mark.parametrize("name", ["a.py", "a.ts", "a.tsx", "a.js"])
@pytest.mark.parametrize(
    "source", ["", "\ufeff", "\x00", "prompt = `", "((((", "@@@", "x = '\\ud800 you are an assistant'"]
)
def test_whatever_a_file_holds_it_is_read_or_refused(name: str, source: str) -> None:
    try:
        find(name, source)
    except (SyntaxError, ValueError):
        assert name == "a.py"


def test_an_alias_that_repeats_itself_ends() -> None:
    lines = ["a0: &a0 [prompt]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 14)]
    assert _templates("\n".join(lines), "p.yaml") == []
