"""A prompt that was found in a source file, as a value, with the figures that are shown of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "?"]
Confidence = Literal["high", "medium"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How often the lines of a finding changed in Git.

    `commits` counts commits on the current branch's first-parent history that touched them, the one that wrote them included;
    `last` is the newest one's date (ISO 8601). `uncommitted`: the working tree differs from the last commit there.
    `complete` is False where time ran out before the history's end.
    """

    commits: int
    last: str | None
    uncommitted: bool = False
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A prompt in a file.

    `template` is the text as a Jinja template with `variables` for what the code fills in; `characters` counts the text
    without them. `reason` says in words why it was taken for a prompt. `fingerprint` is `fingerprint(text)` for a text
    without variables, equal to `system_prompt_hash` of the calls that send it; with variables, that of the template.
    """

    path: str
    line: int
    end_line: int
    role: Role
    template: str
    variables: tuple[str, ...]
    characters: int
    reason: str
    confidence: Confidence
    fingerprint: str
    changes: Changes | None = None

    @property
    def rough_tokens(self) -> int:
        """Characters by four: near enough for English, to tell large prompts from small ones."""
        return (self.characters + 3) // 4

    @property
    def where(self) -> str:
        """`path:line`, as `slugline adopt` takes it."""
        return f"{self.path}:{self.line}"

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "changes"}
        changes = self.changes
        return {
            **plain,
            "variables": list(self.variables),
            "rough_tokens": self.rough_tokens,
            "changes": None
            if changes is None
            else {name: getattr(changes, name) for name in changes.__dataclass_fields__},
        }


def fingerprint(content: Any) -> str:
    """16 hex digits for a system prompt (a text or a list of parts): the `system_prompt_hash` that calls are recorded with."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
