"""An answer that an app began and could not finish: nothing of it was sent, so the client gets the error whole."""

from shared.http.request_body import Framing
from shared.http.request_head import Head, parse_head
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.web.server.http_exchange import Answer


class Written:
    """The connection's half: what was written to it."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    async def read_body(self, framing: Framing) -> bytes | None:
        return None if framing.is_whole else b""

    def take_body(self, head: Head) -> bytes | None:
        return None if head.length else b""

    async def write(self, data: bytes) -> None:
        self.data.append(data)


async def test_an_app_that_fails_within_its_answer_is_answered_by_the_envelope() -> None:
    wire = Written()
    answer = Answer(wire, parse_head(b"GET / HTTP/1.1\r\nHost: x"), SystemClock(), SystemEntropy())
    await answer.send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await answer.send({"type": "http.response.body", "body": b"{", "more_body": True})
    await answer.give_up(RuntimeError())
    [sent] = wire.data
    assert sent.startswith(b"HTTP/1.1 500 ")
    assert sent.count(b"content-length") == 1
    assert b'"code":"internal_error"' in sent
    assert answer.must_close


async def test_an_app_that_fails_after_its_answer_adds_nothing_to_it() -> None:
    wire = Written()
    answer = Answer(wire, parse_head(b"GET / HTTP/1.1\r\nHost: x"), SystemClock(), SystemEntropy())
    await answer.send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await answer.send({"type": "http.response.body", "body": b"{}", "more_body": False})
    await answer.give_up(RuntimeError())
    assert len(wire.data) == 1
    assert wire.data[0].startswith(b"HTTP/1.1 200 ")
    assert answer.must_close
