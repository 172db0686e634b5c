"""`slugline dataset`: golden inputs with their checks, here or behind a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slugline.commands.options import (
    Because,
    Config,
    Data,
    Json,
    Once,
    Server,
    Why,
    access_for,
    print_json,
    print_model,
    print_rows,
)

if TYPE_CHECKING:
    from registry.cases import Case
    from registry.datasets import DatasetAbout, DatasetSaved
    from registry.importing.cases.reading import CaseReading

Name = Annotated[str, typer.Argument(help="The dataset's name, such as support-golden.", show_default=False)]


def build() -> typer.Typer:
    """The group `slugline dataset`."""
    group = typer.Typer(help="Golden inputs with their checks.", no_args_is_help=True)
    for command in (save, list_, show, diff, add, remove, archive, restore):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def save(
    name: Name,
    files: Annotated[
        list[str],
        typer.Argument(
            help="YAML, JSON, JSON lines, CSV, or promptfoo's tests; - reads YAML from standard input.",
            show_default=False,
        ),
    ],
    message: Because = "",
    if_match: Annotated[
        int | None,
        typer.Option("--if-match", min=0, help="Save only if it is still at this revision; 0: if it is new."),
    ] = None,
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Save all cases of the files as the next version; with the same content there is none."""
    import sys

    reading = _read(files)
    with access_for(data, config, server) as access:
        saved = access.datasets.save(
            name,
            reading.cases,
            checks=reading.checks,
            message=message,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )
    for note in reading.notes:
        print(f"note: {note}", file=sys.stderr)
    _print_saved(saved, json)


