"""The cost of a token's check, and its last use: kept in seconds, once a minute at most, in nobody's way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.internal_admin.access.flow import Authenticate, OperatorAuthenticator
from services.internal_admin.callers.identity import Scope
from services.internal_admin.operator_sessions.domain import SessionLives
from services.internal_admin.tokens.uses import KeepTokenUses, TokenUses
from shared.io.postgres import P, Postgres, T, Unit
from tests.support.api_tokens import MadeToken, make_token
from tests.support.stack import wait_for
from tests.support.world import World


class Replica:
    """One process: it checks tokens, and keeps their uses when told to."""

    def __init__(self, world: World, postgres: Postgres | None = None) -> None:
        uses = TokenUses()
        sessions = OperatorAuthenticator(world.internal, SessionLives(timedelta(days=7)))
        self._world = world
        self._authenticate = Authenticate(postgres or world.internal, sessions, uses, break_glass_token=None)
        self._worker = KeepTokenUses(world.internal, uses)

    def use(self, token: MadeToken) -> None:
        assert self._world.call(self._authenticate.by_bearer, token.secret) is not None

    def keep(self) -> int:
        return self._world.call(self._worker.step)


@pytest.fixture
def token(world: World) -> MadeToken:
    return make_token(world, [Scope.SESSIONS_READ])


def state(world: World, token: MadeToken) -> tuple[Any, str]:
    """Last use, and which transaction wrote the row."""
    (row,) = world.database.execute(
        "select last_used_at, xmin::text from api_tokens where token_id = $1", token.token_id
    )
    return row[0], row[1]


def test_a_use_is_kept_by_the_next_step(world: World, token: MadeToken) -> None:
    replica = Replica(world)
    assert state(world, token)[0] is None
    assert replica.keep() == 0
    replica.use(token)
    assert replica.keep() == 1
    kept = state(world, token)
    assert kept[0] is not None
    replica.use(token)
    assert replica.keep() == 0, "not within the same minute"
    assert state(world, token) == kept


def test_two_replicas_write_once_a_minute_together(world: World, token: MadeToken) -> None:
    one, other = Replica(world), Replica(world)
    one.use(token)
    other.use(token)
    assert one.keep() == 1
    kept = state(world, token)
    assert other.keep() == 1
    assert state(world, token) == kept
    world.database.execute(
        "update api_tokens set last_used_at = last_used_at - interval '61 seconds' where token_id = $1", token.token_id
    )
    other.use(token)
    other.keep()
    assert state(world, token)[0] > kept[0] - timedelta(seconds=60)


def test_a_check_is_one_statement_that_writes_nothing(world: World, token: MadeToken) -> None:
    """All that token mode costs a request."""
    statements: list[str] = []
    before = state(world, token)

    class Watched(Postgres):
        async def unit_of_work(self, function: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
            async def watched(connection: asyncpg.Connection) -> T:
                with connection.query_logger(lambda record: statements.append(record.query)):
                    return await function(connection, *args, **kwargs)

            return await world.internal.unit_of_work(watched)

    watched = Watched.__new__(Watched)
    replica = Replica(world, watched)
    replica.use(token)
    assert len(statements) == 1
    assert state(world, token) == before


def test_a_locked_row_delays_neither_the_check_nor_the_worker(world: World, token: MadeToken) -> None:
    """A revocation that waits, say, for somebody else's transaction."""
    replica = Replica(world)
    hold = (
        f"begin; select 1 from api_tokens where token_id = '{token.token_id}' for update; select pg_sleep(2); commit;"
    )
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(world.database.execute, hold)
        wait_for(lambda: not is_free(world, token))
        replica.use(token)
        assert replica.keep() == 1
        assert not holding.done()
        assert state(world, token)[0] is None, "left out: its next use is kept"


def is_free(world: World, token: MadeToken) -> bool:
    query = "select 1 from api_tokens where token_id = $1 for update skip locked"
    return bool(world.database.execute(query, token.token_id))
