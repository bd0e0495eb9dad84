"""Races over tokens on real Postgres: N calls behind a barrier, then a count."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.internal_admin.callers.identity import Caller, Scope
from services.internal_admin.callers.secret import new_secret
from services.internal_admin.operators.store.administration import reset_operator
from services.internal_admin.tokens import store as tokens_store
from services.internal_admin.tokens.domain import (
    MARK,
    Created,
    CreateToken,
    Creator,
    CreatorGone,
    RevokeToken,
)
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_token_id
from tests.support.api_tokens import make_token
from tests.support.control_plane import PASSWORD_HASH_OF_NOBODY, ControlPlane, SignedIn, open_control_plane
from tests.support.public_flow import contender, race
from tests.support.stack import wait_for
from tests.support.world import World

ROUNDS = 12
CONTENDERS = 16
CALLER = Caller("operator-1", "192.0.2.7", "request-1")


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


def creation(pool: Postgres, session: SignedIn) -> Any:
    creator = Creator(session.operator_id, session.operator_session_id)
    command = CreateToken("raced", frozenset([Scope.SESSIONS_READ]), timedelta(days=1), creator, CALLER)
    secret, token_id = new_secret(SystemEntropy(), MARK), new_token_id(SystemClock(), SystemEntropy())
    return contender(pool, tokens_store.create_token, command, token_id, secret)


def reset(pool: Postgres, session: SignedIn) -> Any:
    return contender(
        pool,
        reset_operator,
        name=session.operator_id,
        password_hash=PASSWORD_HASH_OF_NOBODY,
        code_hash=PASSWORD_HASH_OF_NOBODY,
        caller=CALLER,
        actor=Actor("command_line", "tester"),
    )


def test_no_token_outlives_the_recovery_of_its_creator(world: World, wide_pool: Postgres, plane: ControlPlane) -> None:
    """Somebody with a stolen session makes tokens while its owner ends all of them."""
    for place in range(ROUNDS):
        session = plane.open_session(plane.add_operator())
        calls = [creation(wide_pool, session) for _ in range(CONTENDERS)]
        calls.insert(place, reset(wide_pool, session))
        results = world.call(race, *calls)
        states = world.database.execute(
            "select revoked_at is null as lives from api_tokens where created_by = $1", session.operator_id
        )
        assert len(states) == sum(isinstance(result, Created) for result in results)
        assert not any(row["lives"] for row in states)


def test_a_token_asked_for_while_its_operators_sessions_end_waits_and_is_not_made(
    world: World, wide_pool: Postgres, plane: ControlPlane
) -> None:
    """The same race held still: recovery has locked and revoked, and not committed yet."""
    session = plane.open_session(plane.add_operator())
    lock = f"select 1 from operators where operator_id = '{session.operator_id}' for update"
    revoke = f"""
        update operator_sessions set revoked_at = clock_now(), revoke_reason_code = 'test'
         where operator_id = '{session.operator_id}'
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(world.database.execute, f"begin; {lock}; {revoke}; select pg_sleep(1); commit;")
        wait_for(lambda: not world.database.execute(f"{lock} skip locked"))
        outcome = world.call(creation(wide_pool, session))
    assert outcome == CreatorGone()
    assert world.database.execute("select from api_tokens where created_by = $1", session.operator_id) == []


def test_of_many_revocations_one_revokes(world: World, wide_pool: Postgres) -> None:
    token_id, _ = make_token(world, [Scope.SESSIONS_READ])
    revocation = contender(wide_pool, tokens_store.revoke_token, RevokeToken(token_id, "test", CALLER))
    results = world.call(race, *[revocation] * CONTENDERS)
    assert Counter(results) == {"revoked": 1, "already_revoked": CONTENDERS - 1}
