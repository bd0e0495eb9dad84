"""Orders that carry a valid proof are carried out once, audited, and published (SPEC §20.2)."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.internal_admin.blocks import store as blocks_store
from services.internal_admin.blocks.domain import BlockSubject
from services.internal_admin.changes.domain import NOTHING
from services.internal_admin.self_service import store
from services.internal_admin.self_service.store import WaitingOrder
from services.internal_admin.self_service.worker import OrderWatch, SessionOrders
from services.internal_admin.users.domain import DeleteUser
from services.internal_admin.users.store import delete_user
from shared.io.postgres import Postgres
from shared.kernel.block import Subject
from tests.support.builders import StoredUser, store_user, unique
from tests.support.gateway_projection import GatewayProjection
from tests.support.public_flow import contender, race
from tests.support.session_orders import (
    NAME,
    REVOKE_OTHERS,
    Device,
    Filed,
    events,
    file_order,
    file_signed,
    file_token,
    new_device,
    order,
    publish,
    revoke,
    signed,
    status,
    store_notice,
)
from tests.support.trusted import CAUSE
from tests.support.world import World


@pytest.fixture
def user(world: World) -> StoredUser:
    return store_user(world.database)


@pytest.fixture
def device(world: World, user: StoredUser) -> Device:
    return new_device(world, user)


def test_a_device_logs_out_at_every_gateway(
    world: World, gateway: GatewayProjection, orders: SessionOrders, device: Device
) -> None:
    publish(gateway, device)
    assert gateway.status(device.session) == "active"
    order_id = file_signed(world, device, revoke(device))

    assert world.call(orders.step) == 1

    assert order(world, order_id) == Filed("revoked", 1, is_published=True)
    assert status(world, device) == ("revoked", "user_logout")
    assert gateway.status(device.session) == "revoked"
    (event,) = events(world, device.id)
    told = {
        name: event[name] for name in ("event", "outcome", "caller", "actor_type", "actor_id", "network", "request_id")
    }
    assert told == {
        "event": "security.revoke_session",
        "outcome": "revoked",
        "caller": device.id,
        "actor_type": "user",
        "actor_id": device.user.user_id,
        "network": "192.0.2.1",
        "request_id": "http-1",
    }


def test_a_device_ends_another_of_its_user(
    world: World, orders: SessionOrders, user: StoredUser, device: Device
) -> None:
    other = new_device(world, user)

    order_ids = [file_signed(world, device, revoke(other)) for _ in range(2)]
    world.call(orders.step)

    assert [order(world, each) for each in order_ids] == [
        Filed("revoked", 1, is_published=True),
        Filed("already_revoked", None, is_published=True),
    ]
    assert status(world, other) == ("revoked", "user_revoked_device")
    assert status(world, device) == ("active", None)
    assert [event["outcome"] for event in events(world, other.id)] == ["revoked"]


def test_sessions_of_others_and_of_nobody_are_not_found(world: World, orders: SessionOrders, device: Device) -> None:
    stranger = new_device(world)
    order_ids = [
        file_signed(world, device, revoke(stranger)),
        file_signed(world, device, "DELETE /api/v1/public/device-sessions/device-session-of-nobody"),
        file_signed(world, device, "DELETE /api/v1/public/device-sessions/no%20id"),
    ]

    world.call(orders.step)

    assert {order(world, each) for each in order_ids} == {Filed("session_not_found", None, is_published=True)}
    assert status(world, stranger) == ("active", None)
    assert not events(world, stranger.id, device.id)


def test_a_device_ends_all_others_that_were_there_when_the_order_was_received(
    world: World, gateway: GatewayProjection, orders: SessionOrders, user: StoredUser, device: Device
) -> None:
    others = [new_device(world, user) for _ in range(3)]
    stranger = new_device(world)
    order_id = file_signed(world, device, REVOKE_OTHERS)
    late = new_device(world, user)

    world.call(orders.step)

    assert order(world, order_id) == Filed("revoked", 3, is_published=True)
    assert {status(world, each) for each in others} == {("revoked", "user_revoked_device")}
    assert {status(world, each) for each in (device, late, stranger)} == {("active", None)}
    assert {gateway.status(each.session) for each in others} == {"revoked"}
    (event,) = events(world, user.user_id)
    assert (event["event"], event["caller"]) == ("security.revoke_user_sessions", device.id)
    assert json.loads(event["details"]) == {"affected_session_count": 3}

    again = file_signed(world, late, REVOKE_OTHERS)
    world.call(orders.step)
    assert order(world, again) == Filed("revoked", 1, is_published=True)
    alone = file_signed(world, late, REVOKE_OTHERS)
    world.call(orders.step)
    assert order(world, alone) == Filed("no_active_sessions", 0, is_published=True)


def test_1200_others_end_in_two_parts(
    world: World, gateway: GatewayProjection, orders: SessionOrders, user: StoredUser, device: Device
) -> None:
    store_many(world, user, 1_200)
    order_id = file_signed(world, device, REVOKE_OTHERS)

    world.call(orders.step)

    assert order(world, order_id) == Filed("revoked", 1_200, is_published=True)
    assert active_sessions(world, user) == 1
    told = [(event["outcome"], json.loads(event["details"])) for event in events(world, user.user_id)]
    assert told == [
        ("revoked", {"affected_session_count": 1_000}),
        ("continued", {"affected_session_count": 200}),
    ]


def test_another_worker_finishes_an_order_that_one_left_in_the_middle(
    world: World, gateway: GatewayProjection, orders: SessionOrders, user: StoredUser, device: Device
) -> None:
    """The worker was killed between two parts. The signer has logged out since, which does not save the others."""
    store_many(world, user, 1_200)
    order_id = file_signed(world, device, REVOKE_OTHERS)
    [waiting] = world.call(world.internal.unit_of_work, store.read_waiting_orders, limit=1)
    world.call(world.internal.unit_of_work, store.carry_out, waiting)
    world.database.execute(
        """
        update device_sessions set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test',
               revoke_actor_type = 'system' where device_session_id = $1
        """,
        device.id,
    )

    world.call(orders.step)

    assert order(world, order_id) == Filed("revoked", 1_200, is_published=False)
    assert active_sessions(world, user) == 0
    world.travel(timedelta(seconds=2))
    gateway.until(lambda: published_by_relay(world, gateway, orders, order_id), seconds=20)


def test_a_device_names_itself(world: World, orders: SessionOrders, device: Device) -> None:
    body = json.dumps({"label": "Anna’s 👩‍💻"}).encode()
    order_ids = [file_signed(world, device, NAME, body) for _ in range(2)]

    world.call(orders.step)

    assert {order(world, each) for each in order_ids} == {Filed("named", None, is_published=True)}
    (row,) = world.database.execute("select label from device_sessions where device_session_id = $1", device.id)
    assert row["label"] == "Anna’s 👩‍💻"
    (event,) = events(world, device.id)
    assert (event["event"], event["details"]) == ("security.name_session", None)


def test_the_name_goes_with_the_session(world: World, orders: SessionOrders, device: Device) -> None:
    file_signed(world, device, NAME, b'{"label": "Phone"}')
    file_signed(world, device, revoke(device))

    world.call(orders.step)

    (row,) = world.database.execute("select * from device_sessions where device_session_id = $1", device.id)
    assert (row["status"], row["label"]) == ("revoked", None)


def test_orders_of_an_ended_session_change_nothing(world: World, orders: SessionOrders, user: StoredUser) -> None:
    """Neither those of a revoked one, nor those of one past its age."""
    (row,) = world.database.execute("select clock_now() as now")
    revoked, aged = new_device(world, user), new_device(world, user, created_at=row["now"] - timedelta(days=365))
    other = new_device(world, user)
    file_signed(world, revoked, revoke(revoked))
    world.call(orders.step)

    asked = (revoke(other), REVOKE_OTHERS, revoke(revoked))
    order_ids = [file_signed(world, each, message) for each in (revoked, aged) for message in asked]
    world.call(orders.step)

    assert {order(world, each) for each in order_ids} == {Filed("session_revoked", None, is_published=True)}
    assert status(world, other) == ("active", None)


def test_a_notice_ends_its_session_once(world: World, gateway: GatewayProjection, orders: SessionOrders) -> None:
    device = new_device(world)
    other, token = new_device(world, device.user), b"once"
    store_notice(world, device, token)
    publish(gateway, device)

    order_ids = [file_token(world, token), file_token(world, token), file_token(world, token, everything=True)]
    world.call(orders.step)

    assert [order(world, each).outcome for each in order_ids] == ["revoked", "already_revoked", "already_revoked"]
    assert status(world, device) == ("revoked", "user_denied_login")
    assert status(world, other) == ("active", None)
    assert gateway.status(device.session) == "revoked"
    (event,) = events(world, device.id)
    assert (event["caller"], event["actor_type"], event["actor_id"]) == ("notice", "user", device.user.user_id)


def test_a_notice_ends_everything_of_the_user(world: World, orders: SessionOrders, device: Device) -> None:
    others, token = [new_device(world, device.user) for _ in range(2)], b"everything"
    store_notice(world, device, token)

    order_id = file_token(world, token, everything=True)
    world.call(orders.step)

    assert order(world, order_id) == Filed("revoked", 3, is_published=True)
    assert {status(world, each) for each in (device, *others)} == {("revoked", "user_denied_login")}


def test_a_notice_of_more_than_30_days_changes_nothing(world: World, orders: SessionOrders) -> None:
    young, old = new_device(world), new_device(world)
    store_notice(world, young, b"young", age=timedelta(days=30, minutes=-5))
    store_notice(world, old, b"old", age=timedelta(days=30, minutes=5))

    order_ids = [file_token(world, token) for token in (b"young", b"old", b"unknown")]
    world.call(orders.step)

    assert [order(world, each).outcome for each in order_ids] == ["revoked", "notice_expired", "notice_expired"]
    assert status(world, old) == ("active", None)


def test_a_notice_of_an_ended_session_says_so(world: World, orders: SessionOrders, device: Device) -> None:
    store_notice(world, device, b"ended")
    file_signed(world, device, revoke(device))
    order_id = file_token(world, b"ended")

    world.call(orders.step)

    assert order(world, order_id) == Filed("already_revoked", None, is_published=True)


def test_of_several_workers_exactly_one_carries_out_each_order(
    world: World, wide_pool: Postgres, gateway: GatewayProjection
) -> None:
    devices = [new_device(world) for _ in range(12)]
    order_ids = [file_signed(world, each, revoke(each)) for each in devices]

    world.call(race, *[SessionOrders(wide_pool, gateway.relay).step for _ in range(4)])

    assert {order(world, each) for each in order_ids} == {Filed("revoked", 1, is_published=True)}
    assert Counter(event["outcome"] for event in events(world, *(each.id for each in devices))) == {"revoked": 12}


def test_a_log_out_and_a_block_at_once_revoke_once(
    world: World, wide_pool: Postgres, gateway: GatewayProjection
) -> None:
    """One revocation, and one row in the trail that claims it, whoever comes first."""
    winners: Counter[str] = Counter()
    for _ in range(8):
        device = new_device(world)
        order_id = file_signed(world, device, revoke(device))
        block = BlockSubject(Subject("user_id", device.user.user_id), None, CAUSE)
        steps = [SessionOrders(wide_pool, gateway.relay).step for _ in range(2)]

        world.call(race, contender(wide_pool, blocks_store.block_subject, NOTHING, block), *steps)

        (blocked,) = events(world, device.user.user_id)
        by_block = json.loads(blocked["details"])["affected_session_count"]
        assert by_block + len(events(world, device.id)) == 1
        assert order(world, order_id).outcome == ("session_revoked" if by_block else "revoked")
        assert status(world, device) == ("revoked", CAUSE.reason_code if by_block else "user_logout")
        outbox = "select count(*) from projection_outbox where device_session_id = $1"
        assert world.database.execute(outbox, device.id)[0][0] <= 1
        winners["block" if by_block else "device"] += 1
    assert sum(winners.values()) == 8


def test_orders_and_an_erasure_at_once_never_deadlock_and_leave_nothing(world: World, wide_pool: Postgres) -> None:
    """A unit of work hides a deadlock by running again: so count the runs."""
    runs, rounds = 0, 6
    for _ in range(rounds):
        device = new_device(world)
        store_notice(world, device, unique("token-").encode())
        others = [new_device(world, device.user) for _ in range(2)]
        order_ids = [file_signed(world, each, REVOKE_OTHERS) for each in (device, *others)]

        def counted(function: Callable[..., Awaitable[Any]], *arguments: Any) -> Callable[[], Awaitable[Any]]:
            async def run(connection: asyncpg.Connection) -> Any:
                nonlocal runs
                runs += 1
                return await function(connection, *arguments)

            return partial(wide_pool.unit_of_work, run)

        orders = [counted(store.carry_out, WaitingOrder(each, device.user.user_id)) for each in order_ids]
        world.call(race, counted(delete_user, NOTHING, DeleteUser(device.user.user_id, CAUSE)), *orders)

        assert {status(world, each)[0] for each in (device, *others)} == {"revoked"}
        left = "select count(*) from session_orders where order_id = any ($1)"
        assert world.database.execute(left, order_ids)[0][0] == 0
    assert runs == 4 * rounds


def test_of_two_devices_that_end_each_other_one_is_left(
    world: World, wide_pool: Postgres, gateway: GatewayProjection
) -> None:
    device = new_device(world)
    other = new_device(world, device.user)
    order_ids = [file_signed(world, each, REVOKE_OTHERS) for each in (device, other)]

    world.call(race, *[SessionOrders(wide_pool, gateway.relay).step for _ in range(4)])

    assert sorted(str(order(world, each).outcome) for each in order_ids) == ["revoked", "session_revoked"]
    assert sorted(status(world, each)[0] for each in (device, other)) == ["active", "revoked"]


def test_the_watch_counts_orders_that_wait(world: World, orders: SessionOrders, device: Device) -> None:
    world.call(orders.step)
    file_signed(world, device, revoke(device))
    world.call(OrderWatch(world.internal).step)
    backlog = world.call(world.internal.unit_of_work, store.read_backlog)
    assert backlog.orders >= 1
    assert backlog.oldest > timedelta()

    world.call(orders.step)


def test_the_same_request_id_is_filed_once(world: World, device: Device, orders: SessionOrders) -> None:
    """A captured order cannot be filed beside the one that stands, whatever else it says."""
    columns = signed(world, device, revoke(device))
    file_order(world, columns)
    with pytest.raises(Exception, match="session_orders_of_request"):
        file_order(world, columns | {"message_type": REVOKE_OTHERS})
    world.call(orders.step)


def store_many(world: World, user: StoredUser, number: int) -> None:
    world.database.execute(
        """
        insert into device_sessions
            (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
        select 'device-session-' || gen_random_uuid(), $1, decode(repeat('07', 32), 'hex'), gen_random_uuid(),
               'challenge-' || gen_random_uuid(), clock_now() - n * interval '1 second'
          from generate_series(1, $2::int) as n
        """,
        user.user_id,
        number,
    )


def active_sessions(world: World, user: StoredUser) -> int:
    sql = "select count(*) from device_sessions where user_id = $1 and status = 'active'"
    return world.database.execute(sql, user.user_id)[0][0]


def published_by_relay(world: World, gateway: GatewayProjection, orders: SessionOrders, order_id: int) -> bool:
    world.call(gateway.relay.step)
    world.call(orders.step)
    return order(world, order_id).is_published
