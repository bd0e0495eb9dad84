"""Couriers use the default mail connection, and change it while mails are on their way (SPEC §18.5)."""

import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from itertools import cycle
from pathlib import Path

import pytest
import trio

from services.public_auth.mail.connection import (
    LOOK_AGAIN,
    NO_DEFAULT,
    UNFIT,
    UNREADABLE,
    ConnectionTransport,
    open_connection_transport,
)
from services.public_auth.mail.courier import Courier
from services.public_auth.mail.design import our_design
from services.public_auth.mail_settings import ConnectionMail
from services.public_auth.store.mail_connection import read_mail_connection
from shared.io.egress import Egress
from shared.kernel.egress_rules import EgressRules
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection
from tests.integration.io.tls import create_certificate
from tests.support.background import background
from tests.support.builders import email_address
from tests.support.mail_connections import by_rest, by_smtp, set_default
from tests.support.mail_peer import Fault, MailPeer
from tests.support.post import Post, one_step
from tests.support.public_flow import SEALING_KEYS, PublicFlow
from tests.support.rest_mail_peer import RestMailPeer, rest_mail_peer
from tests.support.smtp_peer import USERNAME, SmtpPeer, smtp_peer
from tests.support.stack import wait_for
from tests.support.world import World

OTHER_KEYS = KeyRing.parse("keys", "other:" + "b3RoZXIta2V5LW9mLXRlc3RzLTMyLWJ5dGVzLWxvbmctLS0=")
SETTINGS = ConnectionMail(
    product=None,
    host=None,
    design=our_design(),
    smtp_timeout=timedelta(seconds=2),
    rest_timeout=timedelta(seconds=2),
)


@pytest.fixture
def first() -> Generator[SmtpPeer]:
    with smtp_peer() as peer:
        yield peer


@pytest.fixture
def second() -> Generator[SmtpPeer]:
    with smtp_peer() as peer:
        yield peer


@pytest.fixture
def service() -> Generator[RestMailPeer]:
    with rest_mail_peer() as peer:
        yield peer


@pytest.fixture(autouse=True)
def nothing_set(world: World) -> Iterator[None]:
    set_default(world.database, None)
    yield
    set_default(world.database, None)


class Replica:
    """The courier of one public process."""

    def __init__(self, post: Post, transport: ConnectionTransport) -> None:
        self.post = post
        self.transport = transport
        self.courier = Courier(
            post.world.public,
            transport,
            sealing_keys=SEALING_KEYS,
            entropy=SystemEntropy(),
            concurrency=8,
            linger=timedelta(milliseconds=5),
            on_settled=post.settlements.append,
        )
        self.courier.far_end = transport.far_end

    def step(self) -> int:
        return self.post.world.call(one_step, self.courier)

    def problem(self) -> str | None:
        return self.post.world.call(self.transport.problem)


def egress_on_loopback() -> Egress:
    return Egress(EgressRules((ip_network("127.0.0.0/8"),), is_development=True))


def replica_of(post: Post) -> Replica:
    """A replica. It ends with the world."""
    world = post.world
    read, egress = partial(world.public.unit_of_work, read_mail_connection), egress_on_loopback()

    async def serve(task_status: trio.TaskStatus[ConnectionTransport]) -> None:
        async with open_connection_transport(read, SETTINGS, keys=SEALING_KEYS, egress=egress) as transport:
            task_status.started(transport)
            await trio.sleep_forever()

    return Replica(post, world.enter(background, serve))


@pytest.fixture
def replica(post: Post) -> Replica:
    return replica_of(post)


def let_time_pass() -> None:
    """Long enough for a look without a letter."""
    time.sleep(LOOK_AGAIN.total_seconds() + 0.01)


def addresses(peer: MailPeer) -> list[str]:
    return [one.email for one in peer.received]


