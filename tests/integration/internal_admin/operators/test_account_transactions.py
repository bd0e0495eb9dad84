"""A change of an operator's account is one transaction with its audit row: both, or neither (SPEC §10.8)."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.control_plane import AUTH, ControlPlane, open_control_plane
from tests.support.operator_accounts import (
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    RegisteredOwner,
    forget_operators,
    fresh_owner,
    log_in,
    register,
    registration_token,
    setup_code,
)
from tests.support.world import World

Change = Callable[[ControlPlane, RegisteredOwner], httpx.Response]

CHANGES: dict[str, Change] = {
    "log in": lambda plane, _: log_in(plane),
    "change": lambda plane, owner: plane.post(
        f"{AUTH}/password/change",
        {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        token=owner.session_token,
    ),
    "regenerate": lambda plane, owner: plane.post(
        f"{AUTH}/recovery-codes/regenerate", {"current_password": PASSWORD}, token=owner.session_token
    ),
    "recover": lambda plane, owner: plane.post(
        f"{AUTH}/password/recover",
        {"user_name": NAME, "recovery_code": owner.recovery_codes[0], "new_password": OTHER_PASSWORD},
    ),
}


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@contextmanager
def unaudited(world: World) -> Generator[None]:
    """The internal role cannot write to the trail for a while."""
    world.database.execute("revoke insert on audit_events from authsession_internal")
    try:
        yield
    finally:
        world.database.execute("grant insert on audit_events to authsession_internal")


def state(world: World) -> list[str]:
    """Every row about operators, as text."""
    tables = ("owner_setup", "operators", "operator_sessions", "api_tokens")
    return [str(world.database.execute(f"select {table}::text as row from {table} order by 1")) for table in tables]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_cannot_be_audited_does_not_happen(world: World, plane: ControlPlane, change: str) -> None:
    owner = fresh_owner(world, plane)
    before = state(world)
    with unaudited(world):
        assert CHANGES[change](plane, owner).status_code == 503
    assert state(world) == before
    assert CHANGES[change](plane, owner).status_code == 200  # the same request, when it can be
    assert state(world) != before


def test_a_wrong_password_that_cannot_be_audited_does_not_count(world: World, plane: ControlPlane) -> None:
    fresh_owner(world, plane)
    before = state(world)
    with unaudited(world):
        assert log_in(plane, "Wrong horse 7 staple").status_code == 503
    assert state(world) == before


def test_a_setup_code_and_a_token_are_not_used_up_by_what_cannot_be_audited(world: World, plane: ControlPlane) -> None:
    forget_operators(world)
    code = setup_code(world)
    before = state(world)
    with unaudited(world):
        assert plane.post(f"{AUTH}/bootstrap/exchange", {"setup_code": code}).status_code == 503
    assert state(world) == before
    token = registration_token(world, plane)
    before = state(world)
    with unaudited(world):
        assert register(plane, token).status_code == 503
    assert state(world) == before
    assert register(plane, token).status_code == 200
