"""Imported templates beside the engines they were written for: both say the same for the same values.

promptfoo's is Nunjucks, LiteLLM's is LiteLLM itself.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registry.importing.litellm import read_prompt
from registry.importing.rewriting import from_nunjucks
from registry.templates.template import compile_content, render
from registry.values import Content
from tests.plugins.aimock import NODE

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # read at import: the list of models is not fetched

Values = dict[str, Any]
VALUES: Values = {
    "name": "Ada",
    "n": 3,
    "flag": 1,
    "off": 0,
    "items": ["b", "a", "c"],
    "facts": {"one": "1", "two": "2"},
    "user": {"city": "Paris", "langs": ["fr", "en"]},
    "quoted": 'say "hi"\n{{ name }}',
    "blank": "",
}


def ours(template: str, values: Values) -> str:
    compiled = compile_content(Content(kind="text", text=template))
    text = render(compiled, {name: value for name, value in values.items() if name in compiled.variables}).text
    assert text is not None
    return text


@pytest.fixture(scope="module")
def nunjucks() -> Iterator[Callable[[str, Values], str | None]]:
    program = subprocess.Popen(
        ["node", str(NODE / "nunjucks.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert program.stdin is not None
    assert program.stdout is not None

    def said(template: str, values: Values) -> str | None:
        """The text, or None where Nunjucks doesn't take the template."""
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(json.dumps({"template": template, "values": values}) + "\n")
        program.stdin.flush()
        answer = json.loads(program.stdout.readline())
        text: str | None = answer.get("text")
        return text

    yield said
    program.stdin.close()
    program.wait(10)
    program.stdout.close()


@pytest.mark.needs("node")
@pytest.mark.parametrize(
    "template",
    [
        "Hello {{ name }}, {{name}}!",
        "{{ name | upper }} {{ name.toUpperCase() }} {{ name | replace('A', 'B') }} {{ name.toLowerCase().length }}",
        "{% for item in items %}{{ loop.index }}/{{ loop.length }} {{ item }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% for key, value in facts %}{{ key }}={{ value }};{% endfor %}",
        "{% for key, value in user.langs %}{{ key }}{% endfor %}{{ items.join('-') }} {{ items | join(', ') }}",
        "{{ quoted | dump }} {{ items | dump(2) }} {{ n | dump }}",
        "{{ quoted | safe }} {{ quoted | safe | upper }} {{ name|safe }}",
        "{% if n === 3 and flag !== 0 %}yes{% elseif off %}maybe{% else %}no{% endif %}",
        "{% if items.length > 2 %}many {{ items.length - 1 }}{% endif %}{{ user.langs.length }}",
        "{% if name == null %}none{% else %}some{% endif %}",
        "{% raw %}{{ name }} {% if %}{% endraw %} {% verbatim %}{{ x }}{% endverbatim %}",
        "{# a comment with {{ tags }} and 'quotes #}after",
        "{% set greeting = 'Hi ' + name %}{{ greeting }} {{ 'a' if flag else 'b' }}|{{ 'c' if off }}|",
        "{%- if flag -%}  tight  {%- endif -%}  end\n\n",
        "{% macro row(x) %}[{{ x }}]{% endmacro %}{{ row(name) }}{{ row('}}') }}",
        "{{ user.city }} {{ user['city'] }} {{ facts.one + facts.two }} {{ n * 2 }} {{ n // 2 }} {{ n % 2 }} {{ 2 ** n }}",
        "{{ name.startsWith('A') and 'yes' }} {{ '%}' }} {{ items | first }} {{ items | sort | join }}",
        "{{ blank | default('gone', true) }}{{ blank or 'or' }} { {{ name }} } {{ {'a': name}['a'] }}",
        "Line one\r\nline two {{ name }}\n",
    ],
)
def test_what_nunjucks_renders(nunjucks: Callable[[str, Values], str | None], template: str) -> None:
    written, _ = from_nunjucks(template, samples={"user.langs": [["fr", "en"]]})
    expected = nunjucks(template.replace("\r\n", "\n"), VALUES)
    # Nunjucks prints an object's JSON as JavaScript does; the note says so.
    assert ours(written, VALUES) == expected


names = st.sampled_from(["name", "n", "quoted", "blank", "user.city", "items.length"])
pieces = st.one_of(
    st.text(alphabet="ab {}%#'\"\n|.-", max_size=6).filter(lambda text: not re.search(r"\{[{%#]|\{\Z|[%#}]\}", text)),
    names.map(lambda name: f"{{{{ {name} }}}}"),
    names.map(lambda name: f"{{{{{name}}}}}"),
    names.map(lambda name: f"{{{{- {name} | safe -}}}}"),
    st.sampled_from(
        [
            "{% for k, v in facts %}{{ k }}{{ v }}{% endfor %}",
            "{% for i in items %}{{ i }}{% endfor %}",
            "{% if off %}a{% elseif name !== 'Ada' %}b{% else %}c{% endif %}",
            "{# {{ #}",
            "{% raw %}{{ name }}{% endraw %}",
            "{{ quoted | dump }}",
            "{{ name | lower | replace('a', \"}}\") }}",
        ]
    ),
)


@pytest.mark.needs("node")
@settings(max_examples=150)
@given(st.lists(pieces, max_size=8).map("".join))
def test_whatever_nunjucks_renders(nunjucks: Callable[[str, Values], str | None], template: str) -> None:
    expected = nunjucks(template, VALUES)
    assume(expected is not None)  # such as a comment's end without a comment
    assert ours(from_nunjucks(template)[0], VALUES) == expected


PROMPTS = [
    "System: You help {{ name }}.\nUser: {{ user.city }}?",
    "Only text for {{ name }}\n  and an indented line\n",
    "Before\nSystem:\n\n  - {{ items[0] }}\n  - {{ items[1] }}\n\nUser: Q\nmore\nAssistant: ok\nUser:",
    "System: {% if flag %}on{% endif %}\n{% if off %}never{% endif %}\nUser: {% for i in items %}{{ i }} {% endfor %}",
    "{# a note #}\nSystem: {{ name|safe }} {{ missing }}{% if missing2 %}x{% endif %}{{ ', '.join(items) }}",
    "System: {% for key, value in facts.items() %}{{ key }}={{ value }} {% endfor %}{% raw %}{{ raw }}{% endraw %}\n\n\nUser: end\n\n",
]


@pytest.mark.needs("clients")
@pytest.mark.filterwarnings("ignore:.*ReadOnly.*:UserWarning")
@pytest.mark.parametrize("body", PROMPTS)
def test_what_litellm_makes_of_a_prompt_file(body: str, tmp_path: Any) -> None:
    manager = pytest.importorskip("litellm.integrations.dotprompt.dotprompt_manager").DotpromptManager
    (tmp_path / "p.prompt").write_text(f"---\nmodel: gpt-4o\ntemperature: 0.5\n---\n{body}")
    model, expected, parameters = manager(prompt_directory=str(tmp_path)).get_chat_completion_prompt(
        model="x",
        messages=[],
        non_default_params={},
        prompt_id="p",
        prompt_variables=VALUES,
        dynamic_callback_params={},
    )
    reading = read_prompt((tmp_path / "p.prompt").read_text(), "p.prompt")
    assert reading.refused == ()
    content = reading.imported[0].content
    compiled = compile_content(content)
    given = {
        name: VALUES.get(name, "") for name in compiled.variables if name in VALUES or name in compiled.check.required
    }
    assert render(compiled, given).messages == expected
    assert (content.model, content.parameters) == (model, parameters)
