"""`slugline prompt diff`, and how commands read a prompt from a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Server, access_for, print_model

if TYPE_CHECKING:
    from registry.values import Content


def diff(
    old: Annotated[str, typer.Argument(help="slug, slug@channel or slug@number.", show_default=False)],
    new: Annotated[
        str | None,
        typer.Argument(
            help="Another reference (default: @latest); a number or @channel alone is of the same prompt.",
            show_default=False,
        ),
    ] = None,
    third: Annotated[
        str | None, typer.Argument(help="After a slug and a number or channel: the other one.", show_default=False)
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="Compare with a file instead; - reads standard input.", show_default=False)
    ] = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what changed between two versions, or a version and a file, in words."""
    from registry.diffs.compare import as_text
    from registry.diffs.compare import diff as compare
    from slugline.settings import SettingsError

    if file is not None and new is not None:
        raise SettingsError(f"compare {old} with another reference or with a file, not with both")
    content = None if file is None else read_content(file)
    with access_for(data, config, server) as access:
        if content is not None:
            found = replace(access.compare(old, content), new=_name(file or "-"))
        else:
            before, after = _references(old, new or "@latest", third)
            found = compare(access.resolve(before), access.resolve(after))
    if json:
        from registry.http.schemas import DiffOut

        print_model(DiffOut.of(found))
    else:
        print(as_text(found), end="")


def _references(old: str, new: str, third: str | None) -> tuple[str, str]:
    """What is compared: `a@1 a@2`, `a@1 @2`, `a 2`, or `a 1 2`."""
    slug = old.partition("@")[0]

    def of_same(reference: str) -> str:
        return f"{slug}@{reference.removeprefix('@')}"

    if third is not None:
        return of_same(new), of_same(third)
    return old, of_same(new) if new.startswith("@") or new.isdecimal() else new


def read_content(file: str) -> Content:
    """What a file says; - is standard input. Raises SettingsError where it can't be read, PromptInvalidError by what it says."""
    from registry.files.prompt_file import read_prompt_file

    return read_prompt_file(*_read(file)).content


def _read(file: str) -> tuple[str, str]:
    from slugline.settings import SettingsError

    try:
        if file == "-":
            text = sys.stdin.read()
            return text, "prompt.prompty" if text.startswith("---") else "prompt.txt"
        return Path(file).read_text("utf-8"), Path(file).name
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_name(file)} is not UTF-8 text") from error


def _name(file: str) -> str:
    return "standard input" if file == "-" else file
