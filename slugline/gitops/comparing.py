"""When a file and a version say the same, and what differs if not. Pure.

A file keeps of a fragment only the version's number (`includes: {tone-guide: 3}`), or nothing where the next save is to lock it
anew; a version keeps the fragment's words. So locks are compared by number, and only those that the file names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from registry.content import as_mapping, canonical, content_hash, parse_content
from registry.diff import Diff, diff_content
from registry.values import Content, Version


def same(content: Content, version: Version) -> bool:
    """Whether saving the content on top of the version would change nothing of what somebody wrote."""
    text = canonical(content)
    if content_hash(text) == version.content_hash:
        return True
    mine, my_locks = _split(content)
    theirs, their_locks = _split(version.content)
    if not their_locks and not my_locks:
        return False
    return canonical(mine) == canonical(theirs) and all(
        reference in their_locks and _number(lock) == _number(their_locks[reference])
        for reference, lock in my_locks.items()
    )


def between(old: Version, new: Version) -> Diff:
    """What changed from one version to another."""
    return _diff(old.content, new.content, old.reference, new.reference)


def to_file(old: Version, content: Content, path: str) -> Diff:
    """What a file changes of a version."""
    known = _split(old.content)[1]
    mine, locks = _split(content)
    # A lock that the file leaves out is no change of its own: the save decides on it.
    assumed = {name: lock for name, lock in known.items() if name not in locks}
    return _diff(old.content, _joined(mine, {**assumed, **locks}), old.reference, path)


def _diff(old: Content, new: Content, old_name: str, new_name: str) -> Diff:
    sentences, messages = diff_content(_short(old), _short(new))
    return Diff(old=old_name, new=new_name, sentences=sentences, messages=messages)


def _split(content: Content) -> tuple[Content, Mapping[str, Any]]:
    fields = as_mapping(content)
    locks: Mapping[str, Any] = fields.pop("includes", {})
    return (parse_content(fields), locks) if locks else (content, locks)


def _joined(content: Content, locks: Mapping[str, Any]) -> Content:
    return parse_content({**as_mapping(content), "includes": dict(locks)}) if locks else content


def _short(content: Content) -> Content:
    rest, locks = _split(content)
    return _joined(rest, {name: _number(lock) for name, lock in locks.items()})


def _number(lock: Any) -> int:
    number: int = lock["version"] if isinstance(lock, Mapping) else lock
    return number


def as_saved(content: Content) -> tuple[Content, str]:
    """The content as the registry would give it back, and its hash. Raises PromptInvalidError if it isn't JSON."""
    text = canonical(content)
    return parse_content(json.loads(text)), content_hash(text)
