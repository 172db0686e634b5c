"""When a file and a version say the same, and what differs if not. Pure.

A file keeps of a fragment only the version's number (`includes: {tone-guide: 3}`), or nothing where the next save is to lock it
anew; a version keeps the fragment's words. So locks are compared by number, and only those that the file names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.content import canonical, content_hash, parse_content
from registry.diffs.compare import Diff, diff, diff_content
from registry.values import Content, Version
from registry.writing.locking import number_of


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
        reference in their_locks and number_of(lock) == number_of(their_locks[reference])
        for reference, lock in my_locks.items()
    )


def between(old: Version, new: Version) -> Diff:
    """What changed from one version to another."""
    return diff(old, new)


def to_file(old: Version, content: Content, path: str) -> Diff:
    """What a file changes of a version. A lock that it leaves out is no change of its own: the save decides on that."""
    mine, locks = _split(content)
    assumed = {name: number_of(lock) for name, lock in {**old.content.includes, **locks}.items()}
    sentences, messages = diff_content(old.content, replace(mine, includes=assumed))
    return Diff(old=old.reference, new=path, sentences=sentences, messages=messages)


def as_saved(content: Content) -> tuple[Content, str]:
    """The content as the registry would give it back, and its hash. Raises PromptInvalidError if it isn't JSON."""
    text = canonical(content)
    return parse_content(json.loads(text)), content_hash(text)


def _split(content: Content) -> tuple[Content, Mapping[str, Any]]:
    return replace(content, includes={}), content.includes
