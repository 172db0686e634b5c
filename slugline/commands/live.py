"""`slugline live`: what every channel serves, or served at a time, and what the calls around that time saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, access_for, print_json, print_rows, read_time

if TYPE_CHECKING:
    from evaluation.served import VersionCalls
    from registry.values import HistoryEntry

_AROUND = timedelta(minutes=30)


def live(
    slug: Annotated[str | None, typer.Argument(help="Only this prompt's channels.", show_default=False)] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help='A time, such as "2026-11-17 15:00"; without a zone, in this machine\'s (default: now).'
        ),
    ] = None,
    calls: Annotated[
        bool, typer.Option("--calls", help="Also which versions answered calls in the hour around that time.")
    ] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """What every channel serves, or served at a time: since when, who put it there, and why."""
    from slugline.settings import SettingsError

    now = datetime.now(UTC)
    when = now if at is None else read_time(at, "--at")
    if when > now:
        raise SettingsError(
            f"--at {when:%Y-%m-%d %H:%M} UTC lies in the future; `slugline prompt schedules` shows moves that are to come"
        )
    seen: Mapping[str, Sequence[VersionCalls]] = {}
    with access_for(data, config, server) as access:
        entries = access.live_at(when, slug)
        if calls:
            slugs = sorted({entry.slug for entry in entries})
            seen = access.calls_between(slugs, when - _AROUND, when + _AROUND)
    if json:
        from registry.http.history_schemas import LiveList

        shown = LiveList.of(when, entries).model_dump(mode="json")
        print_json({**shown, "calls": _calls_json(seen)} if calls else shown)
        return
    if at is not None:
        print(f"At {when:%Y-%m-%d %H:%M:%S} UTC")
    _print_live(entries, when)
    if calls:
        print(f"\nCalls from {when - _AROUND:%Y-%m-%d %H:%M} to {when + _AROUND:%H:%M} UTC")
        _print_calls(seen)


def _print_live(entries: Sequence[HistoryEntry], when: datetime) -> None:
    from registry.storage.rows import split_of
    from slugline.commands.words import arms_in_words, moment

    if not entries:
        print("nothing was live")
        return
    rows = []
    for entry in entries:
        split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
        arms = arms_in_words(split, when)
        version = f"{entry.to_version}, {arms}" if arms else str(entry.to_version)
        place = entry.slug, entry.channel or "", version
        rows.append((*place, moment(entry.at), f"{entry.action} by {entry.actor}", entry.reason))
    print_rows(("prompt", "channel", "version", "since (UTC)", "put there", "why"), rows)


def _print_calls(seen: Mapping[str, Sequence[VersionCalls]]) -> None:
    rows = [
        (
            slug,
            each.channel,
            f"{each.version} ({each.variant})" if each.variant else str(each.version),
            f"{each.calls:,}",
            f"{each.errors:,}",
            f"{each.first_seen:%H:%M:%S}",
            f"{each.last_seen:%H:%M:%S}",
        )
        for slug, found in seen.items()
        for each in found
    ]
    if rows:
        print_rows(("prompt", "channel", "version", "calls", "errors", "first", "last"), rows)
    else:
        print("none")


def _calls_json(seen: Mapping[str, Sequence[VersionCalls]]) -> list[dict[str, object]]:
    return [
        {
            "prompt": slug,
            **{name: getattr(each, name) for name in ("version", "channel", "variant", "calls", "errors")},
            "first_seen": each.first_seen.isoformat(),
            "last_seen": each.last_seen.isoformat(),
        }
        for slug, found in seen.items()
        for each in found
    ]
