"""No reply of a mail server holds the event loop, fills the memory or is raised, at whatever step it comes."""

import time
from datetime import timedelta
from functools import partial

import pytest
import trio

from shared.io.smtp import Accepted, Envelope, NotAccepted, SmtpServer, open_smtp

TIMEOUT = timedelta(seconds=10)
LOOP_SECONDS = 0.3
"""CPU time of one letter and its server. Without our bound, 6,000 short lines, one a packet, take seconds."""
STEPS = ("greeting", "EHLO", "AUTH", "secret", "MAIL", "RCPT", "DATA", "content")
GOOD = [
    b"220 ready\r\n", b"250-hello\r\n250 AUTH LOGIN CRAM-MD5\r\n", b"334 PDEyMz4=\r\n", b"235 in\r\n",
    b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n",
]  # fmt: skip
HOSTILE = {
    "short lines without an end": [b"250-\r\n"] * 6_000,
    "shorter lines without an end": [b"250-\n"] * 6_000,
    "many short lines and an end": [b"250-\r\n"] * 5_000 + [b"250 x\r\n"],
    "long lines without an end": [b"250-" + b"a" * 500 + b"\r\n"] * 2_000,
    "a line without an end": [b"250 " + b"a" * 300] * 2_000,
    "bytes without an end": [b"2"] * 5_000,
    "blanks": [b"250 " + b" \t" * 8_000 + b"\x00\r\n"],
    "carriage returns": [b"250 " + b"\r" * 30_000 + b"x\r\n"],
    "NULs": [bytes(1_000)] * 300,
    "no code": [b"\r\n"] * 6_000,
    "mechanisms without number": [b"250-hello\r\n250 AUTH" + b" LOGIN" * 1_300 + b"\r\n"],
    "an old AUTH line": [b"250-hello\r\n250 AUTH=" + b"=" * 8_000 + b"\r\n"],
    "a challenge that is no Base64": [b"334 " + b"=" * 8_000 + b"\r\n"],
    "a challenge that is not ASCII": [b"334 " + b"\xff\xfe" * 4_000 + b"\r\n"],
    "digits that are none": [b"\xb2\xb2\xb2 ok\r\n"],
    "a number that Python would take": [b"+25 ok\r\n"],
}


async def sent(answers: list[list[bytes]]) -> Accepted | NotAccepted:
    """The result of one letter to a server that says these things and hangs up. The loop must stay free."""

    async def serve(stream: trio.SocketStream) -> None:
        try:
            for pieces in answers:
                for piece in pieces:
                    await stream.send_all(piece)
                with trio.move_on_after(0.1):
                    await stream.receive_some()
        except (trio.BrokenResourceError, OSError):
            pass  # the client has heard enough

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        server = SmtpServer("127.0.0.1", listener.socket.getsockname()[1], "off", "mailer", "password")
        async with open_smtp(server, local_name="a.example.com") as smtp:
            begun = time.thread_time()
            letter = Envelope("login@example.com", "pilot@example.com", b"Subject: 1\r\n\r\n1\r\n")
            outcome = await smtp.send(letter, TIMEOUT)
            assert time.thread_time() - begun < LOOP_SECONDS
        nursery.cancel_scope.cancel()
    return outcome


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("step", STEPS)
async def test_a_hostile_reply_loses_no_letter_and_no_time(asyncio_loop: None, step: str, name: str) -> None:
    answers = [[good] for good in GOOD]
    answers[STEPS.index(step) :] = [HOSTILE[name]]
    outcome = await sent(answers)
    assert not isinstance(outcome, NotAccepted) or not outcome.permanent
    assert isinstance(outcome, NotAccepted) or (step == "content" and "AUTH" in HOSTILE[name][0].decode("latin-1"))


async def test_a_long_greeting_and_ninety_extensions_are_no_attack(asyncio_loop: None) -> None:
    answers = [[good] for good in GOOD]
    answers[0] = [b"220-" + b"a legal notice" * 20 + b"\r\n"] * 20 + [b"220 ready\r\n"]
    answers[1] = [b"250-X%d\r\n" % number for number in range(90)] + [b"250 AUTH LOGIN\r\n"]
    assert await sent(answers) == Accepted()
