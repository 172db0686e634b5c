"""What a converted prompt says for given values, under the names that its origin gave to the variables."""

from typing import Any

from registry.importing.imported import Imported
from registry.importing.naming import identifiers
from registry.templates.template import compile_content, render


def said(imported: Imported, values: dict[str, Any]) -> str:
    """The text of a prompt of kind text, or of its only message."""
    compiled = compile_content(imported.content)
    names = identifiers(values)
    given = {names[name]: value for name, value in values.items() if names[name] in compiled.variables}
    messages = render(compiled, given).messages
    assert len(messages) == 1
    text: str = messages[0]["content"]
    return text
