"""SMTP to a real server: encryption, logging in, connections that are kept, and each way in which a server says no."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import trio

from shared.io.smtp import PAUSE, Accepted, Envelope, NotAccepted, Smtp, SmtpServer, mailbox, open_smtp
from tests.integration.io.tls import Certificate, create_certificate
from tests.support.mail_peer import Fault
from tests.support.smtp_peer import PASSWORD, USERNAME, SmtpPeer, Tls, smtp_peer

TIMEOUT = timedelta(seconds=10)
CONTENT = b"\r\n".join([
    b"From: login@example.com", b"To: pilot@example.com", b"Subject: 012345", b"Message-ID: <1@example.com>",
    b"Content-Language: en", b"", b".", b"..a line that starts with dots", b"",
])  # fmt: skip


def envelope(recipient: str = "pilot@example.com") -> Envelope:
    return Envelope("login@example.com", recipient, CONTENT)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """The system vouches for it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
    return certificate


@asynccontextmanager
async def client(peer: SmtpPeer, tls: Tls = "off", host: str = "127.0.0.1", **login: Any) -> AsyncGenerator[Smtp]:
    async with open_smtp(SmtpServer(host, peer.port, tls, **login), local_name="auth.example.com") as smtp:
        yield smtp


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_letters_go_over_a_verified_connection(asyncio_loop: None, trusted: Certificate, tls: Tls) -> None:
    with smtp_peer(trusted, tls=tls) as peer:
        async with client(peer, tls) as smtp:
            assert [await smtp.send(envelope(), TIMEOUT) for _ in range(3)] == [Accepted()] * 3
    assert peer.messages == [CONTENT] * 3
    assert peer.connections == 1
    sessions = [server.session for server in peer.servers]
    assert all(session is not None and session.host_name == "auth.example.com" for session in sessions)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_letter_and_no_password(
    asyncio_loop: None, certificate: Certificate, tls: Tls
) -> None:
    with smtp_peer(certificate, tls=tls) as peer:
        async with client(peer, tls, username=USERNAME, password=PASSWORD) as smtp:
            assert await smtp.send(envelope(), TIMEOUT) == NotAccepted("untrusted_certificate")
    assert (peer.messages, peer.logins) == ([], [])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_for_another_name_gets_no_letter(
    asyncio_loop: None, trusted: Certificate, tls: Tls
) -> None:
    """It is vouched for, but as 127.0.0.1."""
    with smtp_peer(trusted, tls=tls) as peer:
        async with client(peer, tls, host="localhost") as smtp:
            assert await smtp.send(envelope(), TIMEOUT) == NotAccepted("untrusted_certificate")
    assert peer.messages == []


async def test_a_server_that_refuses_starttls_gets_nothing_in_the_clear(asyncio_loop: None) -> None:
    """Else whoever is on the path would strip the offer and read along (RFC 3207 §6)."""
    with smtp_peer() as peer:
        async with client(peer, "starttls", username=USERNAME, password=PASSWORD) as smtp:
            assert await smtp.send(envelope(), TIMEOUT) == NotAccepted("starttls_refused")
    assert (peer.messages, peer.tries) == ([], [])


async def test_a_server_that_speaks_no_tls_gets_no_letter_over_implicit_tls(asyncio_loop: None) -> None:
    with smtp_peer() as peer:
        async with client(peer, "implicit") as smtp:
            outcome = await smtp.send(envelope(), TIMEOUT)
    assert isinstance(outcome, NotAccepted)
    assert not outcome.permanent
    assert peer.messages == []


async def test_it_logs_in_once_per_connection(asyncio_loop: None, trusted: Certificate) -> None:
    with smtp_peer(trusted, tls="starttls", login=True) as peer:
        async with client(peer, "starttls", username=USERNAME, password=PASSWORD) as smtp:
            assert [await smtp.send(envelope(), TIMEOUT) for _ in range(3)] == [Accepted()] * 3
    assert peer.logins == [True]


