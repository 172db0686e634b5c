"""`slugline audit`: every write to the registry, and whether its history is whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, access_for, print_json, print_model, print_rows

if TYPE_CHECKING:
    from registry.values import HistoryEntry

_HEAD = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}")


def build() -> typer.Typer:
    """The group `slugline audit`."""
    group = typer.Typer(help="Every write to the registry: who, when, what, why.", no_args_is_help=True)
    group.command("log")(log)
    group.command("verify")(verify)
    return group


def log(
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only writes before this revision.")] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List every write, newest first."""
    with access_for(data, config, server) as access:
        entries = access.history(limit=limit, before_revision=before)
    print_events(entries, as_json=json)


def verify(
    head: Annotated[
        str | None, typer.Option(metavar="REV:HASH", help="A head that was noted once: it must still be there.")
    ] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Check that the history is whole: its hash chain, and that the registry stands as it says. Status 1 where it isn't."""
    from slugline.settings import SettingsError

    if head is not None and not _HEAD.fullmatch(head):
        raise SettingsError(
            f"--head takes REVISION:HASH as an earlier `slugline audit verify` printed it, not {head[:100]!r}"
        )
    with access_for(data, config, server) as access:
        found = access.verify(head=head)
    if json:
        from registry.http.history_schemas import AuditOut

        print_model(AuditOut.of(found))
    else:
        for problem in found.problems:
            print(problem)
        events = "1 event" if found.events == 1 else f"{found.events:,} events"
        print(f"{events}: {'whole' if found.whole else 'NOT whole'}")
        print(f"head {found.head}  (note it elsewhere: `--head` shows later that nothing was cut off or written anew)")
    if not found.whole:
        raise typer.Exit(1)


def print_events(entries: Sequence[HistoryEntry], *, as_json: bool, of_one: bool = False) -> None:
    """Prints events of the history, of one prompt or of all."""
    from slugline.commands.words import event_in_words

    if as_json:
        from registry.http.history_schemas import HistoryOut

        print_json([HistoryOut.of(entry).model_dump(mode="json") for entry in entries])
        return
    columns = ("revision", "when (UTC)", "who", "prompt", "what", "why")
    rows = [
        (str(e.revision), f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.slug, event_in_words(e), e.reason) for e in entries
    ]
    leave_out = 3 if of_one else None
    print_rows(
        [name for place, name in enumerate(columns) if place != leave_out],
        [[cell for place, cell in enumerate(row) if place != leave_out] for row in rows],
    )
