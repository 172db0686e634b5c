"""promptfoo's configs and the files they name."""

import json
from typing import Any

import pytest
import yaml

from registry.errors import PromptInvalidError
from registry.importing.imported import Imported, Reading
from registry.importing.promptfoo import Files, paths_in, read_config
from registry.templates.template import compile_content, render


def reading(config: dict[str, Any], files: Files | None = None, prefix: str = "") -> Reading:
    return read_config(yaml.safe_dump(config), files or {}, prefix=prefix)


def read(*prompts: Any, files: Files | None = None, **config: Any) -> list[Imported]:
    found = reading({"prompts": list(prompts), **config}, files)
    assert found.refused == ()
    return list(found.imported)


def messages(imported: Imported, **values: Any) -> list[tuple[str, Any]]:
    return [(m["role"], m["content"]) for m in render(compile_content(imported.content), values).messages]


def test_text_is_one_message_of_the_user() -> None:
    [prompt] = read("Answer yes/no about {{ topic }}")
    assert prompt.slug == "prompt-1"
    assert messages(prompt, topic="cats") == [("user", "Answer yes/no about cats")]


CHAT = [{"role": "system", "content": "Be {{ tone }}"}, {"role": "user", "content": "{{ q }}"}]
SAID = [("system", "Be kind"), ("user", 'say "why"')]
AS_YAML = "- role: system\n  content: Be {{ tone }}\n- role: user\n  content: {{ q }}\n"
FILLED = '[{"role": "system", "content": "Be {{ tone }}"}, {"role": "user", "content": {{ q | dump }} }]'


@pytest.mark.parametrize(
    ("prompt", "files"),
    [
        (json.dumps(CHAT), {}),
        ({"id": "a", "raw": json.dumps(CHAT)}, {}),
        (AS_YAML, {}),
        (FILLED, {}),
        ("file://p/chat.json", {"p/chat.json": [("/x/p/chat.json", json.dumps(CHAT))]}),
        ("p/chat.yaml", {"p/chat.yaml": [("/x/p/chat.yaml", yaml.safe_dump(CHAT))]}),
        ("file://p/chat.txt", {"p/chat.txt": [("/x/p/chat.txt", AS_YAML)]}),
        ("file://p/chat.jsonl", {"p/chat.jsonl": [("/x/p/chat.jsonl", json.dumps(CHAT) + "\n")]}),
    ],
)
def test_a_chat_in_all_its_forms(prompt: Any, files: Files) -> None:
    [imported] = read(prompt, files=files)
    assert messages(imported, tone="kind", q='say "why"') == SAID


def test_parts_and_settings_of_a_body() -> None:
    image = {"type": "image_url", "image_url": {"url": "{{ img }}"}}
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "{{ q | dump }}"}, image]}],
        "temperature": 0,
    }
    [prompt] = read({"raw": json.dumps(body), "label": "With a picture", "config": {"max_tokens": 9}})
    assert prompt.slug == "with-a-picture"
    assert prompt.content.messages[0]["content"] == [{"type": "text", "text": "{{ q | tojson }}"}, image]
    assert prompt.content.parameters == {"max_tokens": 9}


def test_names_come_from_ids_labels_and_files() -> None:
    files: Files = {
        "many/*.txt": [("/x/many/one.txt", "1 {{ a }}"), ("/x/many/two.txt", "2\n --- \n3\n---\n")],
        "x.md": [("/x/x.md", "# 4\n")],
    }
    labelled = {"id": "file://x.md", "label": "Nice"}
    prompts = read(
        "file://many/*.txt",
        "file://x.md",
        labelled,
        {"id": "mine", "raw": "5"},
        {"raw": "6", "label": "6"},
        files=files,
    )
    assert [(p.slug, p.content.messages[0]["content"]) for p in prompts] == [
        ("one", "1 {{ a }}"),
        ("two-1", "2"),
        ("two-2", "3"),
        ("x", "# 4\n"),
        ("nice", "# 4\n"),
        ("mine", "5"),
        ("6", "6"),
    ]


def test_the_same_name_twice() -> None:
    first, second = read({"id": "a", "raw": "1"}, {"id": "A", "raw": "2"})
    assert (first.slug, second.slug) == ("a", "a-2")
    assert "an earlier one is 'a'" in second.notes[0]


