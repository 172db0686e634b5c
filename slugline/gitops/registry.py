"""The registry's side: the prompts that files are of, with the versions that there is something to say about.

Knows what to ask of a registry, here or on a server. Refuses to know files' formats and Git's commands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

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

    def resolve(self, reference: str) -> Version:
        """The version that a reference means."""
        ...


def read_entries(registry: Reads, sources: Iterable[PromptSource], only: Collection[str] = ()) -> dict[str, Entry]:
    """Prompts by slug, all or only some; with their versions where there is a file that says something else."""
    said = {source.slug: source.content_hash for source in sources}
    prompts = {prompt.slug: prompt for prompt in registry.prompts() if not only or prompt.slug in only}
    slugs = [slug for slug, prompt in prompts.items() if said.get(slug, prompt.latest_hash) != prompt.latest_hash]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        versions = dict(zip(slugs, pool.map(registry.versions, slugs), strict=True))
    return {slug: Entry(prompt=prompt, versions=tuple(versions.get(slug, ()))) for slug, prompt in prompts.items()}


def commits_of(entries: Mapping[str, Entry], sources: Iterable[PromptSource]) -> dict[str, set[str]]:
    """The commits that versions came from, where a file differs from the newest; with the blob of each prompt's newest one."""
    found: dict[str, set[str]] = {}
    for source in sources:
        entry = entries.get(source.slug)
        pushed = [each for each in entry.versions if each.source.get("commit")] if entry is not None else []
        for version in pushed:
            blobs = found.setdefault(str(version.source["commit"]), set())
            if version is pushed[0] and version.source.get("blob"):
                blobs.add(str(version.source["blob"]))
    return found
