"""The interface of a system to the bench: how it starts, and the two requests of a login."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from authsession.embedded.postgres import EmbeddedPostgres
from bench.clients import Answer, HttpClient

WORKERS = 2
PEERS = Path(__file__).parents[2] / ".peers"
SITES = Path(__file__).parent / "sites"


class Unexpected(Exception):
    """A request that had to succeed was answered otherwise."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started system: where it listens, its processes (whose children count too), its database, the owner's DSN."""

    addresses: Sequence[tuple[str, int]]
    pids: Sequence[int]
    database: str
    dsn: str = field(repr=False)

    def clients(self, number: int) -> Iterator[HttpClient]:
        """Connections in turn over the addresses, opened when first used."""
        for index in range(number):
            yield HttpClient(*self.addresses[index % len(self.addresses)])


@dataclass(slots=True)
class Login:
    """One login on its way. Times in seconds; `handle` is what the system wants back beside the code."""

    email: str
    is_new_user: bool
    handle: str = ""
    code: str | None = field(default=None, repr=False)
    is_sent: bool = False
    began: float = 0.0
    send: float = 0.0
    confirm: float = 0.0
    mailed_after: float = 0.0


class Logins(Protocol):
    """The requests of which a login is made."""

    async def send(self, client: HttpClient, login: Login, *fields: str) -> Answer:
        """Ask for a code; if it is taken, the login knows its handle. `fields` are lines of the request's head."""
        ...

    async def confirm(self, client: HttpClient, login: Login, code: str, *fields: str) -> Answer:
        """Give the code."""
        ...

    def is_sent(self, answer: Answer) -> bool:
        """Whether a send was taken."""
        ...

    def is_confirmed(self, answer: Answer) -> bool:
        """Whether a confirm ended in a session."""
        ...


class System(Logins, Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def running(self, server: EmbeddedPostgres, sink_port: int, *, has_limits: bool) -> AbstractContextManager[Running]:
        """Started on an empty database of its own with `WORKERS` processes that serve; stopped and dropped after."""
        ...
