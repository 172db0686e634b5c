"""Which version a rollback goes back to; a pure reading of a channel's past.

Knows the order in which versions were live on one channel. Refuses to know storage and who may roll back.
"""

from __future__ import annotations

from collections.abc import Iterable


def way_back(moves: Iterable[tuple[str, int]]) -> list[int]:
    """The versions that were live one after the other, the present one last, as a rollback walks them.

    `moves` are (action, to_version) of one channel, oldest first. A promotion goes forward; a rollback undoes what
    came after the version it names, so that the next rollback goes further back and not to and fro.

    >>> way_back([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)])
    [1, 2]
    """
    path: list[int] = []
    for action, version in moves:
        if action == "rollback" and version in path:
            while path[-1] != version:
                path.pop()
        elif not path or path[-1] != version:
            path.append(version)
    return path
