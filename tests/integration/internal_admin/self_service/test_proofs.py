"""An order without a valid proof changes nothing, also when SQL inserts it under the public role (SPEC §20.2)."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from contracts.self_service import WINDOW
from services.internal_admin.self_service.worker import SessionOrders
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import store_user
from tests.support.session_orders import (
    NAME,
    REVOKE_OTHERS,
    Device,
    Filed,
    by_another_key,
    events,
    file_order,
    file_signed,
    new_device,
    order,
    revoke,
    signed,
    status,
)
from tests.support.world import World

REFUSED = Filed("refused", None, is_published=True)
Columns = dict[str, Any]
Forgery = Callable[[World, Device, Device], Columns]


def _of_another_key(world: World, device: Device, _: Device) -> Columns:
    return signed(world, by_another_key(device), revoke(device))


def _without_signature(world: World, device: Device, _: Device) -> Columns:
    return signed(world, device, revoke(device)) | {"signature": bytes(64)}


def _of_a_sibling(world: World, device: Device, sibling: Device) -> Columns:
    """Signed by the key of another session of the same user."""
    return signed(world, sibling, revoke(device)) | {"device_session_id": device.id}


def _with_another_target(world: World, device: Device, sibling: Device) -> Columns:
    return signed(world, device, revoke(device)) | {"message_type": revoke(sibling)}


def _with_a_wider_target(world: World, device: Device, _: Device) -> Columns:
    return signed(world, device, revoke(device)) | {"message_type": REVOKE_OTHERS}


def _with_another_body(world: World, device: Device, _: Device) -> Columns:
    return signed(world, device, NAME, b'{"label": "Mine"}') | {"body": b'{"label": "Yours"}'}


def _with_another_request_id(world: World, device: Device, _: Device) -> Columns:
    """A captured order under a new request id."""
    columns = signed(world, device, revoke(device))
    return columns | {"request_id": columns["request_id"] + "-again"}


def _with_another_time(world: World, device: Device, _: Device) -> Columns:
    columns = signed(world, device, revoke(device), age=timedelta(hours=1))
    return columns | {"timestamp_ms": columns["timestamp_ms"] + 3_600_000}


def _with_a_time_that_is_none(world: World, device: Device, _: Device) -> Columns:
    return signed(world, device, revoke(device)) | {"timestamp_ms": -(2**63)}


def _of_a_request_to_a_gateway(world: World, device: Device, _: Device) -> Columns:
    """The signature is right, but the device ordered nothing."""
    return signed(world, device, "POST /orders", b"{}")


def _of_a_list(world: World, device: Device, _: Device) -> Columns:
    return signed(world, device, "GET /api/v1/public/device-sessions")


FORGERIES: list[Forgery] = [
    _of_another_key,
    _without_signature,
    _of_a_sibling,
    _with_another_target,
    _with_a_wider_target,
    _with_another_body,
    _with_another_request_id,
    _with_another_time,
    _with_a_time_that_is_none,
    _of_a_request_to_a_gateway,
    _of_a_list,
]


def test_no_forgery_changes_anything_and_each_is_audited(
    world: World, orders: SessionOrders, caplog: pytest.LogCaptureFixture
) -> None:
    devices = {forge: (new_device(world, user), new_device(world, user)) for forge, user in _with_users(world)}
    order_ids = {forge: file_order(world, forge(world, *devices[forge])) for forge in FORGERIES}

    world.call(orders.step)

    for forge, (device, sibling) in devices.items():
        assert order(world, order_ids[forge]) == REFUSED, forge.__name__
        assert status(world, device) == status(world, sibling) == ("active", None), forge.__name__
        assert _label(world, device) is None
        (event,) = events(world, device.id)
        told = (event["event"], event["outcome"], event["caller"], event["actor_type"], event["request_id"])
        assert told == ("security.refuse_order", "refused", "system", "system", "http-1")
        assert json.loads(event["details"])["flaw"] in ("invalid_signature", "no_order")
    assert sum("without a valid proof" in record.message for record in caplog.records) == len(FORGERIES)


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (WINDOW + timedelta(seconds=1), "timestamp_out_of_window"),
        (-WINDOW - timedelta(seconds=5), "timestamp_out_of_window"),
        (WINDOW - timedelta(seconds=5), "revoked"),
        (-WINDOW + timedelta(seconds=5), "revoked"),
    ],
)
def test_the_time_counts_at_which_the_order_was_received(
    world: World, orders: SessionOrders, age: timedelta, outcome: str
) -> None:
    device = new_device(world)
    order_id = file_signed(world, device, revoke(device), age=age)

    world.call(orders.step)

    assert order(world, order_id).outcome == outcome
    assert status(world, device)[0] == ("revoked" if outcome == "revoked" else "active")


def test_an_order_that_waited_for_hours_is_carried_out(world: World, orders: SessionOrders) -> None:
    """The internal process was away. The order was fresh when it was received."""
    device = new_device(world)
    order_id = file_signed(world, device, revoke(device))
    world.travel(timedelta(hours=3))

    world.call(orders.step)

    assert order(world, order_id) == Filed("revoked", 1, is_published=True)


def test_an_order_in_the_name_of_no_session_is_refused(world: World, orders: SessionOrders) -> None:
    """Agents have sessions, but order nothing."""
    device = new_device(world)
    agent = new_agent(world)
    of_nobody = {"device_session_id": "device-session-of-nobody"}
    order_ids = [
        file_order(world, signed(world, device, revoke(device)) | of_nobody),
        file_order(world, signed(world, agent, revoke(agent))),
    ]

    world.call(orders.step)

    assert [order(world, each) for each in order_ids] == [REFUSED, REFUSED]
    assert status(world, agent) == status(world, device) == ("active", None)
    (event,) = events(world, agent.id)
    assert json.loads(event["details"]) == {"flaw": "session_unknown"}


def test_an_order_that_postgres_refuses_holds_up_no_other(world: World, orders: SessionOrders) -> None:
    """The label passes the decision here, and breaks a rule of the table that a later release may bring."""
    device, other = new_device(world), new_device(world)
    strange = file_signed(world, device, NAME, b'{"label": "strange"}')
    order_id = file_signed(world, other, revoke(other))
    world.database.execute("alter table device_sessions add constraint strange check (label <> 'strange')")
    try:
        world.call(orders.step)
    finally:
        world.database.execute("alter table device_sessions drop constraint strange")

    assert order(world, strange) == REFUSED
    assert order(world, order_id).outcome == "revoked"


@pytest.mark.parametrize(
    "statement",
    [
        "update device_sessions set status = 'revoked'",
        "update device_sessions set label = 'x'",
        "delete from device_sessions",
        "update session_orders set outcome = 'revoked', decided_at = clock_now()",
        "update session_orders set session_count = 1",
        "update session_orders set published_at = clock_now()",
        "delete from session_orders",
        "insert into session_orders (network, http_request_id, received_at) values ('', '', clock_now())",
        "update session_notices set used_at = null",
        "select body from session_orders",
    ],
)
def test_the_public_role_cannot_do_the_work_itself(world: World, statement: str) -> None:
    with pytest.raises(DependencyUnavailable) as refused:
        world.call(world.public.unit_of_work, lambda connection: connection.execute(statement))
    assert isinstance(refused.value.__cause__, asyncpg.InsufficientPrivilegeError)


def test_the_public_role_does_not_say_when_an_order_came(world: World, orders: SessionOrders) -> None:
    """The trigger writes the time by the clock of the owner, whatever the session's own settings are."""
    device = new_device(world)
    columns = signed(world, device, revoke(device), age=timedelta(hours=1))
    settings = "set local authsession.clock_offset = '-1 hour'"

    async def insert(connection: asyncpg.Connection) -> int:
        async with connection.transaction():
            await connection.execute(settings)
            names = ", ".join(columns)
            places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
            table = f"session_orders ({names}, network, http_request_id)"
            sql = f"insert into {table} values ({places}, '', '') returning order_id"
            return await connection.fetchval(sql, *columns.values())

    order_id = world.call(world.public.unit_of_work, insert)
    world.call(orders.step)

    assert order(world, order_id).outcome == "timestamp_out_of_window"


def new_agent(world: World) -> Device:
    """A device session whose user is an agent."""
    agent_id = "agent-" + "0" * 26
    device = new_device(world)
    world.database.execute("alter table device_sessions disable trigger user")
    world.database.execute(
        """
        update device_sessions set user_id = $2, login_code_id = null, challenge_id = null where device_session_id = $1
        """,
        device.id,
        agent_id,
    )
    world.database.execute("alter table device_sessions enable trigger user")
    return device


def _with_users(world: World) -> list[tuple[Forgery, Any]]:
    return [(forge, store_user(world.database)) for forge in FORGERIES]


def _label(world: World, device: Device) -> str | None:
    return world.database.execute("select label from device_sessions where device_session_id = $1", device.id)[0][
        "label"
    ]
