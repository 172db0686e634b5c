"""promptfoo's tests as cases: `tests`, `defaultTest`, `vars`, `assert`, and the files that they name.

Knows the config's words (https://www.promptfoo.dev/docs/configuration/test-cases/ and /reference/). Refuses tests that programs make or
that stand on other servers: save what they give as a file instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry.case_content import check_case
from registry.cases import Case, Check
from registry.importing.cases.promptfoo_asserts import Asserts
from registry.importing.cases.reading import CaseReading, Find, invalid
from registry.importing.cases.table import at_least, read_table, rows_of
from registry.importing.documents import read_json, read_yaml

_PROGRAMS = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".rb", ".sh")
_ELSEWHERE = ("http://", "https://", "huggingface://", "az://", "s3://", "gs://")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".mp4", ".wav", ".mp3", ".xlsx", ".xls")
_TEST_FIELDS = frozenset({"description", "vars", "assert", "threshold", "metadata", "options"})
_OPTIONS = frozenset({"disableVarExpansion", "disableDefaultAsserts"})
_CHANGING_OPTIONS = ("transform", "postprocess", "prefix", "suffix", "transformVars")
_MOST_FROM_ONE = 10_000


def is_config(data: Any) -> bool:
    """Whether a file's value is a promptfoo config, or a list of its tests."""
    if isinstance(data, Mapping):
        return "tests" in data or "scenarios" in data or "defaultTest" in data
    return isinstance(data, list) and bool(data) and all(_is_test(each) for each in data)


def read_tests(data: Any, find: Find) -> CaseReading:
    """The cases of a config, or of a list of tests. Raises PromptInvalidError that names the place."""
    config = data if isinstance(data, Mapping) else {"tests": data}
    return _Suite(config, find).reading()


def _is_test(data: Any) -> bool:
    return isinstance(data, Mapping) and bool({"vars", "assert"} & data.keys()) and not {"variables"} & data.keys()


