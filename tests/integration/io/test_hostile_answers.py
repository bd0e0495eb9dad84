"""No answer of the mail service or the user service holds the event loop or fills the memory, whatever it says."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
import trio

from shared.io.http_answer import MAX_BODY_BYTES
from shared.io.http_client import Answer, Failure, NoAnswer, open_http_client

PATIENCE = timedelta(seconds=10)
LOOP_SECONDS = 0.1
"""CPU time of one call and its peer. Two tries of 16,000 blanks took h11 two seconds."""
BLANKS = b" " * 16_000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LENGTH_2 = b"content-length: 2\r\n"

MALFORMED = {
    "blanks and a NUL in a field": OK + LENGTH_2 + b"x:" + BLANKS[:8_000] + b"\x00\r\n\r\n{}",
    "tabs in a field": OK + LENGTH_2 + b"x:" + b"\t" * 8_000 + b"\x00\r\n\r\n{}",
    "blanks and a NUL in the reason": b"HTTP/1.1 200 " + BLANKS[:8_000] + b"\x00\r\n" + LENGTH_2 + b"\r\n{}",
    "a head that arrives at once and is long": OK + LENGTH_2 + b"x:" + BLANKS * 3 + b"\x00\r\n\r\n{}",
    "a head without an end": OK + b"x: 1\r\n" * 30_000,
    "a line without an end": OK + b"x: " + b"a" * 300_000,
    "many fields": OK + LENGTH_2 + b"a:\r\n" * 4_000 + b"\r\n{}",
    "folded fields": OK + LENGTH_2 + b"x: 1\r\n" + b" y\r\n" * 3_000 + b"\r\n{}",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
    "no status": b"HTTP/1.1 \r\n" + LENGTH_2 + b"\r\n{}",
    "another version": b"HTTP/2.0 200 OK\r\n" + LENGTH_2 + b"\r\n{}",
    "no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
    "blanks": BLANKS * 10,
    "line breaks": b"\r\n" * 60_000,
    "NULs": bytes(300_000),
    "blanks in an extension": CHUNKED + b"2;" + BLANKS + b"\x00\r\n{}\r\n0\r\n\r\n",
    "many extensions": CHUNKED + b"2" + b";a=b" * 4_000 + b"\r\n{}\r\n0\r\n\r\n",
    "an extension without an end": CHUNKED + b"2;" + b"a" * 300_000,
    "blanks after a size": CHUNKED + b"2" + BLANKS + b"\x00\r\n{}\r\n0\r\n\r\n",
    "zeros before a size": CHUNKED + b"0" * 16_000 + b"2\r\n{}\r\n0\r\n\r\n",
    "blanks and a NUL in a trailer": CHUNKED + b"2\r\n{}\r\n0\r\nx:" + BLANKS + b"\x00\r\n\r\n",
    "many trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"a:\r\n" * 4_000 + b"\r\n",
    "trailers without an end": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 50_000,
    "a chunk that ends elsewhere": CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n",
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 12_000,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "two lengths": OK + LENGTH_2 + b"content-length: 3\r\n\r\n{}",
    "a length beside chunks": OK + LENGTH_2 + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "no number as a length": OK + b"content-length: +2\r\n\r\n{}",
    "another transfer coding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a compressed body": OK + LENGTH_2 + b"content-encoding: gzip\r\n\r\n{}",
    "a body compressed many times": OK + LENGTH_2 + b"content-encoding: " + b"br," * 3_000 + b"br\r\n\r\n{}",
}  # fmt: skip
TOO_LARGE = {
    "a long length": OK + b"content-length: 999999999999999999\r\n\r\n",
    "a long chunk": CHUNKED + b"ffffffff\r\n" + bytes(MAX_BODY_BYTES + 1),
    "many chunks": CHUNKED + b"a\r\n0123456789\r\n" * 20_000,
    "small chunks": CHUNKED + b"1\r\n \r\n" * 50_000,
    "a body until the end": OK + b"\r\n" + bytes(4 * MAX_BODY_BYTES),
}
GOOD = {
    "a length": OK + LENGTH_2 + b"\r\n{}",
    "chunks": CHUNKED + b'1;a="b"\r\n{\r\n1\r\n}\r\n0\r\nx: y\r\n\r\n',
    "the end of the connection": OK + b"\r\n{}",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}",
    "no reason": b"HTTP/1.1 200\r\n" + LENGTH_2 + b"\r\n{}",
    "a reason in UTF-8": "HTTP/1.1 200 schön\r\n".encode() + LENGTH_2 + b"\r\n{}",
    "interim answers": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 2 + OK + LENGTH_2 + b"\r\n{}",
    "identity": OK + LENGTH_2 + b"Content-Encoding: identity\r\n\r\n{}",
    "cookies": OK + LENGTH_2 + b"set-cookie: a=b\r\n" * 90 + b"\r\n{}",
}


@asynccontextmanager
async def peer_that_says(answer: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A peer that gives each connection the same bytes and closes it: its URL, and the requests that it got."""
    requests: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        requests.append(bytes(await stream.receive_some()))
        try:
            await stream.send_all(answer)
            await stream.send_eof()
        except (trio.BrokenResourceError, OSError):
            pass  # the client has heard enough

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}", requests
        nursery.cancel_scope.cancel()


