"""`slugline spool`: what is recorded and not yet loaded, what was refused and why, and what could not be recorded at all.

It reads the data folder and works beside a running server as well as without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, print_json, print_rows, settings_for

if TYPE_CHECKING:
    from tracing.loading.segments import SpoolFolders

Name = Annotated[str | None, typer.Argument(help="One refused segment's name (default: all).", show_default=False)]


def build() -> typer.Typer:
    """The command group."""
    app = typer.Typer(help="Records on their way to ClickHouse: what waits, what was refused.", no_args_is_help=True)
    app.command("status")(status)
    app.command("show")(show)
    app.command("retry")(retry)
    return app


def status(json: Json = False, data: Data = None, config: Config = None) -> None:
    """What waits to be loaded, how far behind loading is, and what was refused or lost."""
    from slugline.spool_status import spool_status

    settings = settings_for(data, config)
    found = spool_status(settings)
    if json:
        print_json(found)
    else:
        print("\n".join(_in_words(found)))


def show(name: Name = None, json: Json = False, data: Data = None, config: Config = None) -> None:
    """The reasons why lines were refused."""
    from dataclasses import asdict

    from tracing.loading.refused import refused_lines

    found = [each for each in refused_lines(_folders(data, config)) if name in {None, each.name}]
    if name is not None and not found:
        raise _unknown(name)
    if json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        print("nothing was refused")
    for each in found:
        print(f"{each.name}: {each.lines} lines")
        for reason in each.reasons:
            print(f"  {reason}")


def retry(name: Name = None, json: Json = False, data: Data = None, config: Config = None) -> None:
    """Load refused lines once more, after what was in their way is mended."""
    from tracing.loading.refused import refused_lines
    from tracing.loading.refused import retry as put_back

    folders = _folders(data, config)
    found = [each for each in refused_lines(folders) if name in {None, each.name}]
    if name is not None and not found:
        raise _unknown(name)
    done = [{"was": each.name, "is": put_back(folders, each.name), "lines": each.lines} for each in found]
    if json:
        print_json(done)
    elif done:
        print_rows(("refused", "to be loaded as", "lines"), [[str(value) for value in row.values()] for row in done])
    else:
        print("nothing was refused")


def _folders(data: Any, config: Any) -> SpoolFolders:
    from slugline.folder import DataFolder
    from tracing.loading.segments import SpoolFolders

    return SpoolFolders.at(DataFolder(settings_for(data, config).data).spool)


def _unknown(name: str) -> Exception:
    from slugline.settings import SettingsError

    return SettingsError(f"no refused segment is named '{name}': `slugline spool show` lists them")


def _in_words(found: dict[str, Any]) -> list[str]:
    waiting, refused, loader = found["waiting"], found["refused"], found["loader"]
    lines = [
        f"waiting   {waiting['segments']:,} segments, {waiting['bytes']:,} bytes"
        + (f", the oldest for {waiting['oldest_seconds']:,.0f} s" if waiting["segments"] else ""),
        f"bound     {found['bounds']['max_bytes']:,} bytes, {found['bounds']['min_free_bytes']:,} left free on the disk",
        f"refused   {refused['lines']:,} lines of {refused['segments']:,} segments"
        + (" (`slugline spool show` says why)" if refused["segments"] else ""),
    ]
    lines += [
        f"lost      {each['count']:,} by {each['worker']} from {each['first']} to {each['last']}: {each['reason']}"
        for each in found["lost"]
    ] or ["lost      nothing"]
    lines += [f"foreign   {name} is no segment and is left alone" for name in found["foreign"]]
    if loader is None:
        return [*lines, "loader    no server has run on this data folder"]
    lines.append(f"loader    {loader['rows_loaded']:,} rows loaded since its start, said at {loader['at']}")
    if loader["rows_loaded"]:
        lines.append(f"lag       {loader['lag_seconds']:.1f} s from a record to its row")
    if loader["waiting"]:
        lines.append(f"waits     {loader['waiting']}")
    sent = loader.get("export")
    if sent is not None or found["export"]["segments"]:
        lines.append(
            f"to send   {found['export']['segments']:,} segments, {found['export']['bytes']:,} bytes, over OTLP"
        )
    lines += [f"          {signal} wait: {why}" for signal, why in ((sent or {}).get("waiting") or {}).items()]
    return lines
