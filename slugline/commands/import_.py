"""`slugline import`: prompts of other products, saved here. Works on the registry itself, with a server running or not.

Exit status 1 when something was refused; what could be imported has been imported then, too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from registry.importing.imported import Reading
    from slugline.importing import Outcome

Prefix = Annotated[str, typer.Option(help="What to put before every slug, such as support-.")]
Channels = Annotated[bool, typer.Option("--channels", help="Set channels as the labels stand; production is stable.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")]
Onto = Annotated[
    bool,
    typer.Option(
        "--onto-existing", help="Also save onto prompts that have other content here, and move their channels."
    ),
]
Author = Annotated[str | None, typer.Option(help="Who imports, where the origin names no author (default: you).")]


def build() -> typer.Typer:
    """The group `slugline import`."""
    group = typer.Typer(help="Import prompts from other products.", no_args_is_help=True)
    for command in (langfuse, litellm, promptfoo, helicone, openai):
        group.command(command.__name__)(command)
    return group


def langfuse(
    file: Annotated[
        str | None, typer.Argument(help="A JSON export; - reads standard input.", show_default=False)
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Read from a server's API instead, with LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY."),
    ] = None,
    prefix: Prefix = "",
    channels: Channels = False,
    onto_existing: Onto = False,
    dry_run: DryRun = False,
    author: Author = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import from Langfuse: every version of every prompt."""
    from registry.importing.langfuse import read_export
    from slugline.importing import read_files
    from slugline.langfuse import LangfuseFailed, fetch, keys_from
    from slugline.settings import SettingsError

    if (file is None) == (url is None):
        raise SettingsError(
            "say where to import from: a FILE that Langfuse exported (- for standard input), or --url URL"
        )
    if url is not None:
        try:
            reading = fetch(url, keys_from(os.environ), prefix=prefix)
        except LangfuseFailed as error:
            raise SettingsError(str(error)) from error
    else:
        reading = read_files([file or "-"], lambda text, _: read_export(text, prefix=prefix))
    options = {"author": author, "channels": channels, "onto_existing": onto_existing, "dry_run": dry_run}
    _finish(reading, options, json, data, config)


def litellm(
    paths: Annotated[list[str], typer.Argument(help=".prompt files, folders of them, or JSON files of prompts.")],
    prefix: Prefix = "",
    onto_existing: Onto = False,
    dry_run: DryRun = False,
    author: Author = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import LiteLLM's .prompt files; support.v2.prompt is a version of support."""
    from registry.importing.litellm import in_order, read_prompt
    from slugline.importing import expanded, read_files

    files = expanded(paths, ".prompt")
    reading = in_order(read_files(files, lambda text, name: read_prompt(text, name, prefix=prefix)))
    _finish(reading, {"author": author, "onto_existing": onto_existing, "dry_run": dry_run}, json, data, config)


def promptfoo(
    file: Annotated[str, typer.Argument(help="A promptfooconfig.yaml or .json.", show_default=False)],
    prefix: Prefix = "",
    onto_existing: Onto = False,
    dry_run: DryRun = False,
    author: Author = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import the prompts of a promptfoo config, and of the files that it names."""
    from registry.importing.promptfoo import paths_in, read_config
    from slugline.importing import files_for, read_files

    def read(text: str, name: str) -> Reading:
        return read_config(text, files_for(file, paths_in(text)), prefix=prefix)

    reading = read_files([file], read)
    _finish(reading, {"author": author, "onto_existing": onto_existing, "dry_run": dry_run}, json, data, config)


def helicone(
    file: Annotated[
        str, typer.Argument(help="The JSON of a prompt's body; - reads standard input.", show_default=False)
    ],
    slug: Annotated[str, typer.Option(help="The slug (default: the prompt's id, else the file's name).")] = "",
    prefix: Prefix = "",
    onto_existing: Onto = False,
    dry_run: DryRun = False,
    author: Author = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import one prompt of Helicone."""
    from registry.importing.helicone import read_body
    from slugline.importing import read_files

    name = "" if file == "-" else Path(file).stem
    reading = read_files([file], lambda text, _: read_body(text, name, slug=slug, prefix=prefix))
    _finish(reading, {"author": author, "onto_existing": onto_existing, "dry_run": dry_run}, json, data, config)


def openai(
    file: Annotated[
        str, typer.Argument(help="Text, or a request as JSON; - reads standard input.", show_default=False)
    ],
    slug: Annotated[str, typer.Option(help="The slug to save it under.", show_default=False)],
    prefix: Prefix = "",
    onto_existing: Onto = False,
    dry_run: DryRun = False,
    author: Author = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Import one template pasted from OpenAI."""
    from registry.importing.openai import read_pasted
    from slugline.importing import read_files

    reading = read_files([file], lambda text, _: read_pasted(text, slug, prefix=prefix))
    _finish(reading, {"author": author, "onto_existing": onto_existing, "dry_run": dry_run}, json, data, config)


def _finish(reading: Reading, options: dict[str, Any], as_json: bool, data: Path | None, config: Path | None) -> None:
    from slugline.importing import How, carry_out

    registry = open_registry(settings_for(data, config))
    how = How(by=registry.by, **options)
    outcomes = carry_out(registry.store, reading, how)
    failed = [f"{each.origin}: {each.reason}" for each in reading.refused]
    if as_json:
        print_json(
            {
                "dry_run": how.dry_run,
                "prompts": [_as_mapping(outcome) for outcome in outcomes],
                "refused": [{"origin": each.origin, "reason": each.reason} for each in reading.refused],
            }
        )
    else:
        for outcome in outcomes:
            _print(outcome, how.dry_run)
        for sentence in failed:
            print(f"slugline: {sentence}", file=sys.stderr)
        print(_summary(outcomes, len(failed), how.dry_run))
    if failed or any(outcome.refused for outcome in outcomes):
        raise typer.Exit(1)


def _as_mapping(outcome: Outcome) -> dict[str, object]:
    return {
        "slug": outcome.slug,
        "status": outcome.status,
        "versions": list(outcome.saved),
        "channels": dict(outcome.moved),
        "notes": list(outcome.notes),
        **({"reason": outcome.refused} if outcome.refused else {}),
    }


def _print(outcome: Outcome, dry_run: bool) -> None:
    if outcome.refused:
        print(f"slugline: {outcome.slug}: {outcome.refused}", file=sys.stderr)
    would = "would be " if dry_run else ""
    done = [f"{would}saved as {_range(outcome.saved)}"] if outcome.saved else []
    done += [f"{channel} {would}moved to version {number}" for channel, number in outcome.moved]
    print(f"{outcome.slug}: {outcome.status}" + (f", {', '.join(done)}" if done else ""))
    for note in outcome.notes:
        print(f"  {note}")


def _range(numbers: tuple[int, ...]) -> str:
    first, last = numbers[0], numbers[-1]
    return f"version {first}" if first == last else f"versions {first} to {last}"


def _summary(outcomes: list[Outcome], failed: int, dry_run: bool) -> str:
    counts = {
        word: sum(outcome.status == word for outcome in outcomes) for word in ("new", "updated", "unchanged", "refused")
    }
    counts["refused"] += failed
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing found"
    return f"{said} (dry run: nothing written)" if dry_run else said
