"""`slugline erase`: takes a person out of the record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, print_json, settings_for

if TYPE_CHECKING:
    from slugline.erasing import Done

_ROLLUPS = {
    "derived anew": "counts by hour and day were derived anew from the calls that are left",
    "asked for": "counts by hour and day will be derived anew by the server's keeper, which has not come to it yet",
    "left": "counts by hour and day still count these calls: on a cluster they are not derived anew",
}


def erase(
    user: Annotated[str, typer.Option(help="The user, as the app named it.", show_default=False)] = "",
    session: Annotated[str, typer.Option(help="A session; with --user, only that user's.", show_default=False)] = "",
    message: Annotated[str, typer.Option("-m", "--message", help="Why; kept, so no name in it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and erase nothing.")] = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Erase a user's calls with their scores and spans, in ClickHouse and in what waits here. There is no way back."""
    from slugline.acting import local_user
    from slugline.clock import new_id
    from slugline.erasing import erase_person
    from slugline.settings import SettingsError

    if os.environ.get("SLUGLINE_URL", "").strip() and data is None and config is None:
        raise SettingsError(
            "erase works on the machine that has the data folder, not through SLUGLINE_URL: say which folder with --data or --config"
        )
    if not user and not session:
        raise SettingsError("say whose records are to go: --user ID, --session ID, or both for one session of a user")
    done = asyncio.run(
        erase_person(
            settings_for(data, config),
            os.environ,
            user=user,
            session=session,
            actor=local_user(),
            reason=message,
            erasure_id=new_id(),
            dry_run=dry_run,
        )
    )
    if json:
        said = {
            "rows": done.erased.rows,
            "lines": done.lines,
            "registry": asdict(done.registry),
            "rollups": done.rollups,
        }
        print_json({"erasure_id": None if dry_run else done.erasure_id, "dry_run": dry_run, **said})
        return
    print("\n".join(_in_words(done, dry_run=dry_run)))


def _in_words(done: Done, *, dry_run: bool) -> list[str]:
    def told(counts: Mapping[str, int], what: str, none: str) -> str:
        return ", ".join(f"{count:,} {what} {name}" for name, count in counts.items() if count) or none

    lines = [
        f"{'would erase' if dry_run else 'erased'} in ClickHouse: {told(done.erased.rows, 'of', 'no rows')}",
        f"{'would erase' if dry_run else 'erased'} in files: {told(done.lines, 'lines of', 'no lines')}",
        f"{'would erase' if dry_run else 'erased'} in the registry: the content of {done.registry.cases:,} cases of datasets, and "
        f"{done.registry.results:,} results of evaluations",
    ]
    if not dry_run:
        lines += [_ROLLUPS[done.rollups]] if done.rollups in _ROLLUPS else []
        lines.append(f"noted as {done.erasure_id} in the table erasures, without the person's name")
    return lines