def test_the_older_form() -> None:
    found = reading({"prompts": {"p.txt": "short"}}, {"p.txt": [("p.txt", "hi")]})
    assert [prompt.slug for prompt in found.imported] == ["short"]


def test_tests_give_examples_and_tell_lists_from_objects() -> None:
    tests = [
        {"vars": {"topic": ["cats", "dogs"], "facts": {"a": 1}, "unused": 1}},
        {"vars": {"topic": "file://x.txt", "pairs": [[["a", 1]]]}},
        {"vars": {"topic": "cats"}},
    ]
    text = "{{ topic }}{% for k, v in facts %}{{ k }}{% endfor %}{% for k, v in pairs %}{{ k }}{% endfor %}{% if hint %}!{% endif %}"
    [prompt] = read(text, tests=tests)
    assert prompt.content.variables["properties"] == {
        "topic": {"examples": ["cats", "dogs"]},
        "facts": {"examples": [{"a": 1}]},
        "pairs": {"examples": [[["a", 1]]]},
        "hint": {"default": ""},
    }
    assert messages(prompt, topic="T", facts={"f": 1}, pairs=[["p", 1]]) == [("user", "Tfp")]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai:gpt-4o", "gpt-4o"),
        ("openai:chat:ft:gpt-4o:acme", "ft:gpt-4o:acme"),
        ("anthropic:messages:claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ({"id": "google:gemini-2.5-pro"}, "gemini/gemini-2.5-pro"),
        ({"openai:gpt-4o": {"label": "x"}}, "gpt-4o"),
    ],
)
def test_the_one_provider_is_the_model(provider: Any, model: str) -> None:
    [prompt] = read("x", providers=[provider])
    assert (prompt.content.model, prompt.notes) == (model, ())


def test_providers_that_are_no_model() -> None:
    [prompt] = read("x", providers=["openai:gpt-4o", "openai:gpt-4"])
    assert (prompt.content.model, prompt.notes) == (None, ("the config asks 2 providers, so no model is carried over",))
    [prompt] = read("x", providers=[{"id": "https://x", "config": {"temperature": 1, "apiKey": "s"}}])
    assert prompt.notes == ('the provider "https://x" is no model that is known here',)
    assert prompt.content.parameters == {"temperature": 1}


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ("file://make.py:create", "'make.py:create' is a program that makes prompts; save what it gives instead"),
        ("make.js", "'make.js' is a program"),
        ("exec:./run", "'exec:./run' stands elsewhere"),
        ("langfuse://a:1:text", "stands elsewhere"),
        ("file://gone.txt", "the file 'gone.txt' is not there"),
        ("file://x.csv", "'x.csv' is no file that is read here; there are .txt, .md"),
        ('[{"role": "user"}, {% for m in h %}{"role": {{ m }} }{% endfor %}]', "stands between the values of JSON"),
        ('[{"role": "user", "content": {{ q }} }]', "stands between the values of JSON"),
        ('{"text": "{{ q }}"}', "no list of messages"),
        (7, "a prompt is a text, a path or a mapping"),
        ("{% switch x %}{% endswitch %}", "unknown tag 'switch'"),
        ("{{ x | nl2br }}", "no filter named 'nl2br'"),
    ],
)
def test_what_is_refused(prompt: Any, why: str) -> None:
    found = reading({"prompts": [prompt, "fine"]})
    assert [version.slug for version in found.imported] == ["prompt-2"]
    assert why in found.refused[0].reason


def test_what_the_environment_or_promptfoo_itself_fills_in() -> None:
    [prompt] = read("{{ env.HOME }}{% for m in _conversation %}{{ m.input }}{% endfor %}")
    assert prompt.notes == (
        "it reads 'env': give it as a variable, promptfoo takes it from the machine",
        "it reads '_conversation', which promptfoo fills in: give it as a variable",
    )


def test_paths() -> None:
    prompts = [
        "text / with {{ x }}",
        "file://a.txt",
        "p/*.md",
        {"id": "b", "raw": "file://c.json"},
        "d.yaml",
        "two\nlines.txt",
    ]
    assert paths_in(yaml.safe_dump({"prompts": prompts})) == ["a.txt", "p/*.md", "c.json", "d.yaml"]


@pytest.mark.parametrize("text", ["a: b", "- a", "prompts: [", "x"])
def test_what_is_no_config(text: str) -> None:
    with pytest.raises(PromptInvalidError):
        paths_in(text)
