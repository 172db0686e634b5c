"""`slugline plan`: what a push would change, and what a pull would. Writes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from slugline.commands.files import DEFAULT_FOLDER, Folder, Only, Onto, onto_of, slugs_of
from slugline.commands.options import Config, Data, Json, Server, access_for, print_json


def plan(
    folder: Folder = DEFAULT_FOLDER,
    only: Only = None,
    onto: Onto = None,
    everything: Annotated[
        bool, typer.Option("--all", help="A prompt without a file counts as a difference, too.")
    ] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Compare prompt files with the registry. Status 0: the same; 2: they differ; 1: files that can't be used."""
    from slugline.gitops.looking import look
    from slugline.gitops.words import as_json, plan_in_words

    slugs = slugs_of(only)
    with access_for(data, config, server) as access:
        found = look(access, folder, only=slugs, onto=onto_of(onto, slugs)).plan
    if json:
        print_json(as_json(found))
    else:
        for line in plan_in_words(found, everything=everything):
            print(line)
    drifted = any(change.drifted or (everything and change.state == "missing") for change in found.changes)
    raise typer.Exit(1 if found.errors else 2 if drifted else 0)
