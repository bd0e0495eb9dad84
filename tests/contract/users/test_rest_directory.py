"""The REST directory against a real HTTP server that does everything a neighbour can do wrong."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import trio

from contracts.user_service import BlockedUser, CreatableUser, ExistingUser, RegistrationContext
from shared.config.user_service import UserServiceSettings
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.request_id import current_request_id
from shared.users.rest import RestDirectory, open_user_directory
from tests.support.user_service import Fault, UserServicePeer, user_service_peer

TIMEOUT = timedelta(seconds=0.6)
EMAIL = "Pilot@example.com"
BERLIN = RegistrationContext("de", "Europe/Berlin")

OPERATIONS: dict[str, Callable[[RestDirectory], Awaitable[object]]] = {
    "resolve": lambda users: users.resolve_by_email(EMAIL),
    "ensure": lambda users: users.ensure_by_email(EMAIL, BERLIN),
    "exists": lambda users: users.exists("user-1"),
    "block_user": lambda users: users.block_user("user-1", "policy_blocked"),
    "block_email": lambda users: users.block_email(EMAIL, "policy_blocked"),
}


@pytest.fixture
def peer() -> Iterator[UserServicePeer]:
    with user_service_peer() as running:
        running.users["known@example.com"] = "user-1"
        yield running


@asynccontextmanager
async def directory_of(peer: UserServicePeer, path: str = "") -> AsyncGenerator[RestDirectory]:
    async with open_user_directory(UserServiceSettings(peer.url + path, TIMEOUT)) as users:
        assert users is not None
        yield users


async def test_the_contract_from_end_to_end(peer: UserServicePeer) -> None:
    async with directory_of(peer) as users:
        assert await users.resolve_by_email(EMAIL) == CreatableUser()
        made = await users.ensure_by_email(EMAIL, BERLIN)
        assert made == ExistingUser(peer.users[EMAIL], is_new=True)
        assert peer.registrations[EMAIL] == {"preferred_language": "de", "time_zone": "Europe/Berlin"}
        assert await users.ensure_by_email(EMAIL, BERLIN) == ExistingUser(peer.users[EMAIL])
        assert await users.resolve_by_email(EMAIL) == ExistingUser(peer.users[EMAIL])
        assert await users.exists(peer.users[EMAIL])
        assert not await users.exists("nobody")
        assert await users.block_user(peer.users[EMAIL], "policy_blocked")
        assert await users.block_user(peer.users[EMAIL], "policy_blocked")
        assert await users.resolve_by_email(EMAIL) == BlockedUser()
        assert await users.ensure_by_email(EMAIL, BERLIN) == BlockedUser()
        assert not await users.block_user("nobody", "policy_blocked")
        assert await users.block_email("new@example.com", "policy_blocked")
        assert await users.resolve_by_email("new@example.com") == BlockedUser()


async def test_text_that_no_id_could_be_is_nobody_and_is_not_asked_about(peer: UserServicePeer) -> None:
    async with directory_of(peer) as users:
        for text in ("", "..", "a/b", "pilot@example.com", "x" * 129, "é"):
            assert not await users.exists(text)
    assert peer.calls == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", ["stall", "hang_up", "redirect", 400, 401, 500, 503])
async def test_everything_but_an_answer_is_unavailability(
    peer: UserServicePeer, operation: str, fault: Fault | int
) -> None:
    async with directory_of(peer) as users:
        peer.fault = fault
        with trio.fail_after(3), pytest.raises(DependencyUnavailable, match="user_service is unavailable"):
            await OPERATIONS[operation](users)


@pytest.mark.parametrize("operation", ["resolve", "ensure", "exists"])
@pytest.mark.parametrize("fault", ["garbage", "unexpected", "contradiction", "too_long", 404])
async def test_an_answer_that_is_not_of_the_contract_is_unavailability(
    peer: UserServicePeer, operation: str, fault: Fault | int
) -> None:
    async with directory_of(peer) as users:
        peer.fault = fault
        if operation == "exists" and fault == 404:
            assert not await users.exists("user-1")  # the one place where the contract gives 404 a meaning
            return
        with pytest.raises(DependencyUnavailable):
            await OPERATIONS[operation](users)


async def test_a_dead_service_is_called_a_few_times_and_then_left_alone_until_it_is_back(peer: UserServicePeer) -> None:
    async with directory_of(peer) as users:
        peer.fault = 503
        for _ in range(50):
            with pytest.raises(DependencyUnavailable):
                await users.exists("user-1")
        assert len(peer.calls) == 5
        peer.fault = None
        await trio.sleep(1.1)
        assert await users.exists("user-1")


async def test_an_address_that_trips_the_service_does_not_open_the_circuit_for_others(peer: UserServicePeer) -> None:
    async with directory_of(peer) as users:
        for fault in (400, 500, "garbage"):
            peer.fault = fault
            for _ in range(10):
                with pytest.raises(DependencyUnavailable):
                    await users.resolve_by_email(EMAIL)
        peer.fault = None
        assert await users.exists("user-1")


async def test_a_service_that_restarts_is_found_again_and_a_broken_connection_costs_nothing(
    peer: UserServicePeer,
) -> None:
    async with directory_of(peer) as users:
        assert await users.exists("user-1")
        peer.stop()
        with pytest.raises(DependencyUnavailable):
            await users.exists("user-1")
        peer.start()
        assert await users.exists("user-1")


async def test_a_nearer_deadline_of_the_caller_holds(peer: UserServicePeer) -> None:
    async with directory_of(peer) as users:
        peer.fault = "stall"
        began = trio.current_time()
        with trio.move_on_after(0.05) as scope:
            await users.exists("user-1")
        assert scope.cancelled_caught
        assert trio.current_time() - began < TIMEOUT.total_seconds()


async def test_the_request_id_goes_along_and_a_base_url_may_have_a_path(peer: UserServicePeer) -> None:
    token = current_request_id.set("request-7")
    async with directory_of(peer, "/people") as users:
        with pytest.raises(DependencyUnavailable):
            await users.resolve_by_email(EMAIL)
    current_request_id.reset(token)
    assert peer.routes() == ["POST /people/api/v1/internal/user-resolutions/by-email"]
    assert peer.request_ids == ["request-7"]
