"""The load generator's HTTP: whole answers, however they are cut and framed."""

import asyncio

import pytest

from bench.clients import Answer, HttpClient

BY_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Id: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n"


def _answers(*pieces: bytes, requests: int = 1) -> list[Answer]:
    """The client's result of a server that writes these pieces, one write each, to every request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if b"close" in pieces[0]:
                break
        writer.close()
        ended.set()

    ended = asyncio.Event()

    async def ask() -> list[Answer]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client = HttpClient(*server.sockets[0].getsockname())
            try:
                return [await client.exchange("/", {"a": "b"}) for _ in range(requests)]
            finally:
                client.close()
                await asyncio.wait_for(ended.wait(), 5)
                await asyncio.sleep(0.01)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "pieces",
    [
        (BY_LENGTH + b'{"a":1}',),
        (BY_LENGTH[:9], BY_LENGTH[9:], b'{"a"', b":1}"),
    ],
)
def test_an_answer_with_a_length_is_whole_however_it_is_cut(pieces: tuple[bytes, ...]) -> None:
    [answer] = _answers(*pieces)
    assert (answer.status, answer.json, answer.value("x-ID")) == (200, {"a": 1}, "5")


def test_chunks_are_joined() -> None:
    [answer] = _answers(CHUNKED, b'3\r\n{"a\r\n', b'4\r\n":1}\r\n', b"0\r\n\r\n")
    assert (answer.status, answer.json) == (401, {"a": 1})


def test_a_connection_that_the_server_closes_is_opened_again() -> None:
    answers = _answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", requests=3)
    assert [answer.status for answer in answers] == [200] * 3


def test_an_answer_that_ends_early_is_a_fault() -> None:
    with pytest.raises(ConnectionError):
        _answers(b"HTTP/1.1 200 OK\r\nX-Note: close\r\nContent-Length: 9\r\n\r\n{}")
