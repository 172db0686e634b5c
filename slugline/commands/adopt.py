"""`slugline adopt`: makes a prompt of what `slugline scan` found."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, open_registry, print_json, settings_for

if TYPE_CHECKING:
    from registry.adopting import Adopted
    from slugline.settings import Settings


def adopt(
    slug: Annotated[str, typer.Option(help="The new prompt's slug.", show_default=False)],
    place: Annotated[str | None, typer.Argument(help="FILE:LINE of a finding.", show_default=False)] = None,
    fingerprint: Annotated[str, typer.Option(help="Calls with this system prompt, and their family.")] = "",
    days: Annotated[int, typer.Option(min=1, max=3650, help="With --fingerprint: how far back.")] = 30,
    purpose: Annotated[str, typer.Option(help="With --fingerprint: the calls' purpose, or all.")] = "production",
    examples: Annotated[
        bool, typer.Option("--examples", help="Keep a few values of calls as examples; they may be personal data.")
    ] = False,
    message: Annotated[str, typer.Option("-m", "--message", help="Why; it stands in the history.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the prompt as a .prompty file, and save nothing.")
    ] = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a prompt of a hardcoded one: of a text in a file, or of calls that name no prompt."""
    from slugline.settings import SettingsError

    if (place is None) == (not fingerprint):
        raise SettingsError("say what to adopt: FILE:LINE, or --fingerprint HASH of `slugline scan --calls`")
    settings = settings_for(data, config)
    if place is not None:
        adopted, source = _from_file(place)
    else:
        found = _from_calls(settings, fingerprint, days, None if purpose == "all" else purpose, examples=examples)
        adopted, source = asyncio.run(found)
    for note in adopted.notes:
        print(f"note: {note}", file=sys.stderr)
    if dry_run:
        print(_as_file(slug, adopted), end="")
    else:
        said = message or f"adopted from {source['adopted_from']}"
        _save(settings, slug, adopted, source, message=said, as_json=json)


def _save(
    settings: Settings, slug: str, adopted: Adopted, source: dict[str, Any], *, message: str, as_json: bool
) -> None:
    registry = open_registry(settings)
    saved = registry.store.save(slug, adopted.content, message=message, by=registry.by, source=source, if_match=0)
    version = saved.version
    if as_json:
        print_json({"slug": slug, "version": version.number, "version_id": version.version_id, "notes": adopted.notes})
        return
    print(f"saved {slug} as version {version.number}; latest points to it")
    print(f'put it live with: slugline prompt promote {slug} -m "…"')


def _as_file(slug: str, adopted: Adopted) -> str:
    from registry.files.prompt_file import to_prompty
    from registry.reference import check_slug
    from registry.templates.template import compile_content
    from registry.values import Version
    from slugline.clock import now

    compile_content(adopted.content)
    version = Version(
        slug=check_slug(slug),
        number=1,
        version_id="",
        content=adopted.content,
        content_hash="",
        message="",
        author="",
        created_at=now(),
        revision=0,
    )
    return to_prompty(version)


def _from_file(place: str) -> tuple[Adopted, dict[str, Any]]:
    from registry.adopting import adopt_finding
    from registry.scanning import git
    from registry.scanning.files import scan
    from slugline.settings import SettingsError

    name, _, number = place.rpartition(":")
    if not name or not number.isdigit():
        raise SettingsError(f"{place!r} names no line: write FILE:LINE, as `slugline scan` prints it")
    line = int(number)
    try:
        found = scan(Path(name))
    except KeyError:
        raise SettingsError(f"{name}: adopt reads Python, JavaScript, TypeScript and YAML") from None
    except OSError as error:
        raise SettingsError(f"{name} can't be read: {error.strerror}") from error
    if found.unreadable:
        raise SettingsError(f"{name} doesn't parse")
    here = [finding for finding in found.findings if finding.line <= line <= finding.end_line]
    if not here:
        lines = ", ".join(str(finding.line) for finding in found.findings)
        raise SettingsError(
            f"no prompt was found in line {line} of {name}" + (f"; there are some in lines {lines}" if lines else "")
        )
    best = min(
        here, key=lambda finding: (finding.line != line, finding.role != "system", finding.end_line - finding.line)
    )
    commit = git.head(Path(name).absolute().parent)
    return adopt_finding(best), {"adopted_from": f"{name}:{best.line}", **({"commit": commit} if commit else {})}


async def _from_calls(settings: Settings, fingerprint: str, days: int, purpose: str | None, *, examples: bool) -> Any:
    from evaluation.inventory import settings_of, unmanaged_calls
    from registry.adopting import adopt_calls
    from registry.families.proposal import propose
    from slugline.clock import now
    from slugline.records import open_records
    from slugline.settings import SettingsError

    async with open_records(settings) as records:
        inventory = await unmanaged_calls(records, days=days, now=now(), purpose=purpose)
        family = inventory.family_of(fingerprint)
        if family is None:
            raise SettingsError(
                f"no call of the last {days} days without a prompt has the fingerprint {fingerprint} (see `slugline scan --calls`)"
            )
        members = [member for member in family.members if member.text is not None]
        if not members:
            raise SettingsError(
                f"the calls with the fingerprint {fingerprint} have no text on record: they were recorded without their bodies"
            )
        used = await settings_of(records, family, inventory)
    texts, calls = [member.text or "" for member in members], [member.calls for member in members]
    adopted = adopt_calls(propose(texts, calls, examples=examples), **used)
    told = f"{family.calls} calls with {len(texts)} system prompt{'' if len(texts) == 1 else 's'}"
    return adopted, {"adopted_from": told, "fingerprint": fingerprint}
