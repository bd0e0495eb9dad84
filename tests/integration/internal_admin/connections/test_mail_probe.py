"""Mail servers are verified up to the sender, and get no mail."""

from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from services.internal_admin.connections.probes import Prober
from shared.io.egress import Egress
from shared.kernel.egress_rules import EgressRules
from tests.integration.io.tls import create_certificate
from tests.support.mail_peer import Fault
from tests.support.smtp_peer import PASSWORD, USERNAME, SmtpPeer, smtp_peer
from tests.support.world import World

SENDER = "login@example.com"


def prober() -> Prober:
    """It reads the trusted certificates of now."""
    return Prober(Egress(EgressRules((ip_network("127.0.0.0/8"),), is_development=True)))


def mail(world: World, prober: Prober, peer: SmtpPeer, password: str = PASSWORD) -> tuple[str, str]:
    """Result and detail of a probe."""
    settings = {"address": f"127.0.0.1:{peer.port}", "tls": "starttls", "from": SENDER}
    probed = world.call(prober.probe, "smtp", settings, {"user": USERNAME, "password": password})
    return probed.result, probed.detail


def test_a_mail_server_is_verified_up_to_the_sender(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate and the log-in count, and no mail arrives."""
    certificate = create_certificate(tmp_path)
    with smtp_peer(certificate, tls="starttls", login=True) as peer:
        assert mail(world, prober(), peer) == ("tls_failed", "untrusted_certificate")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
        trusting = prober()
        assert mail(world, trusting, peer) == ("verified", "verified")
        assert mail(world, trusting, peer, "wrong") == ("invalid_credentials", "login_refused")
        peer.at = "MAIL"
        peer.fail(SENDER, Fault.REFUSE)
        assert mail(world, trusting, peer) == ("protocol_error", "sender_refused")
        peer.fail(SENDER, Fault.DEFER)
        assert mail(world, trusting, peer) == ("rate_limited", "sender_deferred")
        assert (peer.messages, peer.logins.count(True)) == ([], 3)
    assert mail(world, trusting, peer) == ("unreachable", "unreachable")


def test_a_mail_server_without_starttls_gets_no_password(world: World) -> None:
    with smtp_peer() as peer:
        assert mail(world, prober(), peer) == ("tls_failed", "starttls_refused")
        assert peer.logins == []


@contextmanager
def scripted(answers: dict[bytes, bytes]) -> Generator[int]:
    """The port of a mail server with these answers to commands. It ends the connection instead of an empty one."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                answer = answers.get(line[:4].upper(), b"502 unknown\r\n")
                if not answer:
                    return
                self.wfile.write(answer)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("ehlo", "auth", "found"),
    [
        (b"250-here\r\n250 AUTH PLAIN\r\n", b"535 no\r\n", ("invalid_credentials", "login_refused")),
        (b"250-here\r\n250 AUTH PLAIN\r\n", b"454 later\r\n", ("rate_limited", "login_deferred")),
        (b"250-here\r\n250 AUTH PLAIN\r\n", b"", ("unreachable", "connection_lost")),
        (b"", b"", ("unreachable", "connection_lost")),
        (b"550 not you\r\n", b"", ("unreachable", "unreachable")),
    ],
)
def test_only_an_answer_to_the_password_says_that_it_is_wrong(
    world: World, ehlo: bytes, auth: bytes, found: tuple[str, str]
) -> None:
    """RFC 4954 §6: 454 is a temporary failure of the server."""
    with scripted({b"EHLO": ehlo, b"HELO": ehlo, b"AUTH": auth}) as port:
        settings = {"address": f"127.0.0.1:{port}", "tls": "off", "from": SENDER}
        probed = world.call(prober().probe, "smtp", settings, {"user": USERNAME, "password": PASSWORD})
    assert (probed.result, probed.detail) == found
