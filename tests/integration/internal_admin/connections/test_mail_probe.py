"""Mail servers are verified up to the sender, and get no mail."""

from ipaddress import ip_network
from pathlib import Path

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
