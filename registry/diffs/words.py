"""Which words of two texts stayed, went and came; and which messages of two lists belong together. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from diff_match_patch import diff_match_patch

Operation = Literal["same", "removed", "added"]
_OPERATIONS: Mapping[int, Operation] = {0: "same", -1: "removed", 1: "added"}

# A tag of the template is one word: it changes as a whole or not at all.
_WORDS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\w+|\s+|[^\w\s]", re.DOTALL)
_FIRST_CODE = 0x100
_LONGEST_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of words that stayed, went or came."""

    operation: Operation
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDiff:
    """One message that differs. `old` and `new` are its places, from 0; None where it isn't there."""

    role: str
    old: int | None
    new: int | None
    segments: tuple[Segment, ...]


def words(old: str, new: str) -> tuple[Segment, ...]:
    """The difference between two texts, word by word; together the segments are both texts in full."""
    codes: dict[str, str] = {}
    before, after = _encoded(old, codes), _encoded(new, codes)
    tokens = {code: token for token, code in codes.items()}
    differ = diff_match_patch()
    differ.Diff_Timeout = _LONGEST_SECONDS  # after that the rest is told as one change; nothing gets lost
    found = differ.diff_main(before, after, False)
    differ.diff_cleanupSemantic(found)
    return tuple(
        Segment(operation=_OPERATIONS[operation], text="".join(tokens[code] for code in text))
        for operation, text in found
    )


def _encoded(text: str, codes: dict[str, str]) -> str:
    """One character per word, so that an algorithm for characters works on words."""
    return "".join(codes.setdefault(token, chr(_FIRST_CODE + len(codes))) for token in _WORDS.findall(text))


def paired(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[MessageDiff]:
    """The messages that differ, each a role and a text: equal ones are paired first, then those of the same role between them, in order;
    the rest went or came."""
    for operation, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if operation == "equal":
            continue
        came = list(range(j, j_end))
        for place in range(i, i_end):
            role, text = old[place]
            partner = next((other for other in came if new[other][0] == role), None)
            if partner is None:
                yield MessageDiff(role=role, old=place, new=None, segments=_whole("removed", text))
                continue
            for other in [other for other in came if other < partner]:
                yield MessageDiff(role=new[other][0], old=None, new=other, segments=_whole("added", new[other][1]))
            came = [other for other in came if other > partner]
            yield MessageDiff(role=role, old=place, new=partner, segments=words(text, new[partner][1]))
        for other in came:
            yield MessageDiff(role=new[other][0], old=None, new=other, segments=_whole("added", new[other][1]))


def _whole(operation: Operation, text: str) -> tuple[Segment, ...]:
    return (Segment(operation=operation, text=text),) if text else ()