def test_the_next_mail_leaves_by_the_new_connection(
    replica: Replica, flow: PublicFlow, first: SmtpPeer, second: SmtpPeer, service: RestMailPeer
) -> None:
    """From a mail server to another, to a mail service and back, without waiting and without a restart."""
    for peer, mail in (
        (first, by_smtp(first)), (second, by_smtp(second)), (service, by_rest(service)), (first, by_smtp(first)),
    ):  # fmt: skip
        set_default(flow.world.database, mail)
        email = email_address()
        flow.send(email)
        assert replica.step() == 1
        assert addresses(peer)[-1] == email
    assert [len(peer.received) for peer in (first, second, service)] == [2, 1, 1]


def test_the_old_connection_is_closed_when_its_last_letter_is_done(
    replica: Replica, flow: PublicFlow, first: SmtpPeer, second: SmtpPeer
) -> None:
    world, slow, quick = flow.world, email_address(), email_address()
    first.fail(slow, Fault.STALL)
    set_default(world.database, by_smtp(first))
    flow.send(slow)

    async def change_meanwhile() -> None:
        async with trio.open_nursery() as carrying:
            await replica.courier.step(carrying)
            await trio.to_thread.run_sync(wait_for, lambda: first.tries)
            await trio.to_thread.run_sync(set_default, world.database, by_smtp(second))
            await flow.sending(quick)
            await replica.courier.step(carrying)
            await trio.to_thread.run_sync(wait_for, lambda: second.received)
            assert first.received == []
            first.released.set()
        await replica.courier.settle()

    world.call(change_meanwhile)
    assert (addresses(second), first.tries) == ([quick], [slow])
    assert len(replica.post.settlements) == 2
    wait_for(lambda: all(each.transport is None or each.transport.is_closing() for each in first.servers))


def test_without_a_default_mails_wait_untouched_and_leave_when_there_is_one(
    replica: Replica, flow: PublicFlow, first: SmtpPeer
) -> None:
    waiting = flow.send(email_address())
    assert [replica.step(), replica.problem()] == [0, NO_DEFAULT]
    assert replica.post.queued(waiting)["attempts"] == 0

    set_default(flow.world.database, by_smtp(first))
    let_time_pass()
    assert [replica.step(), replica.problem()] == [1, None]
    assert flow.state(waiting) == "sent"

    set_default(flow.world.database, None)
    again = flow.send(email_address())
    replica.step()
    assert replica.post.queued(again)["state"] == "queued"
    let_time_pass()
    assert replica.problem() == NO_DEFAULT


def test_a_connection_under_an_unknown_key_makes_mails_wait(post: Post, flow: PublicFlow, first: SmtpPeer) -> None:
    replica, waiting = replica_of(post), flow.send(email_address())
    set_default(flow.world.database, by_smtp(first), keys=OTHER_KEYS)
    assert [replica.step(), replica.problem()] == [0, UNREADABLE]

    set_default(flow.world.database, by_smtp(first))
    let_time_pass()
    assert [replica.step(), replica.problem()] == [1, None]
    assert flow.state(waiting) == "sent"


def test_a_sealed_connection_is_bound_to_its_revision(replica: Replica, flow: PublicFlow, first: SmtpPeer) -> None:
    set_default(flow.world.database, by_smtp(first))
    flow.world.database.execute("update mail_connection set connection_revision = 2, change_id = gen_random_uuid()")
    assert replica.problem() == UNREADABLE


@pytest.mark.parametrize(
    "mail",
    [
        MailConnection("smtp", {"address": "127.0.0.1:99999", "tls": "off", "from": "a@example.com"}, {}),
        MailConnection("api_key", {"base_url": "http://127.0.0.1/"}, {}),
    ],
)
def test_a_connection_that_can_carry_no_mail_makes_mails_wait(
    replica: Replica, flow: PublicFlow, mail: MailConnection
) -> None:
    set_default(flow.world.database, mail)
    flow.send(email_address())
    assert [replica.step(), replica.problem()] == [0, UNFIT]


