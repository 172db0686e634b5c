"""Content codings undone step by step: any cut of the input gives the same bytes, and nothing blows up in one piece."""

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.decoding import STEP_BYTES, BadCoding, Decoder, decoder_for

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def bare(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip in capitals": (" GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}


def made(coding: str) -> Decoder:
    decoder = decoder_for(coding)
    assert decoder is not None
    return decoder


def decoded(coding: str, *parts: bytes) -> bytes:
    decoder = made(coding)
    out = []
    for part in parts:
        decoder.feed(part)
        while step := decoder.read():
            assert len(step) <= 2 * STEP_BYTES  # brotli gives what it has at hand, a little more than asked for
            out.append(step)
    decoder.finish()
    return b"".join(out)


@pytest.mark.parametrize("name", CODINGS)
@given(data=st.binary(max_size=2000), cut=st.integers(1, 50))
def test_any_cut_of_the_input_gives_the_same(name: str, data: bytes, cut: int) -> None:
    coding, encode = CODINGS[name]
    body = encode(data)
    assert decoded(coding, *(body[at : at + cut] for at in range(0, len(body), cut))) == data


@pytest.mark.parametrize("name", CODINGS)
def test_what_blows_up_comes_in_steps(name: str) -> None:
    coding, encode = CODINGS[name]
    assert decoded(coding, encode(bytes(20_000_000))) == bytes(20_000_000)


@pytest.mark.parametrize("name", CODINGS)
def test_a_body_that_ends_too_early_or_is_something_else(name: str) -> None:
    coding, encode = CODINGS[name]
    body = encode(b"hello hello hello, it is me")
    with pytest.raises(BadCoding, match="ended too early") as cut:
        decoded(coding, body[:-2])
    assert cut.value.cut_short
    with pytest.raises(BadCoding, match="is not in .* as its header says"):
        decoded(coding, b'\xff{"id": "plain"}')


def flushing(name: str) -> Callable[[bytes], bytes]:
    """Encodes piece by piece, each so that it can be read at once."""
    if name == "brotli":
        first = brotli.Compressor()
        return lambda data: bytes(first.process(data) + first.flush())
    if name == "zstd":
        second = zstd.ZstdCompressor()
        return lambda data: second.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)
    third = zlib.compressobj(wbits={"deflate": 15, "bare deflate": -15}.get(name, 31))
    return lambda data: third.compress(data) + third.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("name", CODINGS)
def test_a_stream_gives_each_piece_at_once(name: str) -> None:
    encode, decoder = flushing(name), made(CODINGS[name][0])
    for piece in (b"data: 1\n\n", b"data: 2\n\n"):
        decoder.feed(encode(piece))
        assert decoder.read() == piece
        assert decoder.read() == b""


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_several_pieces_one_behind_the_other(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decoded(coding, encode(b"a") + encode(b"") + encode(b"b" * 1_000_000) + b"\0\0") == b"a" + b"b" * 1_000_000
    with pytest.raises(BadCoding, match="more than 1000 pieces"):
        decoded(coding, encode(b"") * 1001)


def test_an_empty_body_is_in_every_coding() -> None:
    for coding, _ in CODINGS.values():
        assert decoded(coding) == b""


def test_a_zstd_window_larger_than_a_receiver_must_have() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    made = zstd.ZstdCompressor(options=options)
    body = made.compress(bytes(1000)) + made.flush()
    with pytest.raises(BadCoding):
        decoded("zstd", body)


@pytest.mark.parametrize("coding", ["", "identity", "compress", "gzip, br", "aws-chunked"])
def test_what_is_not_known_is_left_alone(coding: str) -> None:
    assert decoder_for(coding) is None
