"""The load of the bench: one request a client at a time, no waiting for mail, no login counted that did not end."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from bench.clients import Answer, HttpClient
from bench.peers.load import Load
from bench.peers.mail_sink import MailSink
from bench.peers.people import NewPeople, ReturningPeople
from bench.peers.system import Login, Running, Unexpected

SECONDS = 0.3
GOOD = Answer(200, b"", b"{}")
NOWHERE = Running([("127.0.0.1", 9)], [], "none", "none")


class Rehearsal:
    """A system without a network: `mail_after` seconds behind a send its code comes; `refused` e-mails are refused."""

    def __init__(self, sink: MailSink, *, mail_after: float = 0.0, refused: str = "") -> None:
        self._sink, self._mail_after, self._refused = sink, mail_after, refused
        self.under_way = self.most_under_way = 0
        self.logging_in: set[str] = set()
        self.doubles = 0

    async def send(self, client: HttpClient, login: Login, *fields: str) -> Answer:
        del client, fields
        self.doubles += login.email in self.logging_in
        self.logging_in.add(login.email)
        await self._take_time()
        asyncio.get_running_loop().call_later(self._mail_after, self._mail, login.email)
        return GOOD

    async def confirm(self, client: HttpClient, login: Login, code: str, *fields: str) -> Answer:
        del client, fields
        await self._take_time()
        assert code == f"code of {login.email}"
        self.logging_in.remove(login.email)
        return Answer(400, b"refused", b"") if login.email == self._refused else GOOD

    def is_sent(self, answer: Answer) -> bool:
        return answer.status == 200

    is_confirmed = is_sent

    async def _take_time(self) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.002)
        self.under_way -= 1

    def _mail(self, email: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
            endpoint.sendto(f"{email}\ncode of {email}".encode(), ("127.0.0.1", self._sink.port))


@pytest.fixture
def sink() -> Iterator[MailSink]:
    mail_sink = MailSink()
    yield mail_sink
    mail_sink.close()


@pytest.mark.parametrize("mail_after", [0.0, 0.05])
def test_each_client_has_one_request_under_way_and_none_waits_for_mail(sink: MailSink, mail_after: float) -> None:
    system = Rehearsal(sink, mail_after=mail_after)
    load = Load(system, NOWHERE, sink, NewPeople("a"))
    asyncio.run(load.run(4, SECONDS))
    assert system.most_under_way == 4
    assert len(load.finished) > SECONDS / 0.05 * 4  # more than clients that wait for their mails could
    assert all(login.mailed_after >= mail_after for login in load.finished)


def test_every_login_that_began_ends_and_is_counted(sink: MailSink) -> None:
    system = Rehearsal(sink, mail_after=0.05)
    load = Load(system, NOWHERE, sink, NewPeople("a"))
    asyncio.run(load.run(3, SECONDS))
    assert not system.logging_in
    assert all(login.send > 0 and login.confirm > 0 for login in load.finished)


def test_a_person_never_logs_in_twice_at_once(sink: MailSink) -> None:
    system = Rehearsal(sink, mail_after=0.01)
    load = Load(system, NOWHERE, sink, ReturningPeople(["a", "b", "c"]))
    asyncio.run(load.run(8, SECONDS))
    assert system.doubles == 0
    assert {login.email for login in load.finished} == {"a", "b", "c"}


def test_a_refused_login_ends_the_load(sink: MailSink) -> None:
    load = Load(Rehearsal(sink, refused="a3@example.com"), NOWHERE, sink, NewPeople("a"))
    with pytest.raises(ExceptionGroup) as failed:
        asyncio.run(load.run(2, SECONDS))
    assert failed.group_contains(Unexpected)
    assert "a3@example.com" not in {login.email for login in load.finished}
