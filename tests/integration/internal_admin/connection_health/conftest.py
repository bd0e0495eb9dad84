"""Connections in the database of the world, and probers of them, with every interval a fiftieth of the real one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import trio

from services.internal_admin.callers.identity import Scope
from services.internal_admin.connection_health.store import Pace
from services.internal_admin.connection_health.worker import HealthProber, Limits
from services.internal_admin.connections.probes import Prober
from shared.io.egress import Egress
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_connection_id
from shared.kernel.keyring import KeyRing
from tests.integration.internal_admin.connections.conftest import Operator
from tests.support import stack
from tests.support.api_tokens import make_token
from tests.support.background import background
from tests.support.control_plane import open_control_plane
from tests.support.far_ends import Asked
from tests.support.internal_api import gateway_keys
from tests.support.internal_service import internal_settings
from tests.support.world import World

INTERVAL = timedelta(seconds=1.2)
PROBE = timedelta(seconds=0.2)
LIMITS = Limits(
    Pace(INTERVAL, longest=timedelta(seconds=12), claim=timedelta(seconds=0.4)),
    tick=timedelta(seconds=0.02),
    probe=PROBE,
)
KEYS = KeyRing.parse("test", stack.SECRET_KEYS)
NO_USER = b'{"exists":false}'


def user_service(is_up: Callable[[], bool]) -> Callable[[Asked], tuple[int, bytes]]:
    """A user service that is there, or answers 503."""
    return lambda _: (200, NO_USER) if is_up() else (503, b"")


@dataclass(frozen=True, slots=True)
class Connections:
    """Accepted connections of user services, which need no secret, and their health as the tables hold it."""

    world: World

    def add(self, url: str) -> str:
        """Adds a connection, and returns its id, which is also its name in lower case."""
        connection_id = new_connection_id(SystemClock(), SystemEntropy())
        self.world.database.execute(
            """
            with made as (
                insert into connections
                    (connection_id, name, kind, last_revision, accepted_revision, created_at, updated_at)
                values ($1, lower($1), 'user_service', 1, 1, clock_now(), clock_now()))
            insert into connection_revisions (connection_id, revision, settings, secrets, created_by, created_at)
            values ($1, 1, $2::jsonb, '{}', 'test', clock_now())
            """,
            connection_id,
            json.dumps({"base_url": url}),
        )
        return connection_id

    def status(self, connection_id: str) -> str | None:
        return self._one("select status from connection_states where connection_id = $1", connection_id)

    def snapshots(self, connection_id: str) -> int:
        return self._one("select count(*) from connection_health where connection_id = $1", connection_id)

    def events(self, connection_id: str) -> list[str]:
        rows = self.world.database.execute(
            "select outcome from audit_events where event = 'security.change_connection_health' and subject = $1"
            " and caller = 'system' order by audit_id",
            connection_id,
        )
        return [row["outcome"] for row in rows]

    def _one(self, sql: str, connection_id: str) -> Any:
        rows = self.world.database.execute(sql, connection_id)
        return rows[0][0] if rows else None


@pytest.fixture
def connections(world: World) -> Iterator[Connections]:
    yield Connections(world)
    world.database.execute("delete from connections where kind = 'user_service' and name like 'connection-%'")


@pytest.fixture(scope="module")
def operator(world: World) -> Iterator[Operator]:
    with open_control_plane(world, requires_token=True) as plane:
        yield Operator(plane, make_token(world, [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE]).secret)


def new_prober(postgres: Postgres, limits: Limits = LIMITS) -> HealthProber:
    egress = internal_settings(gateway_keys()).process.egress
    return HealthProber(postgres, KEYS, Prober(Egress(egress.rules)), SystemEntropy(), limits)


Stop = Callable[[], None]


def start(world: World, prober: HealthProber) -> Stop:
    """Starts a prober beside the world's calls. The result ends it."""
    scope, ended = trio.CancelScope(), trio.Event()

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        try:
            with scope:
                await prober.run(task_status=task_status)
        finally:
            ended.set()

    async def stop() -> None:
        scope.cancel()
        await ended.wait()

    world.enter(background, serve)
    return lambda: world.call(stop)


@pytest.fixture
def probing(world: World) -> Iterator[None]:
    """A running prober."""
    stop = start(world, new_prober(world.internal))
    yield
    stop()
