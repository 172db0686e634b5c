"""`slugline calls export` and `import`: the record as a file, and history from elsewhere into the record."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from slugline.commands.filters import read_filters
from slugline.commands.options import Config, Data, Json, Server

if TYPE_CHECKING:
    pass

Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="The file; one that ends in .gz is compressed.", show_default=False),
]
Files = Annotated[
    list[Path],
    typer.Argument(help="Files of JSON lines, JSON or CSV, plain or gzip; - is standard input.", show_default=False),
]
From = Annotated[
    Literal["auto", "slugline", "langfuse", "litellm"],
    typer.Option("--from", help="Whose export it is (default: told by the names in each record)."),
]
RejectedTo = Annotated[
    Path | None,
    typer.Option("--rejected", help="Where bad lines go (default: FILE.rejected.jsonl).", show_default=False),
]

AsIs = Annotated[
    bool, typer.Option("--as-is", help="Keep every value, past what [record] redacts and leaves out. Owners only.")
]


def export(
    filters: Mapping[str, Any],
    output: Output = None,
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="JSON lines, or CSV.")] = "jsonl",
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all calls that fit, with their bodies, in the form that import reads."""
    from slugline.call_records import open_calls

    asked = read_filters(filters)

    async def run() -> int:
        async with open_calls(data, config, server) as records:
            return await write(records.export(asked, form), output)

    size = asyncio.run(run())
    if output is not None:
        print(f"wrote {output} ({size:,} bytes before compression)" if output.suffix == ".gz" else f"wrote {output}")


def import_(
    files: Files,
    origin: From = "auto",
    rejected: RejectedTo = None,
    as_is: AsIs = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load calls from files, with their own times: Slugline's format, Langfuse's exports, LiteLLM's spend logs.

    Running it twice doubles nothing. Lines that can't be taken are set aside with the reason.
    """
    from slugline.importing_records import run_import

    run_import("calls", files, origin, rejected, data=data, config=config, as_json=json, as_is=as_is)


async def write(pieces: AsyncIterator[bytes], output: Path | None) -> int:
    """Writes pieces to a file, whole or not at all, or to standard output; gives how many bytes."""
    size = 0
    with _opened(output) as file:
        async for piece in pieces:
            size += len(piece)
            file.write(piece)
    return size


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    from slugline.settings import SettingsError

    if output is None:
        if (binary := getattr(sys.stdout, "buffer", None)) is not None:
            yield binary
            binary.flush()
        else:
            yield _AsText()  # type: ignore[misc]
        return
    draft = output.with_name(f".{output.name}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            if output.suffix == ".gz":
                with gzip.GzipFile(output.name.removesuffix(".gz"), "wb", 6, raw, mtime=0) as zipped:
                    yield zipped  # type: ignore[misc]
            else:
                yield raw
        draft.replace(output)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        raise SettingsError(f"{output} can't be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


class _AsText:
    """Standard output where it takes text alone."""

    def write(self, piece: bytes) -> int:
        return sys.stdout.write(piece.decode("utf-8", "replace"))
