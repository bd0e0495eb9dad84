"""The port `MailTransport`, one suite for every transport: the stub, a real SMTP server, a mail service (SPEC §7)."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import trio

from services.public_auth.mail.design import our_design
from services.public_auth.mail.letters import Stationery
from services.public_auth.mail.transport import (
    MALFORMED_ANSWER,
    Delivered,
    DeliveryOutcome,
    Letter,
    MailTransport,
    Suppressed,
    Undelivered,
)
from services.public_auth.mail.transports import open_transport
from services.public_auth.mail_settings import FixedMail, RestMail, SmtpMail, StubMail
from shared.io.aio import open_loop
from shared.io.smtp import SmtpServer
from shared.kernel.mail_sender import MailSender
from tests.support.builders import email_address
from tests.support.mail_peer import Fault, MailPeer
from tests.support.rest_mail_peer import RestMailPeer, rest_mail_peer
from tests.support.smtp_peer import smtp_peer

CONCURRENCY = 20
TIMEOUT = timedelta(seconds=10)
SHORT = timedelta(seconds=0.5)
STATIONERY = Stationery(MailSender("Example", "login@example.com"), "Example", None, our_design())
_numbers = count(1)


def letter(**changes: Any) -> Letter:
    number = next(_numbers)
    made = Letter(
        delivery_id=UUID(int=number),
        email=email_address(),
        code=f"{number:06d}",
        locale="en",
        idempotency_key=f"challenge-{number}",
        queued_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        valid_for=timedelta(minutes=10),
    )
    return replace(made, **changes)


@dataclass
class Far:
    """A transport, and the far side that it talks to."""

    transport: MailTransport
    peer: MailPeer

    async def deliver(self, one: Letter, timeout: timedelta = TIMEOUT) -> DeliveryOutcome:
        return await self.transport.deliver(one, timeout)


@contextmanager
def running(kind: str) -> Generator[tuple[FixedMail, MailPeer]]:
    if kind == "smtp":
        with smtp_peer() as smtp:
            yield SmtpMail(SmtpServer("127.0.0.1", smtp.port, "off"), STATIONERY, TIMEOUT), smtp
    elif kind == "rest":
        with rest_mail_peer() as rest:
            yield RestMail(rest.base_url, TIMEOUT), rest
    else:
        yield StubMail(), MailPeer()


@pytest.fixture
async def asyncio_loop() -> AsyncIterator[None]:
    async with open_loop():
        yield


@pytest.fixture(params=["stub", "smtp", "rest"])
async def every(request: pytest.FixtureRequest, asyncio_loop: None) -> AsyncIterator[Far]:
    with running(request.param) as (settings, peer):
        async with open_transport(settings, concurrency=CONCURRENCY) as transport:
            yield Far(transport, peer)


@pytest.fixture(params=["smtp", "rest"])
async def far(request: pytest.FixtureRequest, asyncio_loop: None) -> AsyncIterator[Far]:
    """Only transports with a far side, which can fail."""
    with running(request.param) as (settings, peer):
        async with open_transport(settings, concurrency=CONCURRENCY) as transport:
            yield Far(transport, peer)


async def test_a_sound_letter_is_delivered(every: Far) -> None:
    assert await every.deliver(letter()) == Delivered()
    assert timedelta(0) < every.transport.timeout <= timedelta(minutes=1)


async def test_side_by_side_each_letter_arrives_once_whole_and_at_its_own_address(far: Far) -> None:
    letters = [letter(locale=locale) for locale in ("en", "ja", "fr", "zh-Hans") for _ in range(15)]
    outcomes: list[DeliveryOutcome] = []

    async def deliver(one: Letter) -> None:
        outcomes.append(await far.deliver(one))

    async with trio.open_nursery() as nursery:
        for one in letters:
            nursery.start_soon(deliver, one)

    assert outcomes == [Delivered()] * len(letters)
    assert sorted((each.email, each.code, each.locale) for each in far.peer.received) == sorted(
        (one.email, one.code, one.locale) for one in letters
    )


async def test_connections_are_used_again(far: Far) -> None:
    for _ in range(10):
        assert await far.deliver(letter()) == Delivered()
    assert far.peer.connections == 1


async def test_a_letter_that_comes_again_is_known_by_its_key(far: Far) -> None:
    one = letter()
    for _ in range(2):
        await far.deliver(one)
    await far.deliver(letter())

    first, again, other = far.peer.received
    assert first == again
    assert first.key != other.key


async def test_a_final_refusal_is_permanent(far: Far) -> None:
    one = letter()
    far.peer.fail(one.email, Fault.REFUSE)
    outcome = await far.deliver(one)
    assert isinstance(outcome, Undelivered)
    assert outcome.permanent


@pytest.mark.parametrize("fault", [Fault.DEFER, Fault.DROP, Fault.STALL])
async def test_a_failure_for_now_is_tried_again_and_then_arrives(far: Far, fault: Fault) -> None:
    one = letter()
    far.peer.fail(one.email, fault)
    outcome = await far.deliver(one, SHORT)
    assert isinstance(outcome, Undelivered)
    assert not outcome.permanent
    assert far.peer.received == []

    far.peer.mend(one.email)
    assert await far.deliver(one) == Delivered()
    assert [each.email for each in far.peer.received] == [one.email]


async def test_a_far_side_that_stalls_is_left_in_time(far: Far) -> None:
    one = letter()
    far.peer.fail(one.email, Fault.STALL)
    started = trio.current_time()
    assert await far.deliver(one, SHORT) == Undelivered("timeout")
    assert SHORT.total_seconds() <= trio.current_time() - started < SHORT.total_seconds() + 1


async def test_letters_pass_those_that_stall(far: Far) -> None:
    stalled = [letter() for _ in range(CONCURRENCY - 1)]
    for one in stalled:
        far.peer.fail(one.email, Fault.STALL)
    async with trio.open_nursery() as nursery:
        for one in stalled:
            nursery.start_soon(far.deliver, one, TIMEOUT)
        while len(far.peer.tries) < len(stalled):
            await trio.sleep(0.01)
        with trio.fail_after(5):
            assert await far.deliver(letter()) == Delivered()
        far.peer.released.set()


@pytest.mark.parametrize(
    "settings",
    [SmtpMail(SmtpServer("127.0.0.1", 9, "off"), STATIONERY, TIMEOUT), RestMail("http://127.0.0.1:9", TIMEOUT)],
    ids=["smtp", "rest"],
)
async def test_a_far_side_that_is_away_is_no_letters_fault(settings: FixedMail, asyncio_loop: None) -> None:
    async with open_transport(settings, concurrency=CONCURRENCY) as transport:
        outcome = await transport.deliver(letter(), TIMEOUT)
    assert isinstance(outcome, Undelivered)
    assert not outcome.permanent


async def test_no_outcome_shows_who_the_letter_was_for_or_what_the_far_side_said(far: Far) -> None:
    for fault in Fault:
        one = letter()
        far.peer.fail(one.email, fault)
        shown = repr(await far.deliver(one, SHORT)) + repr(one) + repr(far.transport)
        assert one.email not in shown
        assert one.code not in shown
        assert "nobody here" not in shown


# What only the mail service's contract has.


@pytest.fixture
async def rest(asyncio_loop: None) -> AsyncIterator[tuple[MailTransport, RestMailPeer]]:
    with rest_mail_peer() as peer:
        async with open_transport(RestMail(peer.base_url + "/", TIMEOUT), concurrency=2) as transport:
            yield transport, peer


async def test_the_mail_service_gets_the_contracts_request_and_the_same_one_again(
    rest: tuple[MailTransport, RestMailPeer],
) -> None:
    transport, peer = rest
    one = letter(email="pilot@example.com", code="012345", locale="de", idempotency_key="challenge-x")
    peer.fail_first(one.email, Fault.DEFER)
    await transport.deliver(one, TIMEOUT)
    await transport.deliver(replace(one, valid_for=timedelta(minutes=2)), TIMEOUT)

    assert peer.requests == [("challenge-x", b'{"email":"pilot@example.com","code":"012345","locale":"de"}')] * 2


async def test_the_mail_service_may_suppress(rest: tuple[MailTransport, RestMailPeer]) -> None:
    transport, peer = rest
    one = letter()
    peer.answers[one.email] = (200, b' {"outcome": "suppressed"} ')
    assert await transport.deliver(one, TIMEOUT) == Suppressed()


@pytest.mark.parametrize(
    ("status", "body"),
    [(204, b""), (202, b""), (200, b"<html>"), (200, b'{"outcome":"sent","id":1}'), (200, b" " * 70_000)],
)
async def test_an_answer_outside_the_contract_is_told_from_a_fault_and_named_in_the_log(
    rest: tuple[MailTransport, RestMailPeer], status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    transport, peer = rest
    one = letter()
    peer.answers[one.email] = (status, body)
    assert await transport.deliver(one, TIMEOUT) == Undelivered(MALFORMED_ANSWER)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * (len(body) < 70_000)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"sent", b'"sent"', b"{}", b'{"outcome":"Sent"}', b'{"outcome":null}', b'{"outcome":"sent","id":1}',
        b'{"outcome":"sent","outcome":"sent"}', b'{"outcome":["sent"]}', b'{"outcome":"sent"}{}', b"\xff",
    ],
)  # fmt: skip
async def test_an_answer_that_is_not_the_contracts_is_no_answer(
    rest: tuple[MailTransport, RestMailPeer], body: bytes
) -> None:
    transport, peer = rest
    one = letter()
    peer.answers[one.email] = (200, body)
    outcome = await transport.deliver(one, TIMEOUT)
    assert isinstance(outcome, Undelivered)
    assert not outcome.permanent


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (422, True), (401, False), (404, False), (409, False), (429, False), (302, False), (500, False)],
)
async def test_only_a_refusal_of_this_very_letter_is_permanent(
    rest: tuple[MailTransport, RestMailPeer], status: int, permanent: bool
) -> None:
    transport, peer = rest
    one = letter()
    peer.answers[one.email] = (status, b'{"outcome":"sent"}')
    assert await transport.deliver(one, TIMEOUT) == Undelivered(f"status_{status}", permanent=permanent)
