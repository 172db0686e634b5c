"""What `slugline calls` and `slugline scores` share in moving files: their options, and a file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

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
Form = Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="JSON lines, or CSV.")]


async def write(pieces: AsyncIterator[bytes], output: Path | None) -> None:
    """Writes pieces to a file, whole or not at all, and says so; or to standard output."""
    size = 0
    with _opened(output) as file:
        async for piece in pieces:
            size += len(piece)
            file.write(piece)
    if output is not None:
        print(f"wrote {output} ({size:,} bytes before compression)" if output.suffix == ".gz" else f"wrote {output}")


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
