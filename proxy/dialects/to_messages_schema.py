"""A JSON Schema as Anthropic's structured outputs take it. Pure.

Native structured outputs (`output_config.format`, https://platform.claude.com/docs/en/build-with-claude/structured-outputs) and not a
forced tool: the grammar holds the model to the schema, the answer stays text, and other tools and thinking stay usable beside it. They take
a part of JSON Schema. As Anthropic's own SDKs do, a rule that they don't take is told to the model in the description.
"""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.shapes import Json

_KEPT = frozenset(
    {"type", "enum", "const", "description", "title", "default", "required", "$ref", "properties", "items"}
)
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf")
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)


def output_schema(schema: Mapping[str, Any]) -> Json:
    """The schema with its unsupported rules in words, and every object closed (Anthropic takes no open ones)."""
    kept: Json = {key: value for key, value in schema.items() if key in _KEPT}
    rules: Json = {}
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            kept[key] = {name: _below(inner) for name, inner in value.items()}
        elif key in _LISTS and isinstance(value, list):
            kept["anyOf" if key == "oneOf" else key] = [_below(inner) for inner in value]
        elif key == "items":
            kept[key] = _below(value)
        elif (key == "format" and value in _FORMATS) or (key == "minItems" and value in {0, 1}):
            kept[key] = value
        elif key not in _KEPT and key not in {"additionalProperties", "$schema"}:
            rules[key] = value
    if schema.get("type") == "object" or "properties" in schema:
        kept["additionalProperties"] = False
    if rules:
        told = ", ".join(f"{key}: {value}" for key, value in rules.items())
        kept["description"] = "\n\n".join(part for part in (kept.get("description"), f"{{{told}}}") if part)
    return kept


def _below(schema: Any) -> Any:
    return output_schema(schema) if isinstance(schema, dict) else schema
