"""A mutation is one transaction under the lock of the e-mail's row: all of it happens, or nothing (SPEC §3.7, §4.2)."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.builders import StoredUser, store_session, store_user
from tests.support.internal_api import InternalApi
from tests.support.world import World

Mutation = Callable[[InternalApi, StoredUser, str], httpx.Response]

CHANGES: dict[str, Mutation] = {
    "revoke": lambda api, _user, session_id: api.revoke(session_id),
    "revoke_all": lambda api, user, _session_id: api.revoke_all(user.user_id),
    "block_email": lambda api, user, _session_id: api.block(email=user.email),
    "block_user": lambda api, user, _session_id: api.block(user_id=user.user_id),
}
MUTATIONS: dict[str, Mutation] = {
    **CHANGES,
    "unblock_email": lambda api, user, _session_id: api.unblock(email=user.email),
    "unblock_user": lambda api, user, _session_id: api.unblock(user_id=user.user_id),
}


def rows(world: World, session_id: str) -> tuple[int, int, int]:
    """Blocks, audit rows, and the session's outbox rows (the relay still settles those of others)."""
    [row] = world.database.execute(
        """
        select (select count(*) from blocks), (select count(*) from audit_events),
               (select count(*) from projection_outbox where device_session_id = $1)
        """,
        session_id,
    )
    return row[0], row[1], row[2]


def version(world: World, user: StoredUser) -> int:
    return world.database.execute("select version from emails where email_id = $1", user.email_id)[0][0]


@contextmanager
def without(world: World, table: str) -> Generator[None]:
    """The table is out of reach of the internal role for a while."""
    world.database.execute(f"revoke insert on {table} from authsession_internal")
    try:
        yield
    finally:
        world.database.execute(f"grant insert on {table} to authsession_internal")


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_raises_the_version_that_guards_logins(world: World, api: InternalApi, mutation: str) -> None:
    user = store_user(world.database)
    session_id = store_session(world.database, user).device_session_id
    before = version(world, user)

    assert MUTATIONS[mutation](api, user, session_id).status_code == 200

    assert version(world, user) > before


@pytest.mark.parametrize("table", ["audit_events", "projection_outbox"])
@pytest.mark.parametrize("mutation", CHANGES)
def test_a_change_that_cannot_be_audited_or_queued_does_not_happen(
    world: World, api: InternalApi, mutation: str, table: str
) -> None:
    user = store_user(world.database)
    session_id = store_session(world.database, user).device_session_id
    before = version(world, user), rows(world, session_id)

    with without(world, table):
        assert CHANGES[mutation](api, user, session_id).status_code == 503

    assert api.get(f"/sessions/{session_id}").json()["session"]["status"] == "active"
    assert (version(world, user), rows(world, session_id)) == before
    assert CHANGES[mutation](api, user, session_id).status_code == 200  # the same request, when it is back