def test_no_refusal_of_the_far_end_loses_a_mail(
    post: Post,
    flow: PublicFlow,
    first: SmtpPeer,
    service: RestMailPeer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong password, a sender that the server does not take, and a wrong token; then all of it is right."""
    world, email = flow.world, email_address()
    certificate = create_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
    replica = replica_of(post)
    with smtp_peer(certificate, tls="starttls", login=True) as guarded:
        set_default(world.database, by_smtp(guarded, tls="starttls", user=USERNAME, password="wrong"))
        challenge_id = flow.send(email)
        assert replica.step() == 1
        assert waits(replica, challenge_id) == "login_refused"

    first.at = "MAIL"
    first.fail("login@example.com", Fault.REFUSE)
    set_default(world.database, by_smtp(first))
    assert replica.step() == 1
    assert waits(replica, challenge_id) == "sender_refused"

    service.answers[email] = (401, b"")
    set_default(world.database, by_rest(service, bearer="wrong"))
    assert replica.step() == 1
    assert waits(replica, challenge_id) == "status_401"

    service.answers.clear()
    assert replica.step() == 1
    assert (flow.state(challenge_id), addresses(service)) == ("sent", [email])


def waits(replica: Replica, challenge_id: str) -> str:
    """The reason for which the mail waits. It need not wait any longer."""
    row = replica.post.queued(challenge_id)
    assert row["state"] == "queued"
    replica.post.world.database.execute(
        "update mail_deliveries set next_attempt_at = clock_now() where challenge_id = $1", challenge_id
    )
    return row["reason"]


def test_a_mail_service_gets_its_token(replica: Replica, flow: PublicFlow, service: RestMailPeer) -> None:
    set_default(flow.world.database, by_rest(service, bearer="token-of-the-mail-service"))
    flow.send(email_address())
    assert replica.step() == 1
    assert service.credentials == ["Bearer token-of-the-mail-service"]


def test_an_address_that_is_denied_gets_no_mail(post: Post, flow: PublicFlow, first: SmtpPeer) -> None:
    """The address was good when the connection was accepted; the rules hold for each connection again."""
    set_default(
        flow.world.database, replace(by_smtp(first), settings={**by_smtp(first).settings, "address": "10.0.0.1:25"})
    )
    challenge_id = flow.send(email_address())
    assert replica_of(post).step() == 1
    assert (post.queued(challenge_id)["state"], post.queued(challenge_id)["reason"]) == ("queued", "blocked_address")


def test_a_paused_pace_ends_with_the_connection_that_caused_it(
    replica: Replica, flow: PublicFlow, first: SmtpPeer, service: RestMailPeer
) -> None:
    set_default(flow.world.database, by_rest(service))
    for _ in range(3):
        email = email_address()
        service.answers[email] = (200, b"{}")
        flow.send(email)
    replica.step()
    set_default(flow.world.database, by_smtp(first))
    let_time_pass()
    flow.send(email_address())
    assert (replica.step(), len(first.received)) == (1, 1)


def test_changes_under_load_lose_no_mail_and_double_none(
    post: Post, flow: PublicFlow, first: SmtpPeer, second: SmtpPeer, service: RestMailPeer
) -> None:
    """Two replicas with 60 mails, while the default goes round between two mail servers and a mail service."""
    world, mails = flow.world, 60
    replicas = [replica_of(post), replica_of(post)]
    emails = [email_address() for _ in range(mails)]
    connections = cycle([by_smtp(first), by_smtp(second), by_rest(service)])
    set_default(world.database, next(connections))

    async def change() -> None:
        while len(post.settlements) < mails:
            await trio.to_thread.run_sync(set_default, world.database, next(connections))
            await trio.sleep(0.05)

    async def load() -> None:
        async with trio.open_nursery() as nursery:
            for each in replicas:
                await nursery.start(each.courier.run)
            nursery.start_soon(change)
            for email in emails:
                await flow.sending(email)
                for each in replicas:
                    each.courier.wake.notify()
            with trio.fail_after(30):
                await post.until_settled(mails)
            nursery.cancel_scope.cancel()

    world.call(load)
    assert post.settled == ["sent"] * mails
    assert Counter(address for peer in (first, second, service) for address in addresses(peer)) == Counter(emails)
    assert all(peer.received for peer in (first, second, service))
