"""From candidates to findings: each text once, for its strongest reason, as a template with its figures.

Pure. Refuses to judge texts: `recognise` has done that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.errors import RegistryError
from registry.scanning.draft import Parts, as_template, literal, placeholders
from registry.scanning.finding import Confidence, Finding, Role, fingerprint
from registry.scanning.resolve import Text
from registry.templates.template import compile_content
from registry.values import Content

_ORDER = {"high": 0, "medium": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A text that was taken for a prompt, and why."""

    text: Text
    role: Role
    reason: str
    confidence: Confidence


def findings_of(path: str, candidates: Iterable[Candidate]) -> list[Finding]:
    """The candidates as findings, in the order of their lines."""
    best: dict[tuple[int, int, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.text.line, candidate.text.end, literal(candidate.text.parts)[:40])
        best[key] = _stronger(best[key], candidate) if key in best else candidate
    found = [_finding(path, candidate) for candidate in _outermost(best.values())]
    return sorted(found, key=lambda finding: (finding.line, finding.end_line))


def _stronger(one: Candidate, other: Candidate) -> Candidate:
    """Both are the same text: the better reason, and whichever knows more of its variables."""
    first, second = sorted((one, other), key=lambda candidate: (_ORDER[candidate.confidence], candidate.role == "?"))
    text = max((first.text, second.text), key=lambda text: (text.holes, len(literal(text.parts))))
    role = first.role if first.role != "?" else second.role
    return Candidate(text=text, role=role, reason=first.reason, confidence=first.confidence)


def _outermost(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Without texts that are a piece of a larger finding, such as one constant in a concatenation."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda found: -len(literal(found.text.parts))):
        mine = set(candidate.text.anchors)
        if not any(mine <= set(larger.text.anchors) for larger in kept):
            kept.append(candidate)
    return kept


def _finding(path: str, candidate: Candidate) -> Finding:
    parts = _with_fields(candidate.text)
    template, variables = _as_jinja(parts) or as_template(parts)
    return Finding(
        path=path,
        line=candidate.text.line,
        end_line=candidate.text.end,
        role=candidate.role,
        template=template,
        variables=variables,
        characters=sum(len(part) for part in parts if isinstance(part, str)),
        reason=candidate.reason,
        confidence=candidate.confidence,
        fingerprint=fingerprint(template if variables else "".join(part for part in parts if isinstance(part, str))),
    )


def _with_fields(text: Text) -> Parts:
    """A plain text with `{name}` in it was written to be filled, if not here then elsewhere."""
    if text.raw and not text.holes and "{%" not in literal(text.parts):
        return placeholders(literal(text.parts)) or text.parts
    return text.parts


def _as_jinja(parts: Parts) -> tuple[str, tuple[str, ...]] | None:
    """A text with Jinja's statements in it that is a template already, with the variables it takes."""
    text = parts[0] if len(parts) == 1 else None
    if not isinstance(text, str) or "{%" not in text:
        return None
    try:
        return text, compile_content(Content(kind="text", text=text)).variables
    except RegistryError:
        return None
