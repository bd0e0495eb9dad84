"""Sessions of operators and API tokens go when they ended as long ago as the setting says, not before (SPEC §5.4)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support.builders import unique
from tests.support.control_plane import AUTH, ControlPlane, open_control_plane
from tests.support.retention import Sweep, count
from tests.support.world import World

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SESSION_LIFE, RETENTION = 7 * DAY, 90 * DAY


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


def test_sessions_of_operators_go_by_their_absolute_end_revoked_or_not(world: World, plane: ControlPlane) -> None:
    idle, revoked = plane.claim_owner(), plane.claim_owner()
    plane.post(f"{AUTH}/logout", token=revoked.session_token)
    ids = [idle.operator_session_id, revoked.operator_session_id]
    sweep, condition = Sweep(world), "operator_session_id = any ($1)"

    world.travel(SESSION_LIFE + RETENTION - MINUTE)
    lasting = plane.claim_owner()
    sweep()
    assert count(world.database, "operator_sessions", condition, ids) == 2

    world.travel(2 * MINUTE)
    sweep()
    assert count(world.database, "operator_sessions", condition, ids) == 0
    assert count(world.database, "operator_sessions", condition, [lasting.operator_session_id]) == 1


def test_tokens_go_by_their_end_and_operators_stay(world: World, plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    token_id = unique("token-")
    world.database.execute(
        """
        insert into api_tokens (token_id, name, prefix, token_hash, scopes, created_by, created_at, expires_at)
        values ($1, 'ci', 'x', sha256($2::bytea), '{sessions:read}', $3, clock_now(), clock_now() + interval '1 day')
        """,
        token_id,
        token_id.encode(),
        owner.operator_id,
    )
    sweep = Sweep(world)

    world.travel(DAY + RETENTION - MINUTE)
    sweep()
    assert count(world.database, "api_tokens", "token_id = $1", token_id) == 1

    world.travel(2 * MINUTE)
    sweep()
    assert count(world.database, "api_tokens", "token_id = $1", token_id) == 0
    assert count(world.database, "operators", "operator_id = $1", owner.operator_id) == 1
