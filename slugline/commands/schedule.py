"""`slugline prompt`, as far as moves are to come: schedule, schedules, cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from slugline.commands.options import (
    Because,
    Channel,
    Config,
    Data,
    Json,
    Number,
    Once,
    Server,
    Slug,
    Why,
    access_for,
    print_model,
    print_rows,
    read_time,
)


def schedule(
    slug: Slug,
    message: Because,
    at: Annotated[
        str, typer.Option("--at", help="When, such as 2026-12-01T09:00Z; without a zone, in this machine's.")
    ],
    version: Number = None,
    channel: Channel = "stable",
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Move a channel to a version at a time to come. What the channel asks for must be there by then."""
    from registry.http.move_schemas import ScheduleOut
    from slugline.commands.words import moment

    when = read_time(at, "--at")
    with access_for(data, config, server) as access:
        planned = access.schedule(
            slug, version, at=when, channel=channel, reason=message, idempotency_key=idempotency_key
        )
        still = () if json else access.lacking(slug, planned.channel, planned.version)
    if json:
        print_model(ScheduleOut.of(planned))
        return
    print(f"{slug}: {channel} moves to version {planned.version} at {moment(planned.due_at)} UTC")
    for sentence in still:
        print(f"  still asked for by then: {sentence}")
    print(f"take it back with `slugline prompt cancel {planned.schedule_id}`")


def schedules(
    slug: Annotated[str | None, typer.Argument(help="Only this prompt's.", show_default=False)] = None,
    state: Annotated[str | None, typer.Option(help="waiting, done, failed or cancelled (default: all).")] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List scheduled moves, those due first in front."""
    from registry.http.move_schemas import ScheduleList, ScheduleOut
    from slugline.commands.words import moment

    with access_for(data, config, server) as access:
        found = access.schedules(slug, state=state)
    if json:
        print_model(ScheduleList(schedules=[ScheduleOut.of(each) for each in found]))
        return
    print_rows(
        ("id", "due (UTC)", "prompt", "channel", "version", "state", "who", "why"),
        [
            (
                each.schedule_id,
                moment(each.due_at),
                each.slug,
                each.channel,
                str(each.version),
                f"{each.state}: {each.outcome}" if each.outcome else each.state,
                each.actor,
                each.reason,
            )
            for each in found
        ],
    )


def cancel(
    schedule_id: Annotated[str, typer.Argument(help="The scheduled move's id.", show_default=False)],
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a scheduled move back."""
    from registry.http.move_schemas import ScheduleOut
    from slugline.commands.words import moment

    with access_for(data, config, server) as access:
        planned = access.cancel(schedule_id, reason=message)
    if json:
        print_model(ScheduleOut.of(planned))
    else:
        when = moment(planned.due_at)
        print(
            f"cancelled: {planned.slug} would have moved {planned.channel} to version {planned.version} at {when} UTC"
        )