class _Suite:
    """One config, as its tests are read."""

    def __init__(self, config: Mapping[str, Any], find: Find) -> None:
        self._config = config
        self._find = find
        self._notes: list[str] = []
        self._asserts = Asserts(config.get("assertionTemplates"), find, self._notes)
        given = config.get("defaultTest") or {}
        if isinstance(given, str):
            given = self._loaded(given, "defaultTest")
        if not isinstance(given, Mapping):
            raise invalid("defaultTest", "is an object as a test is, or file://PATH")
        self._default = given
        self._common = self._asserts.read(given.get("assert"), "defaultTest.assert")

    def reading(self) -> CaseReading:
        """All cases. What `defaultTest` asserts is the dataset's where it holds for every case on its own."""
        if "scenarios" in self._config:
            raise invalid("scenarios", "are not read; write their tests out under 'tests'")
        if "tests" not in self._config:
            raise invalid("tests", "is missing: a list of tests, or file://PATH")
        entries = list(self._entries(self._config["tests"], "tests"))
        together = not any(self._apart(test) for test, _ in entries if not isinstance(test, Case))
        cases = [
            case
            for test, where in entries
            for case in ([self._row(test, together)] if isinstance(test, Case) else self._cases(test, where, together))
        ]
        checks = tuple(self._common) if together else ()
        return CaseReading(cases=tuple(cases), checks=checks, notes=tuple(dict.fromkeys(self._notes)))

    def _entries(self, tests: Any, where: str) -> Iterator[tuple[Any, str]]:
        """Each test with its place; rows of tables are cases already."""
        if isinstance(tests, str):
            yield from self._from_files(tests, where)
        elif isinstance(tests, Mapping) and "path" in tests:
            yield from self._from_files(str(tests["path"]), where)
        elif isinstance(tests, Sequence):
            for index, test in enumerate(tests):
                here = f"{where}[{index}]"
                if isinstance(test, str) or (isinstance(test, Mapping) and "path" in test):
                    yield from self._entries(test, here)
                else:
                    yield test, here
        else:
            raise invalid(where, "is a list of tests, or file://PATH")

    def _from_files(self, path: str, where: str) -> Iterator[tuple[Any, str]]:
        for name, text in self._files(path, where):
            here = f"{name}: "
            if name.endswith(".csv"):
                found = read_table(text, here)
                self._notes += found.notes
                yield from ((case, here) for case in found.cases)
            elif name.endswith(".jsonl"):
                lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
                yield from ((read_json(line), f"{here}line {number}") for number, line in lines)
            else:
                yield from self._entries(_value(name, text), here.rstrip(": "))

    def _row(self, case: Case, together: bool) -> Case:
        """A table's row, with the variables and checks that `defaultTest` gives it."""
        variables = next(iter(self._sets(self._default.get("vars"), "defaultTest.vars")))
        checks = case.checks if together else (*self._common, *case.checks)
        return check_case(replace(case, variables={**variables, **case.variables}, checks=checks))

    def _cases(self, test: Any, where: str, together: bool) -> Iterator[Case]:
        if not isinstance(test, Mapping):
            raise invalid(where, "is an object with 'vars' and 'assert'")
        options = {**_object(self._default, "options", "defaultTest"), **_object(test, "options", where)}
        for name in _CHANGING_OPTIONS:
            if options.get(name):
                raise invalid(
                    f"{where}.options.{name}", "changes the prompt or the output by a program or a text; leave it out"
                )
        if "assertScoringFunction" in test:
            raise invalid(f"{where}.assertScoringFunction", "is a program; use weights and 'threshold'")
        left = [*(set(test) - _TEST_FIELDS), *(f"options.{name}" for name in set(options) - _OPTIONS)]
        if left:
            self._notes.append(f"left out of tests: {', '.join(sorted(left))}")
        own = self._asserts.read(test.get("assert"), f"{where}.assert")
        if not together and not options.get("disableDefaultAsserts"):
            own = [*self._common, *own]
        threshold = test.get("threshold", self._default.get("threshold"))
        checks: tuple[Check, ...] = tuple(own)
        if threshold is not None and own:
            if isinstance(threshold, bool) or not isinstance(threshold, int | float):
                raise invalid(f"{where}.threshold", "is a number: the share of weights to be reached")
            checks = at_least(own, float(threshold))
        metadata = {**_object(self._default, "metadata", "defaultTest"), **_object(test, "metadata", where)}
        for variables in self._variables(test, options, where):
            yield check_case(
                Case(
                    variables=variables,
                    checks=checks,
                    tags=tuple(_tags(metadata)),
                    must_pass=metadata.get("must_pass") is True,
                    note=str(test.get("description") or ""),
                ),
                where,
            )

    def _apart(self, test: Any) -> bool:
        """Whether what `defaultTest` asserts must stand in the cases: some test leaves it out, or counts it towards a threshold."""
        if not isinstance(test, Mapping):
            return False
        options = test.get("options")
        leaves = isinstance(options, Mapping) and bool(options.get("disableDefaultAsserts"))
        return bool(self._common) and (leaves or "threshold" in test or "threshold" in self._default)

    def _variables(self, test: Mapping[str, Any], options: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
        """Each combination of variables: a list stands for one case with each of its values."""
        default = next(iter(self._sets(self._default.get("vars"), "defaultTest.vars")))
        for given in self._sets(test.get("vars"), f"{where}.vars"):
            loaded = {
                str(name): self._loaded(value, f"{where}.vars.{name}") if _is_file(value) else value
                for name, value in {**default, **given}.items()
            }
            if options.get("disableVarExpansion"):
                yield loaded
                continue
            choices = [value if isinstance(value, list) and value else [value] for value in loaded.values()]
            count = 1
            for each in choices:
                count *= len(each)
            if count > _MOST_FROM_ONE:
                raise invalid(
                    f"{where}.vars", f"stands for {count:,} combinations, and at most {_MOST_FROM_ONE:,} are made"
                )
            for values in itertools.product(*choices):
                yield dict(zip(loaded, values, strict=True))

    def _sets(self, given: Any, where: str) -> list[dict[str, Any]]:
        """`vars` itself, or what the files hold that it names: a table is as many as it has rows."""
        if given is None:
            return [{}]
        if isinstance(given, Mapping):
            return [{str(name): value for name, value in given.items()}]
        paths = [given] if isinstance(given, str) else given
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise invalid(where, "is an object of variables, or file://PATH")
        rows: list[dict[str, Any]] = []
        merged: dict[str, Any] = {}
        for path in paths:
            for name, text in self._files(path, where):
                if name.endswith(".csv"):
                    rows += [dict(row) for _, row in rows_of(text, f"{name}: ")]
                else:
                    value = _value(name, text)
                    if not isinstance(value, Mapping):
                        raise invalid(name, "holds an object of variables")
                    merged.update({str(key): each for key, each in value.items()})
        return [{**merged, **row} for row in rows] or [merged]

    def _loaded(self, reference: str, where: str) -> Any:
        return _value(*self._files(reference, where)[0])

    def _files(self, reference: str, where: str) -> Sequence[tuple[str, str]]:
        path = reference.removeprefix("file://")
        if reference.startswith(_ELSEWHERE):
            raise invalid(where, f"'{reference[:200]}' stands on another server: save it as a file here and name that")
        bare = path.partition(":")[0] if not path.partition(":")[0].endswith("\\") else path
        if bare.endswith(_PROGRAMS):
            raise invalid(where, f"'{path[:200]}' is a program that makes tests; save what it gives as a file instead")
        if path.partition("#")[0].endswith(_PICTURES):
            raise invalid(where, f"'{path[:200]}' is no text; save tables as CSV, and give other media as a data: URL")
        found = self._find(path)
        if not found:
            raise invalid(where, f"the file '{path[:200]}' is not there")
        return found


def _value(name: str, text: str) -> Any:
    if name.endswith(".json"):
        return read_json(text)
    return read_yaml(text) if name.endswith((".yaml", ".yml")) else text


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("file://")


def _object(data: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    given = data.get(name) or {}
    if not isinstance(given, Mapping):
        raise invalid(f"{where}.{name}", "is an object")
    return dict(given)


def _tags(metadata: Mapping[str, Any]) -> Iterator[str]:
    for key, value in metadata.items():
        if key == "must_pass":
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str | int | float) and str(each).strip():
                yield str(each) if key == "tags" else f"{key}={each}"
