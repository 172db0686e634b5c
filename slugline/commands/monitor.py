"""`slugline monitor`: what is watched every hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from slugline.commands.options import Config, Data, Json, Server, Why, access_for, print_model, print_rows

if TYPE_CHECKING:
    from registry.monitors import Monitor

Prompt = Annotated[str, typer.Argument(help="The prompt's slug, or '*' for every prompt.", show_default=False)]
Metric = Annotated[
    str,
    typer.Argument(
        help="error_rate, refusal_rate, truncation_rate, output_tokens, latency, cost, served_models, a score's name, or "
        "'scores' for every score.",
        show_default=False,
    ),
]


def build() -> typer.Typer:
    """The group `slugline monitor`."""
    group = typer.Typer(help="What is watched every hour.", no_args_is_help=True)
    for command in (list_, set_, remove):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def list_(json: Json = False, server: Server = None, data: Data = None, config: Config = None) -> None:
    """List what is watched: what was declared, and the defaults that count beside it."""
    with access_for(data, config, server) as access:
        found = access.alerts.monitors()
    if json:
        from registry.http.alert_schemas import MonitorList, MonitorOut

        print_model(MonitorList(monitors=[MonitorOut.of(each) for each in found]))
        return
    print_rows(
        ("prompt", "metric", "tells of", "margin", "watched", "declared by"),
        [
            (
                each.slug,
                each.metric,
                _tells_of(each),
                "usual" if each.margin is None else f"{each.margin:g}",
                "yes" if each.enabled else "no",
                each.updated_by or "(default)",
            )
            for each in found
        ],
    )


def set_(
    prompt: Prompt,
    metric: Metric,
    direction: Annotated[
        Literal["worse", "any"], typer.Option(help="Tell of changes for the worse, or of any.")
    ] = "worse",
    better: Annotated[Literal["higher", "lower"], typer.Option(help="Of a score: which way is better.")] = "higher",
    margin: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="A change that nobody is told of, in the metric's unit: 0.01 is a point, or a per cent of lengths, times and "
            "cost (default: what is usual for the metric).",
            show_default=False,
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Don't watch it.")] = False,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what is watched of a prompt's metric, in place of what was said before."""
    from registry.monitors import Monitor

    asked = Monitor(slug=prompt, metric=metric, direction=direction, better=better, margin=margin, enabled=not off)
    with access_for(data, config, server) as access:
        found = access.alerts.set_monitor(asked, reason=message)
    if json:
        _print_json(found)
    else:
        of = "every prompt" if found.slug == "*" else found.slug
        print(f"{found.metric} of {of}: {_tells_of(found) if found.enabled else 'not watched'}")


def remove(
    prompt: Prompt,
    metric: Metric,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take away what was declared: what is for every prompt, or the default, counts from then on."""
    with access_for(data, config, server) as access:
        found = access.alerts.remove_monitor(prompt, metric, reason=message)
    if json:
        _print_json(found)
    else:
        print(f"{found.metric} of {'every prompt' if prompt == '*' else prompt}: what was declared is taken away")


def _tells_of(monitor: Monitor) -> str:
    from registry.monitors import EVERY_SCORE

    if len(monitor.sides) == 2:
        return "any change"
    side = "falls" if monitor.sides == ("down",) else "rises"
    return f"{side} of each score" if monitor.metric == EVERY_SCORE else side


def _print_json(monitor: Monitor) -> None:
    from registry.http.alert_schemas import MonitorOut

    print_model(MonitorOut.of(monitor))
