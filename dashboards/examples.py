"""The lines that call a version: to copy into a terminal or an app. Pure.

Knows curl and OpenAI's SDK. Refuses to know whether a call would succeed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.content import as_mapping
from registry.errors import RegistryError
from registry.templates.template import compile_content
from registry.values import Version

_BY_TYPE: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
_HELLO = ({"role": "user", "content": "Hello"},)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """How to call one reference, such as `support-agent@latest`."""

    reference: str
    curl: str
    python: str


def example(version: Version, selector: str, *, base_url: str, keyed: bool) -> Example:
    """The lines for one version, named by `selector`; "" names none, as apps do. `keyed`: the server asks for keys."""
    reference = version.slug + (f"@{selector}" if selector else "")
    model, variables = f"prompt/{reference}", sample(version)
    speaks = any(message.get("role") in ("user", "placeholder") for message in version.content.messages)
    messages: list[Any] = [] if speaks else list(_HELLO)
    body = {"model": model, **({"variables": variables} if variables else {}), "messages": messages}
    lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in body.items())
    quoted = lines.replace("'", "'\\''")
    curl = [
        f"curl {base_url}/v1/chat/completions \\",
        *(['  -H "authorization: Bearer $SLUGLINE_KEY" \\'] if keyed else []),
        '  -H "content-type: application/json" \\',
        f"  -d '{{\n{quoted}\n  }}'",
    ]
    key = 'os.environ["SLUGLINE_KEY"]' if keyed else '"none"'
    python = [
        *(["import os", ""] if keyed else []),
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url="{base_url}/v1", api_key={key})',
        "answer = client.chat.completions.create(",
        f'    model="{model}",',
        f"    messages={messages!r},",
        *_extra(variables),
        ")",
        "print(answer.choices[0].message.content)",
    ]
    return Example(reference=reference, curl="\n".join(curl), python="\n".join(python))


def _extra(variables: Mapping[str, Any]) -> list[str]:
    if not variables:
        return []
    given = [f"            {name!r}: {value!r}," for name, value in variables.items()]
    return ["    extra_body={", '        "variables": {', *given, "        }", "    },"]


def sample(version: Version) -> dict[str, Any]:
    """A value for every variable that a call must give: an example or default where there is one, else one of its type."""
    try:
        schema = compile_content(version.content).schema
    except RegistryError:  # saved under other limits than today's
        schema = as_mapping(version.content).get("variables", {})
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {name: _value(name, properties.get(name, {})) for name in schema.get("required", ())}


def _value(name: str, schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return f"({name})"
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    return _BY_TYPE.get(kind if isinstance(kind, str) else "", f"({name})")
