"""The runs: each system on a fresh database, with new and returning users, several times."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from authsession.embedded.postgres import EmbeddedPostgres
from bench.peers.load import Load
from bench.peers.mail_sink import MailSink
from bench.peers.measurement import Measurement, measure
from bench.peers.people import NewPeople, ReturningPeople
from bench.peers.system import System


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of each window, and of the load before it."""

    warm_up: float
    seconds: float
    runs: int
    clients: Sequence[int] = (1, 8, 32)


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """The subject of one measurement."""

    system: str
    users: str
    clients: int


def run_once(system: System, server: EmbeddedPostgres, sink: MailSink, plan: Plan) -> dict[Case, Measurement]:
    """One run of one system: new users first, who then return."""
    results: dict[Case, Measurement] = {}
    with system.running(server, sink.port, has_limits=False) as running:
        known: list[str] = []
        for users in ("new", "returning"):
            for clients in plan.clients:
                people = NewPeople(f"person-{clients}-") if users == "new" else ReturningPeople(known)
                load = Load(system, running, sink, people)
                measured = measure(server, running, load, clients=clients, warm_up=plan.warm_up, seconds=plan.seconds)
                results[Case(system.name, users, clients)] = asyncio.run(measured)
                known += [login.email for login in load.finished if users == "new"]
    return results