async def told(answer: bytes) -> tuple[Answer | Failure, list[bytes]]:
    """The client's result of an answer, and the requests that it sent. The loop must have been free meanwhile."""
    async with peer_that_says(answer) as (url, requests), open_http_client(url) as client:
        begun = time.thread_time()
        try:
            outcome: Answer | Failure = await client.call("GET", "/", timeout=PATIENCE)
        except NoAnswer as fault:
            outcome = fault.failure
        assert time.thread_time() - begun < LOOP_SECONDS
    return outcome, requests


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_answer_is_refused_and_not_asked_for_again(name: str) -> None:
    outcome, requests = await told(MALFORMED[name])
    assert outcome == "malformed"
    assert len(requests) == 1


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_an_answer_is_refused_as_soon_as_it_is_too_large(name: str) -> None:
    outcome, requests = await told(TOO_LARGE[name])
    assert outcome == "too_large"
    assert len(requests) == 1


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_answer_is_read_whatever_its_form(name: str) -> None:
    outcome, _ = await told(GOOD[name])
    assert outcome == Answer(200, b"{}")


@pytest.mark.parametrize("cut", [OK[:9], OK + LENGTH_2 + b"\r\n{", CHUNKED + b"2\r\n{", CHUNKED + b"2\r\n{}\r\n0\r\n"])
async def test_half_an_answer_is_a_broken_connection(cut: bytes) -> None:
    outcome, requests = await told(cut)
    assert outcome == "broken"
    assert len(requests) == 2


async def test_nothing_that_an_answer_says_goes_into_the_next_request() -> None:
    async with peer_that_says(GOOD["cookies"]) as (url, requests), open_http_client(url) as client:
        for _ in range(2):
            await client.call("GET", "/", timeout=PATIENCE)
    assert b"cookie" not in requests[1].lower()
    assert b"accept-encoding: identity\r\n" in requests[1].lower()


async def test_bytes_behind_an_answer_are_no_answer_to_the_next_request() -> None:
    """The connection is left: the second request has one of its own."""
    answer = GOOD["a length"] + b"HTTP/1.1 500 OK\r\n\r\n"
    async with peer_that_says(answer) as (url, requests), open_http_client(url) as client:
        for _ in range(2):
            assert await client.call("GET", "/", timeout=PATIENCE) == Answer(200, b"{}")
    assert len(requests) == 2


async def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    async def drip(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        try:
            for byte in OK + b"x: " + b"a" * 10_000:
                await stream.send_all(bytes([byte]))
                await trio.sleep(0.002)
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, drip, 0, host="127.0.0.1"))
        async with open_http_client(f"http://127.0.0.1:{listener.socket.getsockname()[1]}") as client:
            with pytest.raises(NoAnswer) as refused:
                await client.call("GET", "/", timeout=timedelta(seconds=0.3))
        nursery.cancel_scope.cancel()
    assert refused.value.failure == "timeout"
