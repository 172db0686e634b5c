"""Bodies in four codings, in any pieces, both ways."""

import gzip
import zlib

import lz4.frame
import pytest
from clickhouse_connect.driver.compression import get_compressor

from tracing.engine import compression
from tracing.engine.errors import ClickHouseError

CODINGS = ["lz4", "zstd", "gzip", "deflate"]
TEXT = b"".join(b"row %d\n" % number for number in range(20_000))


def decoded(coding: str, data: bytes, size: int) -> bytes:
    decoder = compression.Decoder(coding)
    pieces = [decoder.feed(data[start : start + size]) for start in range(0, len(data), size)]
    decoder.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("coding", [*CODINGS, None])
@pytest.mark.parametrize("size", [1, 777, 1 << 20])
def test_what_is_encoded_in_pieces_is_decoded_in_pieces(coding: str | None, size: int) -> None:
    text = TEXT if size > 1 else TEXT[:3000]
    encoder = compression.encoder(coding)
    encoded = (
        b"".join(encoder.feed(text[start : start + 5000]) for start in range(0, len(text), 5000)) + encoder.finish()
    )
    assert decoded(coding or "", encoded, size) == text
    assert coding is None or len(encoded) < len(text)


@pytest.mark.parametrize("coding", CODINGS)
def test_each_piece_can_be_read_before_the_next_exists(coding: str) -> None:
    encoder, decoder = compression.encoder(coding), compression.Decoder(coding)
    assert decoder.feed(encoder.feed(b"first")) == b"first"
    assert decoder.feed(encoder.feed(b"second")) == b"second"


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip"])
def test_what_the_client_compresses_is_decoded(coding: str) -> None:
    compressor = get_compressor(coding)
    body = bytes(compressor.compress_block(TEXT)) + bytes(compressor.flush() or b"")
    assert decoded(coding, body, 1000) == TEXT


def test_several_members_in_a_row_are_one_body() -> None:
    assert decoded("gzip", gzip.compress(b"a") + gzip.compress(b"b"), 7) == b"ab"
    assert decoded("lz4", lz4.frame.compress(b"a") + lz4.frame.compress(b"b"), 1000) == b"ab"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_is_cut_off_is_refused(coding: str) -> None:
    encoder = compression.encoder(coding)
    encoded = encoder.feed(TEXT) + encoder.finish()
    with pytest.raises(ClickHouseError, match="ends inside"):
        decoded(coding, encoded[:-5], 1000)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_in_another_coding_is_refused(coding: str) -> None:
    with pytest.raises(ClickHouseError, match=f"not valid {coding}"):
        decoded(coding, b"plainly not compressed at all", 1000)


def test_an_unknown_coding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClickHouseError, match="'br' is unknown; send lz4, zstd, gzip, deflate or none"):
        compression.Decoder("br")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [("lz4,zstd,br,gzip,deflate", "lz4"), ("br, GZIP;q=0.5", "gzip"), ("br", None), ("", None), ("identity", None)],
)
def test_the_first_coding_that_can_be_had_is_chosen(accepted: str, chosen: str | None) -> None:
    assert compression.choose(accepted) == chosen


def test_deflate_is_what_zlib_calls_it() -> None:
    encoder = compression.encoder("deflate")
    assert zlib.decompress(encoder.feed(b"text") + encoder.finish()) == b"text"
