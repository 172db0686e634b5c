"""Content codings of answers (RFC 9110, section 8.4.1): gzip, deflate, br and zstd, undone in steps of a bounded size. Pure.

None is asked for, but some providers compress all the same. A step gives STEP_BYTES at most, and the next is taken when somebody
wants it: what a few bytes blow up to never lies in memory as a whole.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

STEP_BYTES = 256 * 1024
_MOST_MEMBERS = 1000
_ZSTD_WINDOW_LOG = 23  # 8 MB: what a sender may ask of a receiver (RFC 9659)


class BadCoding(Exception):
    """Bytes that are not in the coding that they are said to be in. `cut_short`: they were, as far as they came."""

    def __init__(self, message: str, *, cut_short: bool = False) -> None:
        super().__init__(message)
        self.cut_short = cut_short


class _Member(Protocol):
    """What zlib's and zstd's decompressors have in common: one piece that ends by itself."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Decoder:
    """Undoes one coding. Feed it when `read` gives nothing any more, and `finish` it at the end of the body."""

    def __init__(self, coding: str, step: Callable[[bytes], bytes], ended: Callable[[], bool]) -> None:
        self._coding = coding
        self._step = step
        self._ended = ended
        self._input = b""
        self._fed = self._more = False

    def feed(self, data: bytes) -> None:
        """Takes more of the body."""
        self._input, self._fed, self._more = data, True, True

    def read(self) -> bytes:
        """The next bytes, STEP_BYTES at most; none when more of the body is needed. Raises BadCoding."""
        if not self._more:
            return b""
        data, self._input = self._input, b""
        try:
            out = self._step(data)
        except (zlib.error, ZstdError, brotli.error, EOFError) as error:
            raise BadCoding(f"its body is not in {self._coding}, as its header says ({error})") from error
        self._more = bool(out)
        return out

    def finish(self) -> None:
        """Raises BadCoding for a body that ended too early; a body without any bytes is no error."""
        if self._fed and not self._ended():
            raise BadCoding(f"its {self._coding} body ended too early", cut_short=True)


def decoder_for(encoding: str) -> Decoder | None:
    """A decoder for the value of a content-encoding header; None for codings that are not known, and for several at once."""
    coding = encoding.strip().lower()
    if coding == "br":
        reader = brotli.Decompressor()
        return Decoder(coding, lambda data: reader.process(data, output_buffer_limit=STEP_BYTES), reader.is_finished)
    if coding not in _MAKE:
        return None
    members = _Members(_MAKE[coding], _BEGINS[coding])
    return Decoder(coding, members.step, members.ended)


class _Members:
    """Pieces one behind the other, as gzip and zstd allow; what begins no other piece behind the last is padding."""

    def __init__(self, make: Callable[[bytes], _Member], begins: bytes) -> None:
        self._make = make
        self._begins = begins
        self._member: _Member | None = None
        self._count = 0
        self._rest = b""
        self._full = False

    def step(self, data: bytes) -> bytes:
        rest = self._rest + data
        self._rest = b""
        while rest or self._full:
            if self._member is None or self._member.eof:
                if self._member is not None and rest[:1] not in self._begins:
                    break
                self._member = self._next(rest)
            out = self._member.decompress(rest, STEP_BYTES)
            rest = self._member.unused_data if self._member.eof else getattr(self._member, "unconsumed_tail", b"")
            self._full = bool(out) and not self._member.eof
            if out:
                self._rest = rest
                return out
        return b""

    def ended(self) -> bool:
        return self._member is not None and self._member.eof

    def _next(self, data: bytes) -> _Member:
        self._count += 1
        if self._count > _MOST_MEMBERS:
            raise EOFError(f"more than {_MOST_MEMBERS} pieces")
        return self._make(data)


def _gzip(data: bytes) -> _Member:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _deflate(data: bytes) -> _Member:
    """zlib's format, as the RFC has it, or bare, as some servers send it: no bare piece of use begins like zlib's."""
    return zlib.decompressobj(wbits=zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)


def _zstd(data: bytes) -> _Member:
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


_MAKE: Mapping[str, Callable[[bytes], _Member]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "zstd": _zstd}

_BEGINS: Mapping[str, bytes] = {"gzip": b"\x1f", "x-gzip": b"\x1f", "deflate": b"", "zstd": b"\x28"}
"""The first byte of a piece behind another; deflate has no such."""
