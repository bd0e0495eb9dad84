"""The bench beside the peers, on this system alone: what it counts is what happened."""

import asyncio
from collections.abc import Iterator

import pytest

from authsession.embedded.postgres import EmbeddedPostgres
from bench.peers import attacks
from bench.peers.authsession import Authsession
from bench.peers.evidence import OfAuthsession
from bench.peers.load import Load
from bench.peers.mail_sink import MailSink
from bench.peers.measurement import Measurement, measure
from bench.peers.people import NewPeople, ReturningPeople
from bench.peers.scene import Scene
from bench.peers.system import Running
from tests.support.database import run_sql

SYSTEM = Authsession()


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    mail_sink = MailSink()
    yield mail_sink
    mail_sink.close()


@pytest.fixture(scope="module")
def running(postgres_server: EmbeddedPostgres, template: str, sink: MailSink) -> Iterator[Running]:
    with SYSTEM.running(postgres_server, sink.port, has_limits=False) as running:
        yield running


@pytest.fixture(scope="module")
def scene(running: Running) -> Scene:
    return Scene(SYSTEM, running)


def _sessions(running: Running) -> int:
    return run_sql(running.dsn, "select count(*) from device_sessions")[0][0]


def _measured(postgres_server: EmbeddedPostgres, running: Running, load: Load) -> Measurement:
    return asyncio.run(measure(postgres_server, running, load, clients=4, warm_up=0.2, seconds=0.5))


def test_every_login_that_is_counted_is_a_session_of_its_own(
    postgres_server: EmbeddedPostgres, running: Running, sink: MailSink
) -> None:
    before = _sessions(running)
    load = Load(SYSTEM, running, sink, NewPeople("new"))
    measured = _measured(postgres_server, running, load)
    emails = [login.email for login in load.finished]
    assert len(emails) == len(set(emails)) == _sessions(running) - before
    assert 0 < measured.logins <= len(emails)
    assert measured.service_cpu > 0
    assert measured.postgres_cpu > 0
    assert measured.memory > 0
    assert 1 < measured.writing_commits < 10


def test_returning_people_are_not_new_users(
    postgres_server: EmbeddedPostgres, running: Running, sink: MailSink
) -> None:
    people = NewPeople("again")
    asyncio.run(Load(SYSTEM, running, sink, people).run(2, 0.2))
    users = run_sql(running.dsn, "select count(*) from users")[0][0]
    load = Load(SYSTEM, running, sink, ReturningPeople(people.known))
    asyncio.run(load.run(2, 0.3))
    assert load.finished
    assert run_sql(running.dsn, "select count(*) from users")[0][0] == users


def test_both_public_processes_serve(running: Running) -> None:
    assert len(set(running.addresses)) == 2
    clients = list(running.clients(3))
    answers = [asyncio.run(client.exchange("/readyz", {})) for client in clients[:2]]
    assert [answer.status for answer in answers] == [405, 405]


def test_the_probes_see_five_guesses_compared_and_the_code_of_the_owner_alive(scene: Scene, sink: MailSink) -> None:
    async def probe() -> tuple[str, str]:
        async with sink.telling(scene.take_mail):
            parallel = await attacks.parallel_guesses(scene, OfAuthsession())
            return parallel, await attacks.burn(scene, OfAuthsession())

    assert asyncio.run(probe()) == ("5 of 100", "it still works")


def test_guesses_that_are_answered_alike_and_not_compared_are_not_counted(scene: Scene, sink: MailSink) -> None:
    async def probe() -> str:
        async with sink.telling(scene.take_mail):
            return await attacks.guesses_over_resends(scene, OfAuthsession())

    compared, rest = asyncio.run(probe()).split(" ", 1)
    assert rest == "(30 of 30 resends taken)"
    assert 0 < int(compared) <= 100  # of 150 guesses