def list_(
    archived: Annotated[bool, typer.Option("--archived", help="Archived datasets as well.")] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List datasets."""
    from slugline.commands.words import moment

    with access_for(data, config, server) as access:
        found = [about for about in access.datasets.all_datasets() if archived or about.archived_at is None]
    if json:
        print_json([asdict(about) for about in found])
        return
    print_rows(
        ("dataset", "latest", "cases", "gates", "created (UTC)", "by"),
        [
            (
                f"{about.name} (archived)" if about.archived_at else about.name,
                str(about.latest),
                str(about.size),
                "yes" if about.gates else "",
                moment(about.created_at),
                about.created_by,
            )
            for about in found
        ],
    )


def show(
    reference: Annotated[str, typer.Argument(help="name or name@number.", show_default=False)],
    form: Annotated[
        Literal["table", "yaml", "json", "jsonl"], typer.Option("--format", help="A table, or a file to save again.")
    ] = "table",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show a version's cases."""
    from registry.files.case_file import write_cases

    with access_for(data, config, server) as access:
        found = access.datasets.read(reference)
    if json:
        from registry.http.dataset_schemas import DatasetVersionOut

        print_model(DatasetVersionOut.of(found))
    elif form != "table":
        print(write_cases(found.cases, found.checks, form=form, dataset=found.name), end="")
    else:
        checks = f"; every case: {', '.join(check.type for check in found.checks)}" if found.checks else ""
        print(f"{found.reference}: {_count(len(found.cases))}{checks}")
        print_rows(
            ("case", "what", "must pass", "checks", "tags"),
            [_row(case) for case in found.cases],
        )


def diff(
    name: Name,
    old: Annotated[int, typer.Argument(min=1, help="A version's number.", show_default=False)],
    new: Annotated[int | None, typer.Argument(min=1, help="Another's (default: the newest).")] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show which cases came, went or are told otherwise between two versions."""
    from registry.datasets import case_name
    from registry.http.dataset_schemas import DatasetDiffOut

    with access_for(data, config, server) as access:
        found = access.datasets.diff(name, old, new)
    if json:
        print_model(DatasetDiffOut.of(found))
        return
    print(f"{found.old} → {found.new}: {'; '.join(found.sentences) or 'nothing differs'}")
    for sign, cases in (("+", found.added), ("-", found.removed)):
        for case in cases:
            print(f"{sign} {case.case_id}  {case_name(case)}")
    for change in found.changed:
        print(f"~ {change.new.case_id}  {case_name(change.new)}: {'; '.join(change.sentences)}")


def add(
    name: Name,
    call: Annotated[str, typer.Option(help="A recorded call's id: its inputs become the case.", show_default=False)],
    note: Annotated[str, typer.Option(help="Why it belongs there: the complaint, say.")] = "",
    expected: Annotated[str | None, typer.Option(help="What the answer should have been.", show_default=False)] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(help="A check, such as 'icontains: refund', more than once.", show_default=False),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag, more than once.", show_default=False)] = None,
    must_pass: Annotated[bool, typer.Option("--must-pass", help="Failing it fails the whole evaluation.")] = False,
    message: Why = "",
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Add a recorded call as a case, in a new version."""
    from registry.importing.cases.expected import check_of
    from registry.importing.cases.from_call import case_of_call

    checks = [check_of(each, "--check") for each in check or ()]
    found = _call(call, data, config, server)
    with access_for(data, config, server) as access:
        version = access.resolve(f"{found['prompt']}@{found['version']}") if found.get("prompt") else None
        case = case_of_call(
            found,
            None if version is None else version.content,
            expected=expected,
            note=note,
            tags=tag or (),
            must_pass=must_pass,
            checks=checks,
        )
        saved = access.datasets.add(name, case, message=message, idempotency_key=idempotency_key)
    _print_saved(saved, json)


def remove(
    name: Name,
    case_id: Annotated[str, typer.Argument(help="The case's id, or its beginning.", show_default=False)],
    message: Why = "",
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Remove a case, as a new version; earlier versions keep it."""
    with access_for(data, config, server) as access:
        saved = access.datasets.remove(name, case_id, message=message, idempotency_key=idempotency_key)
    _print_saved(saved, json)


def archive(
    name: Name, message: Why = "", json: Json = False, server: Server = None, data: Data = None, config: Config = None
) -> None:
    """Take a dataset out of use: nothing about it can change until it is restored."""
    with access_for(data, config, server) as access:
        found = access.datasets.archive(name, reason=message)
    _print_about(found, f"archived; `slugline dataset restore {name}` takes it into use again", json)


def restore(
    name: Name, message: Why = "", json: Json = False, server: Server = None, data: Data = None, config: Config = None
) -> None:
    """Take an archived dataset into use again."""
    with access_for(data, config, server) as access:
        found = access.datasets.restore(name, reason=message)
    _print_about(found, "in use", json)


def _read(files: Sequence[str]) -> CaseReading:
    from registry.errors import PromptInvalidError
    from registry.importing.cases.files import read_cases
    from registry.importing.cases.reading import joined
    from slugline.importing import files_for, text_of

    readings = []
    for file in files:

        def find(path: str, file: str = file) -> Sequence[tuple[str, str]]:
            return files_for(file, [path]).get(path, ())

        try:
            readings.append(read_cases(text_of(file), file, find))
        except PromptInvalidError as error:
            place = "standard input" if file == "-" else file
            raise PromptInvalidError(f"{place}: {error.message}", param="file") from error
    return joined(readings)


def _call(call_id: str, data: Path | None, config: Path | None, server: str | None) -> Mapping[str, Any]:
    from slugline.call_records import open_calls

    async def ask() -> dict[str, Any]:
        async with open_calls(data, config, server) as records:
            return await records.call(call_id)

    return asyncio.run(ask())


def _row(case: Case) -> tuple[str, str, str, str, str]:
    from registry.datasets import case_name

    checks = ", ".join(check.type for check in case.checks)
    return case.case_id, case_name(case), "yes" if case.must_pass else "", checks, ", ".join(case.tags)


def _count(cases: int) -> str:
    return "1 case" if cases == 1 else f"{cases:,} cases"


def _print_saved(saved: DatasetSaved, as_json: bool) -> None:
    if as_json:
        from registry.http.dataset_schemas import DatasetSavedOut

        print_model(DatasetSavedOut.of_saved(saved))
        return
    found = saved.dataset
    twice = f" ({_count(saved.folded)} there twice: folded into one)" if saved.folded else ""
    if saved.created:
        print(f"saved {found.reference} with {_count(len(found.cases))}{twice}")
    else:
        print(f"unchanged: {found.name} has this as version {found.number} already{twice}")


def _print_about(found: DatasetAbout, said: str, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
    else:
        print(f"{found.name}: {said}")
