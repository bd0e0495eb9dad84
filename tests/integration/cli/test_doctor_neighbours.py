"""`authsession doctor` asks the mail server or service and the user service, and sends no mail."""

from pathlib import Path

import pytest

from authsession.doctor import doctor
from authsession.embedded.child import free_port
from authsession.neighbours import neighbours
from tests.integration.io.tls import Certificate, create_certificate
from tests.support.collector import open_collector
from tests.support.mail_peer import Fault as MailFault
from tests.support.rest_mail_peer import rest_mail_peer
from tests.support.smtp_peer import PASSWORD, USERNAME, SmtpPeer, Tls, smtp_peer
from tests.support.stack import AUDIT_KEYS, COOKIE_KEYS, LOGIN_CODE_KEYS, SEALING_KEYS
from tests.support.user_service import Fault, user_service_peer

ENVIRONMENT = {
    "AUTHSESSION_POSTGRES_DSN": "postgresql://127.0.0.1:1/x",
    "AUTHSESSION_LOGIN_CODE_KEYS": LOGIN_CODE_KEYS,
    "AUTHSESSION_SEALING_KEYS": SEALING_KEYS,
    "AUTHSESSION_COOKIE_KEYS": COOKIE_KEYS,
    "AUTHSESSION_AUDIT_KEYS": AUDIT_KEYS,
}
LOGIN = {"SMTP_USERNAME": USERNAME, "SMTP_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
    return certificate


def found(process: str = "environment", **changes: str) -> list[str]:
    environment = ENVIRONMENT | {f"AUTHSESSION_{name}": value for name, value in changes.items()}
    return [str(finding) for finding in neighbours(process, environment)]


def asked(peer: SmtpPeer, tls: Tls, **changes: str) -> list[str]:
    return found(
        MAIL_SERVICE_MODE="smtp", SMTP_ADDR=f"127.0.0.1:{peer.port}", SMTP_TLS=tls, SMTP_FROM="login@example.com",
        **changes,
    )  # fmt: skip


def test_the_collector_of_nodes_is_asked_as_the_internal_process_would() -> None:
    with open_collector() as collector:
        given = {"NODE_OTLP_ENDPOINT": collector.environment["OTEL_EXPORTER_OTLP_ENDPOINT"], "NODE_OTLP_HEADERS": "k=v"}
        assert found("public", **given) == []
        for process in ("internal", "environment"):
            assert found(process, **given) == ["ok    the collector of nodes takes telemetry"]
        assert (collector.received[0], collector.headers[0]["k"]) == (("/v1/traces", b""), "v")
        collector.status = 401
        (line,) = found("internal", **given)
        assert line == "fail  collector of nodes: status 401: correct AUTHSESSION_NODE_OTLP_HEADERS"
        collector.status = 404
        assert "correct AUTHSESSION_NODE_OTLP_ENDPOINT" in found("internal", **given)[0]
    (line,) = found("internal", NODE_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert line.startswith("fail  collector of nodes: connect: start it, or correct AUTHSESSION_NODE_OTLP_ENDPOINT")


def test_where_there_are_no_neighbours_nothing_is_asked() -> None:
    assert found() == []


def test_a_mail_server_is_logged_in_at_over_a_verified_connection_and_gets_no_letter(trusted: Certificate) -> None:
    with smtp_peer(trusted, tls="starttls", login=True) as peer:
        assert asked(peer, "starttls", **LOGIN) == ["ok    the mail server accepts letters from us"]
    assert (peer.connections, peer.logins, peer.messages) == (1, [True], [])


def test_a_mail_server_behind_implicit_tls_is_asked_likewise(trusted: Certificate) -> None:
    with smtp_peer(trusted, tls="implicit") as peer:
        assert asked(peer, "implicit") == ["ok    the mail server accepts letters from us"]
    assert (peer.connections, peer.messages) == (1, [])


def test_each_way_in_which_a_mail_server_does_not_take_letters_has_its_cure(trusted: Certificate) -> None:
    with smtp_peer(trusted, tls="starttls", login=True) as peer:
        server = f"fail  mail server 127.0.0.1:{peer.port}"
        (line,) = asked(peer, "starttls", **LOGIN | {"SMTP_PASSWORD": "wrong"})
        assert line.startswith(f"{server}: login_refused: correct AUTHSESSION_SMTP_USERNAME")
        assert "wrong" not in line
        (line,) = asked(peer, "implicit", SMTP_TIMEOUT="1s")
        assert line.startswith((f"{server}: tls_failed", f"{server}: timeout"))
    with smtp_peer() as peer:
        server = f"fail  mail server 127.0.0.1:{peer.port}"
        (line,) = asked(peer, "starttls")
        assert line == f"{server}: starttls_refused: let the server offer STARTTLS, or set AUTHSESSION_SMTP_TLS"
    (line,) = asked(peer, "off")
    assert line == f"{server}: unreachable (Connection refused): start it, or correct AUTHSESSION_SMTP_ADDR"
    (line,) = found(
        MAIL_SERVICE_MODE="smtp", SMTP_ADDR="mail.invalid:25", SMTP_TLS="off", SMTP_FROM="login@example.com"
    )
    assert line.startswith("fail  mail server mail.invalid:25: unreachable (")


def test_a_mail_server_that_refuses_our_sender_is_told_before_a_letter_is() -> None:
    with smtp_peer() as peer:
        peer.at = "MAIL"
        peer.fail("login@example.com", MailFault.REFUSE)
        (line,) = asked(peer, "off")
    assert line == (
        f"fail  mail server 127.0.0.1:{peer.port}: sender_refused: "
        "correct AUTHSESSION_SMTP_FROM, or let the server send for that address"
    )


def test_a_mail_server_that_nobody_vouches_for_gets_no_password(certificate: Certificate) -> None:
    with smtp_peer(certificate, tls="starttls", login=True) as peer:
        (line,) = asked(peer, "starttls", **LOGIN)
    assert "untrusted_certificate: write its certificate's name in AUTHSESSION_SMTP_ADDR" in line
    assert peer.logins == []


def test_a_mail_service_is_asked_whether_it_is_there_and_gets_no_letter() -> None:
    with rest_mail_peer() as peer:
        (line,) = found(MAIL_SERVICE_MODE="rest", MAIL_SERVICE_BASE_URL=peer.base_url)
        assert "mail service" in line
        assert peer.requests == []
    (line,) = found(MAIL_SERVICE_MODE="rest", MAIL_SERVICE_BASE_URL=f"http://127.0.0.1:{free_port()}")
    assert line == "fail  mail service: connect: start it, or correct AUTHSESSION_MAIL_SERVICE_BASE_URL"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (None, "ok"),
        ("garbage", "breaks the contract"),
        ("hang_up", "broken"),
        ("stall", "timeout"),
        (503, "status 503"),
        (404, "ok"),
    ],
)
def test_a_user_service_is_asked_about_nobody_and_must_answer_as_the_contract_says(
    fault: Fault | int | None, word: str
) -> None:
    with user_service_peer() as peer:
        peer.fault = fault
        (line,) = found(USER_SERVICE_MODE="rest", USER_SERVICE_BASE_URL=peer.url, USER_SERVICE_REQUEST_TIMEOUT="300ms")
    assert word in line
    assert line.startswith("ok" if word == "ok" else "fail")
    assert peer.users == {}


def test_the_internal_process_sends_no_mail_and_so_asks_no_mail_server() -> None:
    assert found("internal", MAIL_SERVICE_MODE="smtp", SMTP_ADDR="127.0.0.1:1", SMTP_FROM="login@example.com") == []


def test_an_environment_that_the_process_would_refuse_is_the_configurations_finding() -> None:
    assert found(MAIL_SERVICE_MODE="smtp") == []


def test_doctor_names_its_neighbours_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"AUTHSESSION_USER_SERVICE_MODE": "rest", "AUTHSESSION_USER_SERVICE_BASE_URL": "http://127.0.0.1:1"}
    assert doctor(ENVIRONMENT | given, tmp_path, "internal") == 1
    assert "internal: user service: connect" in capsys.readouterr().out
