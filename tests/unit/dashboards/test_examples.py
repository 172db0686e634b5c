"""The lines to copy: right for the shell and for Python, whatever stands in the prompt."""

import json
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.examples import example, sample
from registry.values import Content, Version

NASTY = 'it\'s "quoted" $HOME `id` \\ {{ }} 日本'


def version(schema: dict[str, Any], *roles: str) -> Version:
    names = " ".join(f"{{{{ {name} }}}}" for name in schema.get("properties", {"free": {}}))
    content = Content(
        messages=tuple({"role": role, "content": names} for role in roles or ("system",)), variables=schema
    )
    return Version(
        slug="a",
        number=7,
        version_id="v",
        content=content,
        content_hash="h",
        message="",
        author="ann",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision=1,
    )


SCHEMA = {
    "type": "object",
    "properties": {
        "plan": {"enum": ["free", "paid"]},
        "company": {"type": "string", "examples": [NASTY]},
        "count": {"type": "integer"},
        "tone": {"type": "string", "default": "kind"},
    },
    "required": ["plan", "company", "count"],
}


def test_a_value_for_every_variable_that_must_be_given():
    assert sample(version(SCHEMA)) == {"plan": "free", "company": NASTY, "count": 1}
    assert sample(version({})) == {"free": "(free)"}


@pytest.mark.parametrize("keyed", [True, False])
def test_curl_sends_what_is_meant(keyed):
    found = example(version(SCHEMA), "latest", base_url="http://127.0.0.1:4545", keyed=keyed)
    words = shlex.split(found.curl.replace("\\\n", ""))
    assert words[:2] == ["curl", "http://127.0.0.1:4545/v1/chat/completions"]
    assert ("authorization: Bearer $SLUGLINE_KEY" in words) == keyed
    assert json.loads(words[-1]) == {
        "model": "prompt/a@latest",
        "variables": {"plan": "free", "company": NASTY, "count": 1},
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_python_compiles_and_holds_the_values():
    found = example(version(SCHEMA), "7", base_url="http://127.0.0.1:4545", keyed=True)
    compile(found.python, "example", "exec")
    assert repr(NASTY) in found.python
    assert found.reference == "a@7"


def test_a_prompt_that_speaks_for_the_user_needs_no_message():
    assert '"messages": []' in example(version({}, "system", "user"), "", base_url="http://x", keyed=False).curl
