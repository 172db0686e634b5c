"""`slugline push`: versions from files, with their commits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.files import DEFAULT_FOLDER, Folder, Only, Onto, onto_of, slugs_of
from slugline.commands.options import Config, Data, Json, Server, access_for, print_json

if TYPE_CHECKING:
    from slugline.access import Access
    from slugline.gitops.looking import Look
    from slugline.gitops.pushing import Pushed


def push(
    folder: Folder = DEFAULT_FOLDER,
    only: Only = None,
    onto: Onto = None,
    message: Annotated[
        str, typer.Option("-m", "--message", help="Why, in place of the commits' messages.", show_default=False)
    ] = "",
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also what isn't committed; without naming a commit then.")
    ] = False,
    promote: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="Put what the files say on this channel.", show_default=False),
    ] = None,
    request: Annotated[
        bool, typer.Option("--request", help="Where the channel doesn't let it, ask for the promotion.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether anything stands in the way, and write nothing.")
    ] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Save new and changed prompt files as versions. Nothing at all is written while a file is in conflict or can't be used."""
    from slugline.gitops.looking import look
    from slugline.gitops.pushing import BAD, refusals

    slugs = slugs_of(only)
    with access_for(data, config, server) as access:
        seen = look(access, folder, only=slugs, onto=onto_of(onto, slugs))
        refused = refusals(seen.plan, allow_dirty=allow_dirty, message=message)
        if refused or dry_run:
            _not_pushed(seen, refused, json=json)
            raise typer.Exit(1 if refused else 0)
        done = _saved(access, seen, folder, message)
        moved = _promoted(access, seen, done, promote, message, request=request) if promote else []
    if json:
        print_json(
            {"pushed": [_plain(each) for each in done], "promoted": [_plain(each) for each in moved], "refused": []}
        )
    else:
        for each in (*done, *moved):
            _tell(each, promote)
        if not any(each.outcome not in ("same", "there") for each in (*done, *moved)):
            print(f"nothing to push: {len(done)} prompts are the same")
    raise typer.Exit(1 if any(each.outcome in BAD for each in (*done, *moved)) else 0)


def _not_pushed(seen: Look, refused: Sequence[str], *, json: bool) -> None:
    """Say what stands in the way, or what would be pushed."""
    from slugline.gitops.words import as_json, change_in_words, plan_in_words

    if json:
        print_json({"pushed": [], "promoted": [], "refused": [*refused], "plan": as_json(seen.plan)})
    elif not refused:
        print("\n".join(plan_in_words(seen.plan)))
    else:
        for change in seen.plan.changes:
            if change.blocks:
                print("\n".join(change_in_words(change)), end="\n\n")
        for line in (*refused, "nothing is pushed; `--only SLUG` pushes some"):
            print(f"slugline: {line}", file=sys.stderr)


def _saved(access: Access, seen: Look, folder: Path, message: str) -> list[Pushed]:
    from slugline.gitops.checking import in_order
    from slugline.gitops.folder import write
    from slugline.gitops.pushing import Pushed, Said, save
    from slugline.gitops.writing import with_number

    said = Said(message=message, repository=seen.plan.repository, prefix=seen.plan.prefix)
    done = []
    for change in in_order(seen.plan.changes):
        if change.writes:
            origin = seen.plan.origin(change)
            pushed = save(access, change, origin, said, seen.again)
            if (
                pushed.outcome == "saved"
                and pushed.number
                and (origin.dirty or origin.commit is None)
                and change.source
            ):
                # No commit says that the file has seen this version, so the file does.
                write(folder, change.source.path, with_number(change.source.text, change.source.path, pushed.number))
            done.append(pushed)
        elif change.state == "same":
            done.append(Pushed(slug=change.slug, outcome="same", number=change.newest, change=change))
        elif change.state == "behind":
            done.append(Pushed(slug=change.slug, outcome="left", reason=change.reason, change=change))
    return done


def _promoted(
    access: Access, seen: Look, done: list[Pushed], channel: str, message: str, *, request: bool
) -> list[Pushed]:
    from slugline.gitops.pushing import promote, reason_for

    current = {slug: entry.prompt.channels.get(channel) for slug, entry in seen.entries.items()}
    return [
        promote(access, each.slug, each.number, channel, reason_for(seen.plan, each.change, message), request=request)
        for each in done
        if each.outcome in ("saved", "same") and each.number is not None and current.get(each.slug) != each.number
    ]


def _tell(pushed: Pushed, channel: str | None) -> None:
    said = {
        "saved": f"saved {pushed.slug} as version {pushed.number}",
        "promoted": f"{pushed.slug}: {channel} is on version {pushed.number}",
        "requested": f"{pushed.slug}: asked that version {pushed.number} be put on {channel} ({pushed.reason})",
        "held": f"{pushed.slug}: {pushed.reason}",
        "left": f"left {pushed.slug} as it is: {pushed.reason}; `slugline pull` brings that into the file",
    }
    if pushed.outcome in said:
        print(said[pushed.outcome])
    elif pushed.reason:
        from slugline.gitops.words import change_in_words

        if pushed.outcome == "conflict" and pushed.change is not None:
            print("\n".join(change_in_words(pushed.change)), end="\n\n")
        print(f"slugline: {pushed.slug}: {pushed.reason}", file=sys.stderr)


def _plain(pushed: Pushed) -> dict[str, object]:
    return {name: getattr(pushed, name) for name in ("slug", "outcome", "number", "reason")}
