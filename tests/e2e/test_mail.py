"""Logins with real mail: a mail server or a mail service receives the letters of both processes."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from tests.integration.io.tls import create_certificate
from tests.support.builders import email_address
from tests.support.database import cloned_database
from tests.support.mail_peer import Fault, MailPeer
from tests.support.product import Product, open_product
from tests.support.rest_mail_peer import RestMailPeer, rest_mail_peer
from tests.support.smtp_peer import PASSWORD, USERNAME, SmtpPeer, smtp_peer
from tests.support.stack import open_stack, wait_for

LEASE = timedelta(seconds=31)
"""A courier's lease: the shortest timeout, one second, and the courier's margin."""


@contextmanager
def product_with(server: EmbeddedPostgres, template: str, **environment: str) -> Generator[Product]:
    with (
        cloned_database(server, template) as database,
        open_stack(database, **environment) as stack,
        open_product(stack) as product,
    ):
        yield product


@pytest.fixture(scope="module")
def by_smtp(
    postgres_server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, SmtpPeer]]:
    """Mail by SMTP: STARTTLS with a certificate that the processes trust, and a password."""
    folder = tmp_path_factory.mktemp("mail")
    certificate = create_certificate(folder)
    password = folder / "password"
    password.write_text(PASSWORD)
    with (
        smtp_peer(certificate, tls="starttls", login=True) as peer,
        product_with(
            postgres_server,
            template,
            AUTHSESSION_MAIL_SERVICE_MODE="smtp",
            AUTHSESSION_SMTP_ADDR=f"127.0.0.1:{peer.port}",
            AUTHSESSION_SMTP_USERNAME=USERNAME,
            AUTHSESSION_SMTP_PASSWORD_FILE=str(password),
            AUTHSESSION_SMTP_FROM="Example <login@example.com>",
            AUTHSESSION_SMTP_TIMEOUT="1s",
            SSL_CERT_FILE=str(certificate.chain),
        ) as product,
    ):
        yield product, peer


@pytest.fixture(scope="module")
def by_rest(postgres_server: EmbeddedPostgres, template: str) -> Iterator[tuple[Product, RestMailPeer]]:
    with (
        rest_mail_peer() as peer,
        product_with(
            postgres_server,
            template,
            AUTHSESSION_MAIL_SERVICE_MODE="rest",
            AUTHSESSION_MAIL_SERVICE_BASE_URL=peer.base_url,
        ) as product,
    ):
        yield product, peer


def code_for(peer: MailPeer, email: str) -> str:
    return wait_for(lambda: [one.code for one in peer.received if one.email == email])[0]


def test_a_login_through_a_letter_in_ones_own_language(by_smtp: tuple[Product, SmtpPeer]) -> None:
    product, peer = by_smtp
    email = email_address()
    challenge_id = product.send(email, **{"Accept-Language": "ja"})
    code = code_for(peer, email)
    message = peer.parsed(next(n for n, one in enumerate(peer.received) if one.email == email))
    assert message["Subject"] == f"{code} は Example のログインコードです"
    assert product.confirm(challenge_id, code).status_code == 200


def test_a_login_through_a_mail_service(by_rest: tuple[Product, RestMailPeer]) -> None:
    product, peer = by_rest
    email = email_address()
    challenge_id = product.send(email, **{"Accept-Language": "pt-BR"})
    assert product.confirm(challenge_id, code_for(peer, email)).status_code == 200
    [received] = [one for one in peer.received if one.email == email]
    assert (received.key, received.locale) == (challenge_id, "pt")


def test_the_development_mailbox_is_not_there_when_mail_leaves(by_smtp: tuple[Product, SmtpPeer]) -> None:
    product, _ = by_smtp
    answer = product.internal.get("/api/v1/internal/dev/mailbox", params={"email": email_address()})
    assert answer.status_code == 404


@pytest.mark.parametrize("fault", list(Fault))
def test_a_send_answers_alike_whatever_becomes_of_the_mail(by_smtp: tuple[Product, SmtpPeer], fault: Fault) -> None:
    product, peer = by_smtp
    email, other = email_address(), email_address()
    peer.fail(email, fault)
    answer = product.public.post("/api/v1/public/auth/send-email-code", json={"email": email})
    assert (answer.status_code, list(answer.json())) == (200, ["challenge_id"])
    wait_for(lambda: email in peer.tries)

    challenge_id = product.send(other)
    assert product.confirm(challenge_id, code_for(peer, other)).status_code == 200


def test_a_greylisted_mail_comes_with_its_next_try(by_smtp: tuple[Product, SmtpPeer]) -> None:
    product, peer = by_smtp
    email = email_address()
    peer.fail_first(email, Fault.DEFER)
    challenge_id = product.send(email)
    assert product.confirm(challenge_id, code_for(peer, email)).status_code == 200
    assert peer.tries.count(email) == 2


def test_a_mail_whose_courier_was_killed_on_the_way_is_sent_after_its_lease(by_smtp: tuple[Product, SmtpPeer]) -> None:
    product, peer = by_smtp
    email = email_address()
    peer.fail(email, Fault.STALL)
    challenge_id = product.send(email)
    wait_for(lambda: email in peer.tries)
    product.stack.kill("public")
    peer.mend(email)
    state = "select state, attempts from mail_deliveries where challenge_id = $1"
    assert [tuple(row) for row in product.stack.database.execute(state, challenge_id)] == [("queued", 1)]

    product.stack.restart("public")
    assert [one for one in peer.received if one.email == email] == []
    product.stack.travel(LEASE)
    code = code_for(peer, email)
    answer = next(
        answer for answer in (product.confirm(challenge_id, code) for _ in range(5)) if answer.status_code != 503
    )
    assert answer.status_code == 200


def test_metrics_tell_how_mails_fare_and_nobodys_address(by_smtp: tuple[Product, SmtpPeer]) -> None:
    product, peer = by_smtp
    email, greylisted = email_address(), email_address()
    peer.fail(email, Fault.REFUSE)
    peer.fail_first(greylisted, Fault.DEFER)
    for each in (email, greylisted):
        product.send(each)
    code_for(peer, greylisted)
    outcomes = [
        'authsession_mails_total{outcome="failed",reason="recipient_refused"}',
        'authsession_mails_total{outcome="retried",reason="recipient_deferred"}',
        'authsession_mails_total{outcome="sent",reason="none"}',
    ]

    wait_for(lambda: all(outcome in metrics(product) for outcome in outcomes))
    shown = metrics(product)
    for name in ("authsession_mail_queue_depth", "authsession_mail_queue_age_seconds"):
        assert f"\n{name}" in shown
    assert "\nauthsession_mail_duration_seconds_count" in shown
    assert email not in shown


def metrics(product: Product) -> str:
    return httpx.get(f"{product.stack.metrics_url}/metrics").text


def test_no_log_line_holds_an_address_a_code_or_the_password(by_smtp: tuple[Product, SmtpPeer]) -> None:
    """Runs last in this module, after refusals, stalls, drops and a kill."""
    product, peer = by_smtp
    lines = "\n".join(line for each in product.stack.lines.values() for line in each)
    assert lines
    for secret in (PASSWORD, "@example", "nobody here", *{one.code for one in peer.received}):
        assert secret not in lines
