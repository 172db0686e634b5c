"""The finders against a labelled corpus: what they find that is no prompt, and what they miss.

A comment `PROMPT role variables` stands in the line above the one where a prompt's text begins; nothing else in those files is one.
"""

import re
from pathlib import Path

import pytest

from registry.scanning.files import find
from registry.scanning.finding import Finding

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
_LABEL = re.compile(r"(?:#|//) PROMPT (\S+) ?(.*)")

Key = tuple[str, int]


def _labels(path: Path) -> dict[Key, tuple[str, list[str]]]:
    """Role and variables by file and line of the label."""
    lines = path.read_text("utf-8").split("\n")
    found = ((number, _LABEL.search(line)) for number, line in enumerate(lines, 1))
    return {
        (path.name, number): (label[1], [name for name in label[2].split(", ") if name])
        for number, label in found
        if label
    }


def _findings(path: Path) -> list[Finding]:
    return find(path.name, path.read_text("utf-8"))


def _label_of(finding: Finding, labels: dict[Key, tuple[str, list[str]]]) -> Key | None:
    key = (finding.path, finding.line - 1)
    return key if key in labels else None


def test_precision_and_recall() -> None:
    labels = {key: label for path in CORPUS for key, label in _labels(path).items()}
    findings = [finding for path in CORPUS for finding in _findings(path)]
    wrong = [finding.where for finding in findings if _label_of(finding, labels) is None]
    missed = sorted(set(labels) - {_label_of(finding, labels) for finding in findings})
    precision, recall = 1 - len(wrong) / len(findings), 1 - len(missed) / len(labels)
    assert len(labels) >= 40
    assert precision >= 0.95, wrong
    assert recall >= 0.95, missed


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_roles_and_variables(path: Path) -> None:
    labels = _labels(path)
    for finding in _findings(path):
        key = _label_of(finding, labels)
        if key is not None:
            assert (finding.role, sorted(finding.variables)) == (labels[key][0], sorted(labels[key][1])), finding


def test_no_text_is_found_twice() -> None:
    for path in CORPUS:
        places = [(finding.line, finding.template) for finding in _findings(path)]
        assert len(places) == len(set(places))
