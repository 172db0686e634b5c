"""Compressed bodies, both ways, piece by piece: the four codings that ClickHouse clients use over HTTP.

It knows the codings' libraries and turns their errors into one. It refuses to know who sends or receives.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import lz4.frame  # type: ignore[import-untyped]

from tracing.engine.errors import ClickHouseError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Encoder(Protocol):
    """Compresses a stream: what `feed` returns can be sent on at once, `finish` returns the end."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Identity:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._head: bytes = self._frame.begin()

    def feed(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.flush())


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(level=1)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._stream.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK))

    def finish(self) -> bytes:
        return bytes(self._stream.flush(zstd.ZstdCompressor.FLUSH_FRAME))


class _Zlib:
    def __init__(self, window: int) -> None:
        self._stream = zlib.compressobj(1, zlib.DEFLATED, window)

    def feed(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush()


_ENCODERS: Final[Mapping[str, Callable[[], Encoder]]] = {
    "lz4": _Lz4,
    "zstd": _Zstd,
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_DECODERS: Final[Mapping[str, Callable[[], _Decompressor]]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": lambda: zlib.decompressobj(15),
}


def choose(accepted: str) -> str | None:
    """The first coding of an Accept-Encoding header that can be had, or None for plain bytes."""
    names = (part.partition(";")[0].strip().lower() for part in accepted.split(","))
    return next((name for name in names if name in _ENCODERS), None)


def encoder(coding: str | None) -> Encoder:
    """A compressor for one response body; None passes bytes through."""
    return _ENCODERS[coding]() if coding else _Identity()


class Decoder:
    """Decompresses one request body; its coding is what Content-Encoding names, nothing and `identity` for none."""

    def __init__(self, coding: str) -> None:
        """Raises ClickHouseError (36) for a coding that is not one of lz4, zstd, gzip, deflate."""
        self._coding = coding.strip().lower() or "identity"
        self._make = _DECODERS.get(self._coding)
        if self._make is None and self._coding != "identity":
            raise ClickHouseError(36, f"Content-Encoding '{coding}' is unknown; send {', '.join(_DECODERS)} or none")
        self._stream: _Decompressor | None = None

    def feed(self, data: bytes) -> bytes:
        """Decompress the next piece; several frames or members in a row are one body. Raises ClickHouseError (36)."""
        if self._make is None:
            return data
        pieces = []
        try:
            while data:
                if self._stream is None or self._stream.eof:
                    self._stream = self._make()
                pieces.append(self._stream.decompress(data))
                data = self._stream.unused_data or b"" if self._stream.eof else b""
        except (RuntimeError, zlib.error, zstd.ZstdError) as error:
            raise ClickHouseError(36, f"the request body is not valid {self._coding}: {error}") from error
        return b"".join(pieces)

    def finish(self) -> None:
        """Say that the body is over. Raises ClickHouseError (36) if it ended inside its compressed data."""
        if self._stream is not None and not self._stream.eof:
            raise ClickHouseError(36, f"the request body ends inside its {self._coding} data")
