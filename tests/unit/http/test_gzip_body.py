"""A gzip body is one whole member, and is never unpacked beyond its limit."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.gzip_body import BadGzip, UnpackedTooLarge, unpack_gzip

PACKED = gzip.compress(b"{}" * 100, mtime=0)


@given(body=st.binary(max_size=2000))
def test_a_body_comes_out_as_it_was_packed(body: bytes) -> None:
    assert unpack_gzip(gzip.compress(body), len(body)) == body


@pytest.mark.parametrize("size", [1, 65_536, 100_000])
def test_the_limit_holds_for_the_unpacked_bytes(size: int) -> None:
    assert len(unpack_gzip(gzip.compress(bytes(size)), size)) == size
    with pytest.raises(UnpackedTooLarge):
        unpack_gzip(gzip.compress(bytes(size + 1)), size)


def test_a_bomb_is_not_unpacked_beyond_its_limit() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 9)
    tracemalloc.start()
    try:
        with pytest.raises(UnpackedTooLarge):
            unpack_gzip(bomb, 1024 * 1024)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        PACKED[:-1],
        PACKED[:-8],
        PACKED[:5],
        PACKED + b"\x00",
        PACKED + b"{}",
        PACKED + PACKED,
        PACKED[:-5] + b"\xff" + PACKED[-4:],  # the checksum is wrong
        PACKED[:-1] + b"\xff",  # the length is wrong
        PACKED[:12] + b"\xff" * 20,
        zlib.compress(b"{}"),
    ],
)
def test_bytes_that_are_not_one_whole_member_are_refused(data: bytes) -> None:
    with pytest.raises(BadGzip):
        unpack_gzip(data, 1000)