@pytest.mark.parametrize("login", [{"username": USERNAME, "password": "wrong"}, {}])
async def test_a_refused_login_is_no_letters_fault(
    asyncio_loop: None, trusted: Certificate, login: dict[str, str]
) -> None:
    with smtp_peer(trusted, tls="starttls", login=True) as peer:
        async with client(peer, "starttls", **login) as smtp:
            outcome = await smtp.send(envelope(), TIMEOUT)
    assert outcome == (NotAccepted("login_refused") if login else NotAccepted("sender_refused", permanent=True))
    assert peer.messages == []


async def test_a_server_that_refuses_our_password_is_not_hammered(asyncio_loop: None, trusted: Certificate) -> None:
    with smtp_peer(trusted, tls="starttls", login=True) as peer:
        async with client(peer, "starttls", username=USERNAME, password="wrong") as smtp:
            outcomes = [await smtp.send(envelope(), TIMEOUT) for _ in range(20)]
            assert (outcomes, peer.connections) == ([NotAccepted("login_refused")] * 20, 1)
            await trio.sleep(PAUSE.total_seconds())
            await smtp.send(envelope(), TIMEOUT)
    assert peer.connections == 2


STEPS = [("MAIL", "sender"), ("RCPT", "recipient"), ("DATA", "content")]


@pytest.mark.parametrize(("at", "word"), STEPS)
@pytest.mark.parametrize(
    ("fault", "ending", "permanent"), [(Fault.REFUSE, "refused", True), (Fault.DEFER, "deferred", False)]
)
async def test_a_server_may_say_no_at_each_step_and_the_connection_goes_on(
    asyncio_loop: None, at: str, word: str, fault: Fault, ending: str, permanent: bool
) -> None:
    with smtp_peer() as peer:
        peer.at = at
        peer.fail_first("login@example.com" if at == "MAIL" else "pilot@example.com", fault)
        async with client(peer) as smtp:
            assert await smtp.send(envelope(), TIMEOUT) == NotAccepted(f"{word}_{ending}", permanent)
            assert await smtp.send(envelope(), TIMEOUT) == Accepted()
    assert (peer.connections, len(peer.messages)) == (1, 1)


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("fault", "word"), [(Fault.DROP, "connection_lost"), (Fault.STALL, "timeout")])
async def test_a_connection_that_breaks_or_stalls_is_not_used_again(
    asyncio_loop: None, at: str, fault: Fault, word: str
) -> None:
    with smtp_peer() as peer:
        peer.at = at
        peer.fail_first("login@example.com" if at == "MAIL" else "pilot@example.com", fault)
        async with client(peer) as smtp:
            assert await smtp.send(envelope(), timedelta(seconds=0.5)) == NotAccepted(word)
            assert await smtp.send(envelope(), TIMEOUT) == Accepted()
    assert (peer.connections, len(peer.messages)) == (2, 1)


async def test_a_connection_that_drops_inside_the_content_has_taken_no_letter(asyncio_loop: None) -> None:
    with smtp_peer() as peer:
        peer.drops_inside_content = True
        async with client(peer) as smtp:
            assert await smtp.send(envelope(), TIMEOUT) == NotAccepted("connection_lost")
            peer.drops_inside_content = False
            assert await smtp.send(envelope(), TIMEOUT) == Accepted()
    assert (peer.connections, len(peer.messages)) == (2, 1)


async def test_a_kept_connection_that_the_server_ended_costs_no_letter_a_try(asyncio_loop: None) -> None:
    with smtp_peer() as peer:
        async with client(peer) as smtp:
            for _ in range(3):
                assert await smtp.send(envelope(), TIMEOUT) == Accepted()
                peer.end_connections()
                await trio.sleep(0.02)
    assert (peer.connections, len(peer.messages)) == (3, 3)


