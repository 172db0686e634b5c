"""What a pull writes, and what it leaves alone. Pure: it gives texts, `folder` writes them.

The rules: a file whose edits the registry doesn't have is never written over, unless whoever pulls says so. A file that can't be read is
taken for one. Nothing is removed. What was pulled and is pulled again stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from registry.errors import RegistryError
from registry.values import Prompt, Version
from slugline.gitops.comparing import same
from slugline.gitops.values import Change, FileError
from slugline.gitops.writing import changed_file, new_file

Kind = Literal["new", "updated", "numbered", "unchanged", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What is to be done with a prompt's file. `text` is what to write, None for nothing; "kept" is a file with edits of its own."""

    slug: str
    path: str
    kind: Kind
    number: int
    text: str | None = None
    reason: str = ""
    change: Change | None = None


def pull(
    targets: Iterable[tuple[Prompt, Version]],
    changes: Mapping[str, Change],
    errors: Mapping[str, FileError],
    *,
    overwrite: bool = False,
) -> Iterator[Pulled]:
    """For each prompt with the version that its file is to say. `changes` are the plan's, `errors` unusable files, both by slug."""
    for prompt, version in targets:
        slug = prompt.slug
        change, error = changes.get(slug), errors.get(slug)
        if error is not None and not (overwrite and change is not None and change.source is not None):
            yield Pulled(slug=slug, path=error.path, kind="kept", number=version.number, reason=str(error))
        elif change is None or change.source is None:
            text = new_file(version, prompt)
            yield Pulled(slug=slug, path=f"{slug}.prompty", kind="new", number=version.number, text=text)
        else:
            yield _of_file(change, version, overwrite=overwrite)


def _of_file(change: Change, version: Version, *, overwrite: bool) -> Pulled:
    source = change.source
    assert source is not None  # noqa: S101 - whoever calls has seen to it
    equal = same(source.content, version)
    edited = change.state in ("change", "conflict", "new") or (change.state == "archived" and change.blocks)
    if edited and not equal and not overwrite:
        return Pulled(
            slug=change.slug,
            path=source.path,
            kind="kept",
            number=version.number,
            reason="the file has edits that the registry doesn't have",
            change=change,
        )
    try:
        text = changed_file(version, source.text, source.path)
    except RegistryError as error:
        return Pulled(slug=change.slug, path=source.path, kind="kept", number=version.number, reason=error.message)
    kind: Kind = "unchanged" if text == source.text else "numbered" if equal else "updated"
    return Pulled(
        slug=change.slug,
        path=source.path,
        kind=kind,
        number=version.number,
        text=None if kind == "unchanged" else text,
    )
