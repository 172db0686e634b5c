"""promptfoo's assertions as checks.

Knows their fields and templates (https://www.promptfoo.dev/docs/configuration/expected-outputs/). Refuses programs in JavaScript and
whatever would change an output before it is checked, because then something else would be checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.case_content import ASSERT_SET, check_as_mapping, check_check, check_type
from registry.cases import Check
from registry.errors import nearest
from registry.importing.cases.reading import Find, invalid
from registry.importing.documents import read_json, read_yaml

_TEMPLATES = "#/assertionTemplates/"
_SAME = ("type", "value", "threshold", "weight", "metric")
_LEFT_OUT = {
    "provider": "the provider that grades is left out: a rubric prompt of this registry names its own model",
    "rubricPrompt": "'rubricPrompt' is left out: save it as a prompt of this registry and name that in the check's 'rubric'",
}
_REFUSED = ("transform", "contextTransform")
_READ_LATER = frozenset({"python"})


class Asserts:
    """Reads assertions of one config, with its templates and the files they name; `notes` gathers what was left out."""

    def __init__(self, templates: Any, find: Find, notes: list[str]) -> None:
        self._templates = templates if isinstance(templates, Mapping) else {}
        self._find = find
        self._notes = notes

    def read(self, given: Any, where: str) -> list[Check]:
        """The checks of an `assert` list. Raises PromptInvalidError that names the place."""
        if given is None:
            return []
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise invalid(where, "is a list of assertions, each with 'type'")
        return [self._one(each, f"{where}[{index}]") for index, each in enumerate(given)]

    def _one(self, given: Any, where: str) -> Check:
        if isinstance(given, Mapping) and "$ref" in given:
            given = {**self._template(given["$ref"], where), **{key: given[key] for key in given if key != "$ref"}}
        if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
            raise invalid(where, "is an object with 'type', and 'value' where the type takes one")
        kind = given["type"]
        check_type(kind, where)
        options: dict[str, Any] = {}
        for key, value in given.items():
            if key in _REFUSED:
                raise invalid(
                    f"{where}.{key}", "changes the output by a program before it is checked; write it as 'python'"
                )
            if key in _LEFT_OUT:
                self._notes.append(_LEFT_OUT[key])
            elif key == "config" and isinstance(value, Mapping):
                options.update(value)
            elif key not in (*_SAME, "assert"):
                options[str(key)] = value
        value = given.get("value")
        if kind.removeprefix("not-") == ASSERT_SET:
            value = [check_as_mapping(check) for check in self.read(given.get("assert", value), f"{where}.assert")]
        elif isinstance(value, str) and value.startswith("file://") and kind.removeprefix("not-") not in _READ_LATER:
            value = self._file(value.removeprefix("file://"), where)
        check = Check(
            type=kind,
            value=value,
            threshold=given.get("threshold"),
            weight=given.get("weight", 1.0),
            metric=str(given.get("metric") or ""),
            options=options,
        )
        return check_check(check, where)

    def _template(self, reference: Any, where: str) -> Mapping[str, Any]:
        name = str(reference).removeprefix(_TEMPLATES)
        found = self._templates.get(name)
        if not isinstance(found, Mapping):
            guess = nearest(name, map(str, self._templates))
            hint = f"; did you mean '{guess}'?" if guess else ""
            raise invalid(
                where, f"names the template '{str(reference)[:80]}', which 'assertionTemplates' doesn't have{hint}"
            )
        return found

    def _file(self, path: str, where: str) -> Any:
        found = self._find(path)
        if not found:
            raise invalid(where, f"the file '{path[:200]}' is not there")
        name, text = found[0]
        if name.endswith((".js", ".cjs", ".mjs", ".ts")):
            raise invalid(where, f"'{path[:200]}' is a program in JavaScript, which isn't run; write it as 'python'")
        if name.endswith(".json"):
            return read_json(text)
        return read_yaml(text) if name.endswith((".yaml", ".yml")) else text
