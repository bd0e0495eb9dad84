"""Users of Redis that nodes have for themselves: made, renewed, deleted with the node, made again (SPEC §16.9)."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
import trio
from redis.exceptions import NoPermissionError

from authsession.embedded.redis import EmbeddedRedis
from clients.node.redis_user import RedisLogin
from clients.node.trust import NotTrusted
from contracts.gateway import GatewayKeys
from contracts.node.names import REDIS_USER_PATH
from services.internal_admin.access.limits import control_plane_limiter
from services.internal_admin.callers.identity import Caller
from services.internal_admin.node_access.flow import KnownNodes
from services.internal_admin.node_access.guard import NodeGuard
from services.internal_admin.node_access.replays import Replays
from services.internal_admin.node_redis_users.api import ROUTES, RedisUserApi
from services.internal_admin.node_redis_users.domain import Renewed
from services.internal_admin.node_redis_users.flow import NodeUsers
from services.internal_admin.node_redis_users.worker import LEASE, NodeUserKeeper, RevokedUsers
from shared.io.redis import Redis, open_redis
from shared.kernel.config_keys import NO_CONFIG_KEYS, ConfigKeys
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.redis_rules import gateway_rules
from shared.leases.lease import lease
from shared.web.app import quart_app
from shared.web.edge import Edge
from tests.support.background import background
from tests.support.builders import unique
from tests.support.node_redis import KEYS, is_accepted, is_dropped, log_in, opened
from tests.support.nodes import Node, make_node, send, with_new_keys
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, redis_users
from tests.support.world import World

RECORD = "gateway:session:device-session-1"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with temporary_redis(users=redis_users(node_users=True)) as running:
        yield running


def open_client(world: World, address: str) -> Redis:
    """A client of the user `internal`."""

    async def serve(task_status: trio.TaskStatus[Redis]) -> None:
        async with open_redis(address, username="internal", password=REDIS_PASSWORD) as redis:
            task_status.started(redis)
            await trio.sleep_forever()

    return world.enter(background, serve)


@pytest.fixture(scope="module")
def redis(world: World, server: EmbeddedRedis) -> Redis:
    return open_client(world, server.address)


@pytest.fixture(scope="module")
def users(world: World, redis: Redis) -> NodeUsers:
    return NodeUsers(world.internal, redis, GatewayKeys())


@pytest.fixture
def node(world: World) -> Node:
    return make_node(world.database)


def open_api(world: World, users: NodeUsers | None, keys: ConfigKeys = KEYS) -> httpx.AsyncClient:
    limiter = control_plane_limiter(world.redis, unique("test-rate-") + ":", ROUTES)
    world.enter(background, lambda task_status: limiter.run(task_status=task_status))
    guard = NodeGuard(KnownNodes(world.internal), Replays(), limiter)
    routes = guard.protect(ROUTES, RedisUserApi(users, keys, SystemEntropy()))
    transport = httpx.ASGITransport(quart_app(routes, Edge(SystemEntropy())), client=("192.0.2.9", 4711))
    return world.enter(httpx.AsyncClient, transport=transport, base_url="http://nodes.example", timeout=30)


@pytest.fixture(scope="module")
def client(world: World, users: NodeUsers) -> httpx.AsyncClient:
    return open_api(world, users)


def ask(world: World, client: httpx.AsyncClient, node: Node, request_id: str = "request") -> RedisLogin:
    answer = node.send(world, client, "POST", REDIS_USER_PATH, request_id=unique(request_id))
    assert answer.status_code == 200, answer.text
    return opened(answer.content, node, answer.request.headers["galaxy-request-id"])


def revoke(world: World, node: Node) -> None:
    world.database.execute(
        "update nodes set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test' where node_id = $1",
        node.node_id,
    )


def compare(world: World, users: NodeUsers) -> None:
    """One comparison, as the process with the lease does it."""

    async def compare() -> None:
        async with lease(world.internal, LEASE, SystemEntropy()) as held:
            assert held is not None
            await NodeUserKeeper(world.internal, users, SystemEntropy()).compare(held)

    world.call(compare)


def rows_of(world: World, node: Node) -> int:
    return len(world.database.execute("select from node_redis_users where node_id = $1", node.node_id))


def test_a_node_gets_a_user_with_the_rights_of_a_gateway(
    world: World, client: httpx.AsyncClient, server: EmbeddedRedis, node: Node
) -> None:
    login = ask(world, client, node)
    assert login.username == node.node_id
    with closing(log_in(server.port, login)) as own:
        assert own.get(RECORD) is None
        assert own.set(f"gateway:replay:{node.node_id}", "1", nx=True)
        for command in (("SET", RECORD, "{}"), ("ACL", "USERS"), ("KEYS", "*")):
            with pytest.raises(NoPermissionError):
                own.execute_command(*command)


def test_a_copied_request_changes_no_password_at_another_replica(
    world: World, client: httpx.AsyncClient, users: NodeUsers, server: EmbeddedRedis, node: Node
) -> None:
    signed = node.headers("POST", REDIS_USER_PATH)
    answer = send(world, client, "POST", REDIS_USER_PATH, b"", signed)
    login = opened(answer.content, node, signed["galaxy-request-id"])
    copied = send(world, open_api(world, users), "POST", REDIS_USER_PATH, b"", signed)
    assert (copied.status_code, copied.json()["error"]["code"]) == (503, "service_unavailable")
    assert is_accepted(server.port, login)


def test_a_further_request_makes_another_password_and_leaves_connections_open(
    world: World, client: httpx.AsyncClient, server: EmbeddedRedis, node: Node
) -> None:
    first = ask(world, client, node)
    with closing(log_in(server.port, first)) as connected:
        second = ask(world, client, node)
        assert connected.ping()
    assert not is_accepted(server.port, first)
    assert is_accepted(server.port, second)


def test_of_many_requests_at_once_the_answered_password_holds(
    world: World, client: httpx.AsyncClient, server: EmbeddedRedis, node: Node
) -> None:
    with ThreadPoolExecutor(5) as threads:
        sent = [threads.submit(node.send, world, client, "POST", REDIS_USER_PATH) for _ in range(5)]
        answers = [each.result() for each in sent]
    assert {answer.status_code for answer in answers} <= {200, 503}
    logins = [
        opened(answer.content, node, answer.request.headers["galaxy-request-id"])
        for answer in answers
        if answer.status_code == 200
    ]
    assert [is_accepted(server.port, login) for login in logins].count(True) == 1


def test_postgres_and_the_answer_hold_no_password(world: World, client: httpx.AsyncClient, node: Node) -> None:
    answer = node.send(world, client, "POST", REDIS_USER_PATH, request_id="mine")
    login = opened(answer.content, node, "mine")
    (row,) = world.database.execute(
        "select node_redis_users::text as kept from node_redis_users where node_id = $1", node.node_id
    )
    (event,) = world.database.execute(
        "select audit_events::text as kept from audit_events where subject = $1", node.node_id
    )
    for text in (row["kept"], event["kept"], answer.text, repr(login)):
        assert login.password not in text
        assert base64.b64encode(login.password.encode()).decode() not in text
    assert "security.renew_node_redis_user" in event["kept"]


def test_only_the_node_that_asked_can_use_the_answer(world: World, client: httpx.AsyncClient, node: Node) -> None:
    answer = node.send(world, client, "POST", REDIS_USER_PATH, request_id="mine").content
    for other, request_id in ((node, "another"), (make_node(world.database), "mine"), (with_new_keys(node), "mine")):
        with pytest.raises(NotTrusted, match="untrusted_secret"):
            opened(answer, other, request_id)


def test_a_revocation_drops_the_connections_and_ends_the_login(
    world: World, client: httpx.AsyncClient, users: NodeUsers, server: EmbeddedRedis, node: Node
) -> None:
    login, other = ask(world, client, node), ask(world, client, make_node(world.database))
    with closing(log_in(server.port, login)) as connected, closing(log_in(server.port, other)) as neighbour:
        revoke(world, node)
        assert world.call(RevokedUsers(world.internal, users).step) == 1
        assert is_dropped(connected)
        assert neighbour.ping()
    assert not is_accepted(server.port, login)
    assert rows_of(world, node) == 0
    assert world.call(RevokedUsers(world.internal, users).step) == 0


def test_a_revocation_without_redis_is_kept_until_redis_is_back(
    world: World, client: httpx.AsyncClient, users: NodeUsers, server: EmbeddedRedis, node: Node
) -> None:
    login = ask(world, client, node)
    revoke(world, node)
    unreachable = open_client(world, "127.0.0.1:1")
    with pytest.raises(DependencyUnavailable):
        world.call(RevokedUsers(world.internal, NodeUsers(world.internal, unreachable, GatewayKeys())).step)
    assert rows_of(world, node) == 1
    assert world.call(RevokedUsers(world.internal, users).step) == 1
    assert not is_accepted(server.port, login)


def test_a_restart_of_redis_costs_a_node_no_login(
    world: World, client: httpx.AsyncClient, users: NodeUsers, server: EmbeddedRedis, node: Node
) -> None:
    login = ask(world, client, node)
    server.kill()
    server.start()
    assert not is_accepted(server.port, login)
    compare(world, users)
    assert is_accepted(server.port, login)


def test_users_of_no_active_node_are_deleted_and_those_of_others_stay(
    world: World, client: httpx.AsyncClient, users: NodeUsers, redis: Redis, node: Node
) -> None:
    """As after the restore of an older ACL file. Another installation on this Redis has other names of keys."""
    ask(world, client, node)
    stranger, elsewhere, exporter = f"node-{7:026d}", f"node-{8:026d}", "node-exporter"
    ours, others = gateway_rules(GatewayKeys()), gateway_rules(GatewayKeys(record_prefix="other:session:"))
    for username, rules in ((stranger, ours), (elsewhere, others), (exporter, ours)):
        world.call(redis.acl_set_user, username, ("reset", "on", *rules))
    compare(world, users)
    present = set(world.call(users.usernames))
    assert {node.node_id, elsewhere, exporter, "gateway"} <= present
    assert stranger not in present


def test_an_old_password_in_redis_is_replaced(
    world: World, client: httpx.AsyncClient, users: NodeUsers, redis: Redis, server: EmbeddedRedis, node: Node
) -> None:
    login = ask(world, client, node)
    world.call(redis.acl_set_user, node.node_id, ("resetpass", "#" + 64 * "0"))
    assert not is_accepted(server.port, login)
    compare(world, users)
    assert is_accepted(server.port, login)


def test_a_revocation_during_a_request_leaves_no_user(world: World, users: NodeUsers, redis: Redis, node: Node) -> None:
    """Redis makes the user after the worker deleted it. The request looks at Postgres again, and deletes it."""

    class Overtaken(NodeUsers):
        async def _apply(self, node_id: str, password_hash: bytes | None) -> None:
            if password_hash is not None:
                await trio.to_thread.run_sync(revoke, world, node)
                await RevokedUsers(world.internal, users).step()
            await super()._apply(node_id, password_hash)

    overtaken = Overtaken(world.internal, redis, GatewayKeys())
    outcome = world.call(overtaken.renew, node.node_id, bytes(32), 1, Caller(node.node_id, None, None))
    assert outcome is Renewed.REVOKED
    assert node.node_id not in world.call(users.usernames)


def test_without_the_setting_or_without_keys_there_is_no_user(world: World, users: NodeUsers, node: Node) -> None:
    off = node.send(world, open_api(world, None), "POST", REDIS_USER_PATH)
    assert (off.status_code, off.json()["error"]["code"]) == (404, "node_redis_users_off")
    unsigned = node.send(world, open_api(world, users, NO_CONFIG_KEYS), "POST", REDIS_USER_PATH)
    assert (unsigned.status_code, unsigned.json()["error"]["code"]) == (503, "signing_keys_missing")
    assert unsigned.headers["retry-after"] == "60"
    assert rows_of(world, node) == 0


def test_a_node_asks_six_times_a_minute(world: World, client: httpx.AsyncClient, node: Node) -> None:
    statuses = [node.send(world, client, "POST", REDIS_USER_PATH).status_code for _ in range(7)]
    assert statuses == [200] * 6 + [429]
