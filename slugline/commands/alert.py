"""`slugline alert`: what changed, who was told, and what somebody does about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from slugline.commands.options import (
    Config,
    Data,
    Json,
    Server,
    access_for,
    print_json,
    print_model,
    print_rows,
    read_time,
    settings_for,
)

if TYPE_CHECKING:
    from registry.alerts import Alert

AlertId = Annotated[str, typer.Argument(help="The alert's id.", show_default=False)]
Note = Annotated[str, typer.Option("-m", "--message", help="What there is to say; it stands in the history.")]

_SPAN = re.compile(r"(\d{1,4})\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


def build() -> typer.Typer:
    """The group `slugline alert`."""
    group = typer.Typer(help="What changed, and who was told.", no_args_is_help=True)
    for command in (list_, show, ack, mute, test):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def list_(
    prompt: Annotated[str | None, typer.Argument(help="Only this prompt's.", show_default=False)] = None,
    state: Annotated[Literal["open", "acknowledged", "closed", "all"], typer.Option(help="Only those.")] = "open",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List alerts, newest first."""
    from slugline.commands.words import moment

    now = datetime.now(UTC)
    with access_for(data, config, server) as access:
        found = access.alerts.alerts(state=None if state == "all" else state, slug=prompt)
    if json:
        from registry.http.alert_schemas import AlertList, AlertOut

        print_model(AlertList(alerts=[AlertOut.of(each, now) for each in found]))
        return
    if not found:
        print("no alerts" if state == "all" else f"no alert is {state}")
        return
    print_rows(
        ("alert", "since (UTC)", "state", "what"),
        [(each.alert_id, moment(each.since), each.standing(now), each.title) for each in found],
    )


def show(
    alert_id: AlertId, json: Json = False, server: Server = None, data: Data = None, config: Config = None
) -> None:
    """Show an alert: what changed and by how much, the suspected cause, and who was told."""
    with access_for(data, config, server) as access:
        found = access.alerts.alert(alert_id)
    _print(found, json)


def ack(
    alert_id: AlertId,
    message: Note = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Acknowledge an alert: what the metric has been since the change is what counts as usual from now on."""
    with access_for(data, config, server) as access:
        found = access.alerts.acknowledge(alert_id, text=message)
    _print_done(found, "acknowledged", json)


def mute(
    alert_id: AlertId,
    until: Annotated[
        str, typer.Option("--for", help="How long: 4h, 2d, 1w; or until when, such as 2026-12-01T09:00Z.")
    ] = "1d",
    message: Note = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell nobody of an alert for a while; if it is still open then, it is told once more."""
    from slugline.commands.words import moment

    span = _SPAN.fullmatch(until.strip())
    end = datetime.now(UTC) + timedelta(hours=int(span[1]) * _HOURS[span[2]]) if span else read_time(until, "--for")
    with access_for(data, config, server) as access:
        found = access.alerts.mute(alert_id, until=end, text=message)
    _print_done(found, f"muted until {moment(end)} UTC", json)


def test(json: Json = False, data: Data = None, config: Config = None) -> None:
    """Send a test to every destination of the settings here, and say what came of each. Ends with 1 where one didn't take it."""
    import asyncio

    from slugline.alerting.testing import send_tests

    outcomes = asyncio.run(send_tests(settings_for(data, config)))
    if json:
        print_json([{"destination": name, "sent": not error, "error": error} for name, error in outcomes.items()])
    elif not outcomes:
        print("the settings have no destination: [alerts.NAME] in slugline.toml makes one (docs/monitors.md)")
    else:
        for name, error in outcomes.items():
            print(f"{name}: {f'not sent: {error}' if error else 'sent'}")
    if any(outcomes.values()):
        raise typer.Exit(1)


def _print(alert: Alert, as_json: bool) -> None:
    from slugline.commands.words import moment

    now = datetime.now(UTC)
    if as_json:
        from registry.http.alert_schemas import AlertOut

        print_model(AlertOut.of(alert, now))
        return
    print(f"{alert.title} ({alert.standing(now)})")
    for line in alert.lines:
        back = f"; back since {moment(line.closed_at)} UTC" if line.closed_at else ""
        print(f"  {line.slug}: {line.sentence}, since {moment(line.since)} UTC{back}")
    print(f"suspected cause: {alert.suspected or 'none is known'}")
    if alert.acknowledged_by and alert.acknowledged_at:
        said = f": {alert.note}" if alert.note else ""
        print(f"acknowledged by {alert.acknowledged_by} at {moment(alert.acknowledged_at)} UTC{said}")
    if alert.muted_until and alert.muted(now):
        print(f"muted by {alert.muted_by} until {moment(alert.muted_until)} UTC")
    for each in alert.deliveries:
        error = f": {each.error}" if each.error else ""
        print(f"told {each.destination} ({each.telling}): {each.state} after {each.attempts} tries{error}")


def _print_done(alert: Alert, said: str, as_json: bool) -> None:
    if as_json:
        _print(alert, as_json)
    else:
        print(f"{alert.title}: {said}")
