"""Orders outlive the loss of Redis, of Postgres and of their worker (SPEC §20.2)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest
import trio

from services.internal_admin.self_service import store
from services.internal_admin.self_service.worker import SessionOrders
from shared.io.postgres import P, Postgres, T, Unit
from shared.io.redis import Redis, open_redis
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.projection_change import ProjectionChange
from shared.projection.projection import Projection
from shared.projection.relay import Relay
from tests.support.background import background
from tests.support.gateway_projection import GatewayProjection
from tests.support.public_flow import race
from tests.support.session_orders import (
    REVOKE_OTHERS,
    Device,
    Filed,
    events,
    file_signed,
    new_device,
    order,
    publish,
    revoke,
    status,
)
from tests.support.world import World

CLOSED = "127.0.0.1:1"


class Killed(BaseException):
    """The worker ends here, as by SIGKILL."""


class Dead(Exception):
    """The transaction ends here."""


STATEMENTS = 7
"""The statements of a log-out, besides those that begin and end its transaction."""


class DyingConnection:
    """A connection that fails before the statement after `left` others."""

    def __init__(self, connection: asyncpg.Connection, left: int) -> None:
        self._connection = connection
        self._left = left

    def __getattr__(self, name: str) -> Any:
        if name in ("execute", "fetch", "fetchrow", "fetchval"):
            if self._left == 0:
                raise Dead
            self._left -= 1
        return getattr(self._connection, name)


class KilledPostgres(Postgres):
    """A Postgres whose caller is killed before or after the unit of work `function`."""

    def __init__(self, postgres: Postgres, function: Callable[..., Any], *, after: bool) -> None:
        self._postgres = postgres
        self._function = function
        self._after = after

    async def unit_of_work(self, function: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if function is not self._function:
            return await self._postgres.unit_of_work(function, *args, **kwargs)
        if self._after:
            await self._postgres.unit_of_work(function, *args, **kwargs)
        raise Killed


@pytest.fixture
def lonely_relay(world: World, gateway: GatewayProjection) -> Relay:
    """A relay that finds no Redis."""
    redis = world.enter(background, _serve_no_redis)
    return Relay(world.internal, Projection(world.internal, redis, gateway.keys, stream_maxlen=100))


def test_without_redis_an_order_is_carried_out_and_published_when_redis_is_back(
    world: World, gateway: GatewayProjection, lonely_relay: Relay
) -> None:
    device = new_device(world)
    publish(gateway, device)
    order_ids = [file_signed(world, device, revoke(device))]
    away = SessionOrders(world.internal, lonely_relay)

    with pytest.raises(DependencyUnavailable, match="redis"):
        world.call(away.step)

    assert status(world, device) == ("revoked", "user_logout")
    assert order(world, order_ids[0]) == Filed("revoked", 1, is_published=False)
    assert gateway.status(device.session) == "active"
    world.call(away.step)
    assert not order(world, order_ids[0]).is_published, "it said so while gateways let the session pass"

    heal(world, gateway)

    assert order(world, order_ids[0]) == Filed("revoked", 1, is_published=True)
    assert gateway.status(device.session) == "revoked"
    gateway.publish([ProjectionChange(-1, device.session)])  # a late login cannot bring it back
    assert gateway.status(device.session) == "revoked"


def test_without_redis_the_orders_of_a_batch_wait_for_it_together(world: World, lonely_relay: Relay) -> None:
    """Ten orders that each waited for Redis would take 20 seconds."""
    devices = [new_device(world) for _ in range(10)]
    order_ids = [file_signed(world, each, revoke(each)) for each in devices]

    async def timed() -> float:
        started = trio.current_time()
        with pytest.raises(DependencyUnavailable):
            await SessionOrders(world.internal, lonely_relay).step()
        return trio.current_time() - started

    assert world.call(timed) < 10
    assert {order(world, each).outcome for each in order_ids} == {"revoked"}


@pytest.mark.parametrize(
    ("function", "after"),
    [
        (store.read_waiting_orders, True),
        (store.carry_out, False),
        (store.carry_out, True),
        (store.write_published, False),
        (store.write_published, True),
    ],
)
def test_a_worker_killed_between_two_steps_loses_and_repeats_no_order(
    world: World, gateway: GatewayProjection, function: Callable[..., Any], after: bool
) -> None:
    device = new_device(world)
    others = [new_device(world, device.user) for _ in range(2)]
    publish(gateway, *others)
    order_id = file_signed(world, device, REVOKE_OTHERS)

    dying = SessionOrders(KilledPostgres(world.internal, function, after=after), gateway.relay)
    world.call(until_killed, dying.step)

    heal(world, gateway)

    assert order(world, order_id) == Filed("revoked", 2, is_published=True)
    assert {gateway.status(each.session) for each in others} == {"revoked"}
    assert [event["outcome"] for event in events(world, device.user.user_id)] == ["revoked"]


def test_a_transaction_that_dies_at_any_statement_leaves_the_order_as_it_was(
    world: World, gateway: GatewayProjection
) -> None:
    device = new_device(world)
    order_id = file_signed(world, device, revoke(device))
    waiting = store.WaitingOrder(order_id, device.user.user_id)
    rows = "select (select count(*) from projection_outbox) + (select count(*) from audit_events) as count"
    before = world.database.execute(rows)[0]["count"]

    async def dying(connection: asyncpg.Connection, statements: int) -> bool:
        try:
            await store.carry_out(cast("asyncpg.Connection", DyingConnection(connection, statements)), waiting)
        except Dead:
            return True
        return False

    deaths = 0
    while world.call(world.internal.unit_of_work, dying, statements=deaths):
        deaths += 1
        assert order(world, order_id) == Filed(None, None, is_published=False)
        assert status(world, device) == ("active", None)
        assert world.database.execute(rows)[0]["count"] == before

    assert deaths == STATEMENTS
    assert order(world, order_id).outcome == "revoked"
    heal(world, gateway)


def test_an_order_whose_address_is_locked_holds_up_no_other(
    world: World, wide_pool: Postgres, gateway: GatewayProjection
) -> None:
    """Another transaction holds the address of the first order's user for longer than the step waits."""
    held, free = new_device(world), new_device(world)
    order_ids = [file_signed(world, each, revoke(each)) for each in (held, free)]
    is_held, may_end = trio.Event(), trio.Event()
    faults: list[DependencyUnavailable] = []

    async def hold() -> None:
        async with wide_pool.own_connection() as connection:
            await connection.unit_of_work(lock, held)
            is_held.set()
            await may_end.wait()

    async def step() -> None:
        await is_held.wait()
        try:
            await SessionOrders(world.internal, gateway.relay).step()
        except DependencyUnavailable as fault:
            faults.append(fault)
        may_end.set()

    world.call(race, hold, step)

    assert [fault.name for fault in faults] == ["postgres"]
    assert [order(world, each).outcome for each in order_ids] == [None, "revoked"]
    heal(world, gateway)
    assert order(world, order_ids[0]).outcome == "revoked"


async def _serve_no_redis(task_status: trio.TaskStatus[Redis]) -> None:
    async with open_redis(CLOSED) as redis:
        task_status.started(redis)
        await trio.sleep_forever()


async def lock(connection: Any, device: Device) -> None:
    await connection.execute("begin")
    await connection.execute("select from emails where email_id = $1 for update", device.user.email_id)


def heal(world: World, gateway: GatewayProjection) -> None:
    """Relay and worker of another process run until nothing waits."""
    world.travel(timedelta(seconds=10))
    orders = SessionOrders(world.internal, gateway.relay)
    backlog: Callable[[], Awaitable[Any]] = lambda: world.internal.unit_of_work(store.read_backlog)  # noqa: E731

    async def until_nothing_waits() -> None:
        with trio.fail_after(20):
            while True:
                await gateway.relay.step()
                await orders.step()
                if (await backlog()).orders == 0:
                    return
                await trio.sleep(0.05)

    world.call(until_nothing_waits)


async def until_killed(step: Callable[[], Awaitable[int]]) -> None:
    is_killed = False
    try:
        await step()
    except* Killed:
        is_killed = True
    assert is_killed
