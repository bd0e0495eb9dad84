"""Races over tokens on real Postgres: N calls behind a barrier, then a count."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.internal_admin.domain.api_token import Created, CreateToken, Creator, RevokeToken, new_token_secret
from services.internal_admin.domain.mutation import Caller
from services.internal_admin.domain.scope import Scope
from services.internal_admin.store import api_tokens
from services.internal_admin.store.operator_administration import reset_operator
from shared.io.postgres import Postgres
from shared.kernel.actor import Actor
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_token_id
from tests.support.api_tokens import make_token
from tests.support.control_plane import PASSWORD_HASH_OF_NOBODY, ControlPlane, SignedIn, open_control_plane
from tests.support.public_flow import race
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
    secret, token_id = new_token_secret(SystemEntropy()), new_token_id(SystemClock(), SystemEntropy())
    return partial(
        pool.unit_of_work, partial(api_tokens.create_token, command=command, token_id=token_id, secret=secret)
    )


def reset(pool: Postgres, session: SignedIn) -> Any:
    unit = partial(
        reset_operator,
        name=session.operator_id,
        password_hash=PASSWORD_HASH_OF_NOBODY,
        code_hash=PASSWORD_HASH_OF_NOBODY,
        caller=CALLER,
        actor=Actor("command_line", "tester"),
    )
    return partial(pool.unit_of_work, unit)


def test_no_token_outlives_the_recovery_of_its_creator(world: World, wide_pool: Postgres, plane: ControlPlane) -> None:
    """Somebody with a stolen session makes tokens while its owner ends all of them."""
    outcomes: Counter[str] = Counter()
    for place in range(ROUNDS):
        session = plane.open_session(plane.add_operator())
        calls = [creation(wide_pool, session) for _ in range(CONTENDERS)]
        calls.insert(place, reset(wide_pool, session))
        results = world.call(race, *calls)
        outcomes.update(result.name for result in results)
        states = world.database.execute(
            "select revoked_at is null as lives from api_tokens where created_by = $1", session.operator_id
        )
        assert len(states) == sum(isinstance(result, Created) for result in results)
        assert not any(row["lives"] for row in states)
    assert outcomes["created"] > 0, "some came before the recovery"
    assert outcomes["invalid_credentials"] > 0, "some came after it"


def test_of_many_revocations_one_revokes(world: World, wide_pool: Postgres) -> None:
    token_id, _ = make_token(world, [Scope.SESSIONS_READ])
    unit = partial(api_tokens.revoke_token, command=RevokeToken(token_id, "test", CALLER))
    results = world.call(race, *[partial(wide_pool.unit_of_work, unit)] * CONTENDERS)
    assert Counter(results) == {"revoked": 1, "already_revoked": CONTENDERS - 1}
