"""hiredis sees no array of a million items, no answer over 32 MiB, and no line again for each of its pieces."""

import time
from contextlib import suppress

import hiredis
import pytest

from contracts.reply_bounds import MAX_ANSWER_BYTES, ReplyBounds, Unbounded

HEADS = [b"*9999999\r\n", b"%1000000\r\n", b"~2147483647\r\n", b">00000009\r\n", b"|9999999\r\n", b"*2\r\n*9999999\r\n"]


def parsed(pieces: list[bytes]) -> list[object]:
    """The answers within these pieces, as a connection reads them."""
    bounds, reader, answers = ReplyBounds(), hiredis.Reader(notEnoughData=...), list[object]()
    for piece in pieces:
        reader.feed(bounds.admit(piece))
        while (answer := reader.gets()) is not ...:
            bounds.note_answer()
            answers.append(answer)
    return answers


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("head", HEADS)
def test_a_large_array_is_refused_however_it_is_cut(head: bytes, size: int) -> None:
    with pytest.raises(Unbounded):
        parsed(cut(b":1\r\n" + head, size))


@pytest.mark.parametrize("text", [b"user~20261128", b"1*2147483647", b"a%12345678"])
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_value_may_contain_what_looks_like_a_head(text: bytes, size: int) -> None:
    answer = b"*2\r\n$%d\r\n%b\r\n+%b\r\n" % (len(text), text, text)
    assert parsed(cut(answer * 3, size)) == [[text, text]] * 3


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 1000])
def test_every_answer_comes_whatever_the_pieces(size: int) -> None:
    data = b"+OK\r\n$-1\r\n:7\r\n$4\r\n\r\n\r\n\r\n*2\r\n$0\r\n\r\n*1\r\n$3\r\na\rb\r\n+\r\n$2\r\n\n\r\r\n"
    assert parsed(cut(data, size)) == [b"OK", None, 7, b"\r\n\r\n", [b"", [b"a\rb"]], b"", b"\n\r"]


def test_an_answer_without_an_end_is_refused() -> None:
    with pytest.raises(Unbounded):
        parsed([b"$536870912\r\n"] + [bytes(65536)] * (MAX_ANSWER_BYTES // 65536 + 1))


def test_many_answers_are_no_large_one() -> None:
    value = b"$65536\r\n" + bytes(65536) + b"\r\n"
    assert len(parsed([value] * (MAX_ANSWER_BYTES // 65536 + 10))) == MAX_ANSWER_BYTES // 65536 + 10


@pytest.mark.parametrize("pump", [b"\r", b"a", b"\x00"])
def test_a_line_that_drips_takes_linear_time(pump: bytes) -> None:
    def seconds(count: int) -> float:
        begun = time.thread_time()
        with suppress(hiredis.ProtocolError):
            assert parsed([b"+"] + [pump * 500] * count + [b"\r\n"]) == [pump * 500 * count]
        return time.thread_time() - begun

    assert min(seconds(2_000) for _ in range(3)) < 10 * min(seconds(500) for _ in range(3)) + 0.02
