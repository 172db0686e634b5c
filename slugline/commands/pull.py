"""`slugline pull`: files from the registry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.files import DEFAULT_FOLDER, Folder
from slugline.commands.options import Config, Data, Json, Server, access_for, print_json

if TYPE_CHECKING:
    from registry.values import Prompt, Version
    from slugline.access import Access
    from slugline.gitops.pulling import Pulled


def pull(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="Which prompts (default: all).", show_default=False)
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
    channel: Annotated[str, typer.Option(help="Which version: what is on this channel.")] = "latest",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also files with edits that the registry doesn't have: they are lost.")
    ] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write prompts into files; what has edits of its own is shown and left as it is (status 1)."""
    from slugline.gitops.folder import write
    from slugline.gitops.looking import look
    from slugline.gitops.pulling import pull as decide
    from slugline.settings import SettingsError

    with access_for(data, config, server) as access:
        if not folder.exists():
            folder.mkdir(parents=True)
        seen = look(access, folder, only=tuple(slugs or ()))
        prompts = [entry.prompt for entry in seen.entries.values()]
        for slug in slugs or ():
            if slug not in seen.entries:
                raise SettingsError(f"the registry has no prompt '{slug}'; its file is new: `slugline push` saves it")
        targets = _targets(access, [each for each in prompts if each.archived_at is None or slugs], channel)
    errors = {error.slug: error for error in seen.plan.errors if error.slug is not None}
    done = list(decide(targets, {change.slug: change for change in seen.plan.changes}, errors, overwrite=overwrite))
    for each in done:
        if each.text is not None:
            write(folder, each.path, each.text)
    if json:
        names = ("slug", "path", "kind", "number", "reason")
        print_json([{name: getattr(each, name) for name in names} for each in done])
    else:
        _tell(done, channel, nothing=len(prompts) - len(done))
    raise typer.Exit(1 if any(each.kind == "kept" for each in done) else 0)


def _targets(access: Access, prompts: Sequence[Prompt], channel: str) -> list[tuple[Prompt, Version]]:
    """Prompts with what is on a channel; those with nothing there left out."""
    there = [prompt for prompt in prompts if channel in prompt.channels]
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda prompt: access.version(prompt.slug, prompt.channels[channel]), there))
    return list(zip(there, versions, strict=True))


def _tell(done: Sequence[Pulled], channel: str, *, nothing: int) -> None:
    from slugline.gitops.words import change_in_words

    for each in done:
        if each.kind in ("new", "updated", "numbered"):
            what = {"new": "wrote", "updated": "updated", "numbered": "numbered"}[each.kind]
            print(f"{what} {each.path}: version {each.number}")
        elif each.kind == "kept":
            if each.change is not None:
                print("\n".join(change_in_words(each.change)), end="\n\n")
            way = "; --overwrite gives them up" if each.change is not None else ""
            print(f"slugline: {each.path} stays as it is: {each.reason}{way}", file=sys.stderr)
    same = sum(each.kind == "unchanged" for each in done)
    if same or not done:
        print(f"{same} files are as they should be")
    if nothing:
        print(f"{nothing} prompts have nothing on {channel}, or are archived")
