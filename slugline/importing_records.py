"""An import of calls or scores as a command runs it: its files in order, a progress bar, and what it says at the end.

Works beside a running server (through its engine), with a ClickHouse server, or alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from slugline.commands.options import print_json, settings_for
from slugline.folder import DataFolder
from slugline.recording import open_recorder
from slugline.records import open_records
from slugline.settings import Settings, SettingsError
from tracing.event import CallEvent, Event, ScoreEvent
from tracing.privacy.recorder import PrivacyCounts
from tracing.transfer.aside import Rejected, TraceNotes
from tracing.transfer.importing import Progress, import_source
from tracing.transfer.inserting import open_inserter
from tracing.transfer.reading import Source, open_source
from tracing.transfer.recognise import Origin, Reading, What, holds_traces


def run_import(
    what: What,
    files: Sequence[Path],
    origin: Origin,
    rejected: Path | None,
    *,
    data: Path | None,
    config: Path | None,
    as_json: bool,
    as_is: bool = False,
) -> None:
    """Imports files, and says what came of it. Exits with 1 where nothing of what was read could be taken.

    What is taken is what the settings let a live call keep, or with `as_is` everything: that is for owners.
    """
    if os.environ.get("SLUGLINE_URL", "").strip() and data is None and config is None:
        raise SettingsError(
            f"{what} import works on the machine that has the data folder, or the settings of the ClickHouse server, and not through "
            "SLUGLINE_URL: say which with --data or --config"
        )
    if rejected is not None and len(files) > 1:
        raise SettingsError("--rejected names one file: import the files one by one")
    settings = settings_for(data, config)
    if as_is:
        _permit_as_is(settings)
    recorder = open_recorder(settings, os.environ, lambda _: True, whole=True)
    progress, kept = asyncio.run(_run(what, files, origin, rejected, settings, _all if as_is else recorder.kept))
    counts = recorder.counts
    if as_json:
        told = {"redacted_values": counts.redactions, "redactions_failed": counts.failed}
        print_json({**asdict(progress), **told, "rejected_files": [str(path) for path in kept]})
    else:
        say(what, progress, kept, counts)
    if progress.read and progress.rejected == progress.read:
        sys.exit(1)


def _all(event: Event) -> Event:
    return event


def _permit_as_is(settings: Settings) -> None:
    """Whoever has the data folder may, but with a key only an admin's. Raises RegistryError."""
    from registry.errors import AuthRoleNotAllowedError
    from slugline.commands.options import open_registry

    if os.environ.get("SLUGLINE_KEY", "").strip() and "admin" not in (by := open_registry(settings).by).roles:
        raise AuthRoleNotAllowedError(
            f"{by.name} may not import with --as-is, past what [record] keeps and redacts: that takes the role admin"
        )


async def _run(
    what: What,
    files: Sequence[Path],
    origin: Origin,
    rejected: Path | None,
    settings: Settings,
    keep: Callable[[Event], Event | None],
) -> tuple[Progress, list[Path]]:
    progress, kept = Progress(), []
    with TraceNotes() as notes, shown() as (told, waits):
        reading = Reading(what=what, origin=origin, slug=slugs(), notes=notes)
        folder = DataFolder(settings.data).imports
        async with (
            open_records(settings) as clickhouse,
            open_inserter(folder, clickhouse, CallEvent if what == "calls" else ScoreEvent, waits) as inserter,
        ):
            for path in in_order(files):
                aside = Rejected(rejected or beside(path))
                try:
                    with opened(path) as source:
                        await import_source(
                            source, reading, inserter, aside, progress, lambda at: told(at, progress), keep
                        )
                finally:
                    aside.close()
                if aside.count:
                    kept.append(aside.path)
    return progress, kept


def slugs() -> Callable[[str], str]:
    """What makes a slug of another product's name for a prompt."""
    from registry.errors import PromptInvalidError
    from registry.importing.naming import slug_for

    def slug(name: str) -> str:
        try:
            return slug_for(name)
        except PromptInvalidError as error:
            raise ValueError(error.message) from None

    return slug


def in_order(files: Sequence[Path]) -> list[Path]:
    """Files that hold traces come first: observations in others refer to them."""
    return sorted(files, key=lambda path: not _holds_traces(path))


def _holds_traces(path: Path) -> bool:
    if str(path) == "-":
        return False
    with open_source(path) as source:
        first = next(source.records(), None)
    return first is not None and first.record is not None and holds_traces(first.record)


def beside(path: Path) -> Path:
    """Where a file's bad lines go."""
    return Path("stdin.rejected.jsonl") if str(path) == "-" else path.with_name(f"{path.name}.rejected.jsonl")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A file, or standard input for `-`."""
    if str(path) != "-":
        with open_source(path) as source:
            yield source
        return
    raw = getattr(sys.stdin, "buffer", None) or io.BytesIO(sys.stdin.read().encode())
    yield Source(cast(IO[bytes], raw), "standard input", None)


@contextlib.contextmanager
def shown() -> Iterator[tuple[Callable[[Source, Progress], None], Callable[[str], None]]]:
    """What tells how far an import is and why it waits: a bar on a terminal, else nothing but the latter."""
    console = Console(stderr=True)
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}
    said: set[str] = set()

    def told(source: Source, progress: Progress) -> None:
        if source.name not in tasks:
            tasks[source.name] = bar.add_task(Path(source.name).name, total=source.size, rows=0)
        bar.update(tasks[source.name], completed=source.position, rows=progress.loaded)

    def waits(reason: str) -> None:
        if reason not in said:
            said.add(reason)
            print(f"slugline: waiting: {reason}", file=sys.stderr, flush=True)

    with bar:
        yield told, waits


def say(what: What, progress: Progress, kept: Sequence[Path], counts: PrivacyCounts) -> None:
    """What came of an import, for people."""
    told: list[Any] = [f"{progress.loaded:,} {what} loaded"]
    if progress.known:
        told.append(f"{progress.known:,} were there already")
    if progress.skipped:
        told.append(f"{progress.skipped:,} records hold no {what}")
    if progress.left_out:
        told.append(f"{progress.left_out:,} left out, as record.mode is none for them")
    print(", ".join(told))
    if progress.without_bodies:
        print(f"{progress.without_bodies:,} were kept without their bodies, as record.mode is metadata for them")
    if counts.redactions:
        print(f"{counts.redactions:,} values were redacted, as in live calls ([record.redact])")
    if counts.failed:
        print(f"{counts.failed:,} lost their bodies, as redacting them failed", file=sys.stderr)
    if progress.rejected:
        where = ", ".join(map(str, kept))
        print(f"{progress.rejected:,} could not be taken: see {where} for the lines and reasons", file=sys.stderr)
