"""`slugline scan`: prompts that Slugline doesn't serve yet, in source files and in recorded calls."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, print_json, print_rows, settings_for

if TYPE_CHECKING:
    from evaluation.inventory import Inventory
    from registry.scanning.files import Scan
    from registry.scanning.finding import Changes

_SHOWN_TEXT = 60


def scan(
    path: Annotated[Path | None, typer.Argument(help="A folder or file (default: here).", show_default=False)] = None,
    calls: Annotated[bool, typer.Option("--calls", help="Look at recorded calls that name no prompt instead.")] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="With --calls: how far back.")] = 30,
    purpose: Annotated[str, typer.Option(help="With --calls: the calls' purpose, or all.")] = "production",
    tests: Annotated[bool, typer.Option("--tests", help="Look into tests and their fixtures, too.")] = False,
    git: Annotated[bool, typer.Option(help="Count how often the lines changed in Git.")] = True,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Find prompts that are still hardcoded: in Python, JavaScript, TypeScript and YAML, or in calls without a reference."""
    from slugline.settings import SettingsError

    if calls:
        if path is not None:
            raise SettingsError("scan looks through files or through calls: leave out the path, or --calls")
        asyncio.run(_calls(days, purpose, json, data, config))
    else:
        _files(path or Path(), tests=tests, git=git, as_json=json)


def _files(path: Path, *, tests: bool, git: bool, as_json: bool) -> None:
    from registry.scanning.changes import with_changes
    from registry.scanning.files import scan as look
    from slugline.settings import SettingsError

    try:
        found = look(path, tests=tests)
    except KeyError:
        raise SettingsError(f"{path}: scan reads Python, JavaScript, TypeScript and YAML") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from error
    findings = with_changes(found.findings, path if path.is_dir() else path.parent) if git else list(found.findings)
    if as_json:
        counts = {name: getattr(found, name) for name in ("files", "tests", "large", "unreadable", "cut")}
        print_json({"findings": [finding.to_json() for finding in findings], **counts})
        return
    if findings:
        print_rows(
            ("where", "role", "characters", "~tokens", "variables", "changes", "last", "sure", "why"),
            [
                (
                    finding.where,
                    finding.role,
                    f"{finding.characters:,}",
                    f"{finding.rough_tokens:,}",
                    ", ".join(finding.variables) or "–",
                    *_changes(finding.changes),
                    finding.confidence,
                    finding.reason,
                )
                for finding in findings
            ],
        )
    uncommitted = any(finding.changes is not None and finding.changes.uncommitted for finding in findings)
    print(_in_sum(found) + ("; * not committed" if uncommitted else ""), file=sys.stderr)


def _changes(changes: Changes | None) -> tuple[str, str]:
    if changes is None:
        return "–", "–"
    commits = f"{changes.commits}{'' if changes.complete else '+'}"
    return commits + (" *" if changes.uncommitted else ""), (changes.last or "–")[:10]


def _in_sum(found: Scan) -> str:
    count = len(found.findings)
    passed = [
        f"{number} {what}"
        for number, what in (
            (found.tests, "tests (see --tests)"),
            (found.large, "larger than 1 MB"),
            (len(found.unreadable), "that don't parse"),
        )
        if number
    ]
    said = f"{count} prompt{'' if count == 1 else 's'} in {found.files:,} files" + (
        f"; passed over: {', '.join(passed)}" if passed else ""
    )
    return said + ("; there were more files than a scan reads" if found.cut else "")


async def _calls(days: int, purpose: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    from evaluation.inventory import unmanaged_calls
    from slugline.clock import now
    from slugline.records import open_records

    async with open_records(settings_for(data, config)) as records:
        inventory = await unmanaged_calls(records, days=days, now=now(), purpose=None if purpose == "all" else purpose)
    if as_json:
        print_json(inventory.to_json())
        return
    print_rows(
        ("fingerprint", "calls", "texts", "models", "callers", "first (UTC)", "last (UTC)", "text"), _rows(inventory)
    )
    for note in inventory.notes:
        print(note, file=sys.stderr)


def _rows(inventory: Inventory) -> list[tuple[str, ...]]:
    return [
        (
            family.fingerprint or "–",
            f"{family.calls:,}",
            str(len(family.members)),
            _counted(family.models),
            _counted(family.callers),
            f"{family.first_seen:%Y-%m-%d %H:%M}",
            f"{family.last_seen:%Y-%m-%d %H:%M}",
            _start(family.template),
        )
        for family in inventory.families
    ]


def _counted(counts: dict[str, int] | Any) -> str:
    return ", ".join(f"{name or '–'} {count:,}" for name, count in list(counts.items())[:3]) or "–"


def _start(text: str | None) -> str:
    if text is None:
        return "(not on record)"
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_TEXT else f"{line[: _SHOWN_TEXT - 1]}…"