async def test_goodbye_to_a_silent_server_takes_a_second_for_all_connections_together(asyncio_loop: None) -> None:
    with smtp_peer() as peer:
        peer.is_silent_at_quit = True
        async with client(peer) as smtp:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(smtp.send, envelope(), TIMEOUT)
            began = trio.current_time()
        assert trio.current_time() - began < 2
        assert peer.connections == 5


async def test_a_letter_comes_too_late_when_even_connecting_takes_longer(asyncio_loop: None) -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_nothing, 0)
        port = listeners[0].socket.getsockname()[1]
        async with open_smtp(SmtpServer("127.0.0.1", port, "off"), local_name="a.example.com") as smtp:
            assert await smtp.send(envelope(), timedelta(seconds=0.3)) == NotAccepted("timeout")
        nursery.cancel_scope.cancel()


GREETED = [b"220 ready\r\n", b"250 hello\r\n"]
NONSENSE = [b"\x00\xff\xfe\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"hello\r\n", b"999 what\r\n", b"000 what\r\n"]


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
async def test_nonsense_is_no_refusal_and_is_told_from_a_lost_connection(
    asyncio_loop: None, step: str, nonsense: bytes
) -> None:
    """The words of a server that is no mail server, at each step; nothing is raised, and the connection is not kept."""
    answers = [*GREETED, b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n"]
    answers[["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"].index(step)] = nonsense

    async def answer(stream: trio.SocketStream) -> None:
        for each in answers:
            await stream.send_all(each)
            while not (await stream.receive_some(65536)).endswith((b"\r\n", b"")):
                pass
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        async with open_smtp(SmtpServer("127.0.0.1", port, "off"), local_name="a.example.com") as smtp:
            outcome = await smtp.send(envelope(), TIMEOUT)
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, NotAccepted)
    assert not outcome.permanent
    if step not in ("greeting", "EHLO") or not nonsense[:3].isdigit():
        assert outcome == NotAccepted("malformed_answer")


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("pilot+tag@example.com", "pilot+tag@example.com"),
        ("a.b@example.com", "a.b@example.com"),
        ("a..b@example.com", '"a..b"@example.com'),
        (".a@example.com", '".a"@example.com'),
        ("a.@example.com", '"a."@example.com'),
    ],
)
async def test_an_address_that_the_web_allows_reaches_its_mailbox(
    asyncio_loop: None, address: str, written: str
) -> None:
    """WHATWG's e-mail addresses may have dots where RFC 5321 wants quotes around them."""
    assert mailbox(address) == written
    with smtp_peer() as peer:
        async with client(peer) as smtp:
            assert await smtp.send(envelope(written), TIMEOUT) == Accepted()
    assert peer.recipients == [address]


async def test_no_line_of_commands_can_be_smuggled_into_an_envelope(asyncio_loop: None) -> None:
    """No address that passes `parse_email` gets here with one; this is the second lock."""
    with smtp_peer() as peer:
        async with client(peer) as smtp:
            with pytest.raises(ValueError, match="prohibited"):
                await smtp.send(envelope("a@example.com>\r\nRCPT TO:<b@example.com"), TIMEOUT)
    assert peer.messages == []


async def test_words_injected_before_the_encryption_are_no_replies_within_it(
    asyncio_loop: None, trusted: Certificate
) -> None:
    """Anybody on the way can add plain text behind the 220. Believed, it would say that each step went well."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted.chain, trusted.key)

    async def serve(stream: trio.SocketStream) -> None:
        for reply in (b"220 ready\r\n", b"250-hello\r\n250 STARTTLS\r\n"):
            await stream.send_all(reply)
            await stream.receive_some()
        await stream.send_all(b"220 go on\r\n" + b"250 injected\r\n" * 5)
        encrypted = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        while await encrypted.receive_some():
            await encrypted.send_all(b"451 not now\r\n")

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        server = SmtpServer("127.0.0.1", listener.socket.getsockname()[1], "starttls")
        async with open_smtp(server, local_name="auth.example.com") as smtp:
            outcome = await smtp.send(envelope(), TIMEOUT)
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, NotAccepted)
    assert not outcome.permanent
