"""A node's user of Redis through the running process: from the library's request to the revocation."""

from collections.abc import Generator
from contextlib import closing

import httpx
import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from clients.node.identity import PrivateKeys
from clients.node.link import Reply
from clients.node.redis_user import RedisLogin, read_redis_user
from contracts.node.names import REDIS_USER_PATH
from shared.kernel.config_keys import ConfigKeys
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.nodes import Node, make_node
from tests.support.stack import CONFIG_KEYS, RunningStack, open_stack, wait_for

KEYS = ConfigKeys.parse("AUTHSESSION_CONFIG_KEYS", CONFIG_KEYS).public_keys()


@pytest.fixture(scope="module")
def stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database, AUTHSESSION_NODE_REDIS_USERS="on") as stack:
        yield stack


def ask(stack: RunningStack, node: Node) -> RedisLogin:
    request_id = unique("request-")
    headers = node.headers("POST", REDIS_USER_PATH, request_id=request_id)
    answer = httpx.post(stack.internal_url + REDIS_USER_PATH, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    reply = Reply(answer.content, request_id, 0, 0, is_by_next_keys=False)
    return read_redis_user(reply, node.node_id, KEYS, [PrivateKeys(node.key, node.encryption_key)])


def connection(stack: RunningStack, login: RedisLogin) -> redis_py.Redis:
    return redis_py.Redis(
        port=stack.redis_server.port, username=login.username, password=login.password, single_connection_client=True,
        socket_timeout=5, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip


def is_accepted(stack: RunningStack, login: RedisLogin) -> bool:
    try:
        connection(stack, login).close()
    except (redis_py.AuthenticationError, redis_py.ConnectionError):
        return False
    return True


def test_a_users_life_from_a_restart_of_redis_to_the_revocation(stack: RunningStack, database: Database) -> None:
    node = make_node(database)
    login = ask(stack, node)
    stack.redis_server.kill()
    stack.redis_server.start()
    assert not is_accepted(stack, login)
    wait_for(lambda: is_accepted(stack, login))
    with closing(connection(stack, login)) as connected:
        assert connected.ping()
        database.execute(
            "update nodes set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test'"
            " where node_id = $1",
            node.node_id,
        )
        opened = connected.connection
        assert opened is not None
        assert opened._sock.recv(100) == b""
    assert not is_accepted(stack, login)
    written = "\n".join(line for lines in stack.lines.values() for line in lines)
    assert login.password not in written
