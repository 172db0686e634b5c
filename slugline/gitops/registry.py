"""The registry's side: the prompts that files are of, with the versions that there is something to say about.

Knows what to ask of a registry, here or on a server. Refuses to know files' formats and Git's commands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from registry.content import canonical, content_hash
from slugline.gitops.values import Entry, PromptSource

if TYPE_CHECKING:
    from registry.values import Prompt, Version

_AT_ONCE = 8


class Reads(Protocol):
    """What is asked of a registry."""

    def prompts(self) -> Sequence[Prompt]:
        """Every prompt, archived ones too."""
        ...

    def versions(self, slug: str) -> Sequence[Version]:
        """A prompt's versions, newest first."""
        ...


def read_entries(registry: Reads, sources: Iterable[PromptSource], only: Collection[str] = ()) -> dict[str, Entry]:
    """Prompts by slug, all or only some; with their versions where there is a file."""
    wanted = {source.slug for source in sources}
    prompts = {prompt.slug: prompt for prompt in registry.prompts() if not only or prompt.slug in only}
    slugs = [slug for slug in prompts if slug in wanted]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        versions = dict(zip(slugs, pool.map(registry.versions, slugs), strict=True))
    return {slug: Entry(prompt=prompt, versions=tuple(versions.get(slug, ()))) for slug, prompt in prompts.items()}


def commits_of(entries: Mapping[str, Entry], sources: Iterable[PromptSource]) -> dict[str, set[str]]:
    """The commits that versions came from, where a file differs from the newest; with the blob of each prompt's newest one."""
    found: dict[str, set[str]] = {}
    for source in sources:
        entry = entries.get(source.slug)
        if entry is None or entry.newest.content_hash == content_hash(canonical(source.content)):
            continue
        pushed = [version for version in entry.versions if version.source.get("commit")]
        for version in pushed:
            blobs = found.setdefault(str(version.source["commit"]), set())
            if version is pushed[0] and version.source.get("blob"):
                blobs.add(str(version.source["blob"]))
    return found
