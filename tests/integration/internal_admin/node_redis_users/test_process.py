"""A node's user of Redis through the running process: from the library's request to the revocation."""

from collections.abc import Generator
from contextlib import closing

import httpx
import pytest

from clients.node.redis_user import RedisLogin
from contracts.node.names import REDIS_USER_PATH
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.node_redis import is_accepted, is_dropped, log_in, opened
from tests.support.nodes import Node, make_node
from tests.support.stack import RunningStack, open_stack, wait_for


@pytest.fixture(scope="module")
def stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database, AUTHSESSION_NODE_REDIS_USERS="on") as stack:
        yield stack


def ask(stack: RunningStack, node: Node) -> RedisLogin:
    request_id = unique("request-")
    headers = node.headers("POST", REDIS_USER_PATH, request_id=request_id)
    answer = httpx.post(stack.internal_url + REDIS_USER_PATH, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return opened(answer.content, node, request_id)


def test_a_users_life_from_a_restart_of_redis_to_the_revocation(stack: RunningStack, database: Database) -> None:
    node, port = make_node(database), stack.redis_server.port
    login = ask(stack, node)
    stack.redis_server.kill()
    stack.redis_server.start()
    assert not is_accepted(port, login)
    wait_for(lambda: is_accepted(port, login))
    with closing(log_in(port, login)) as connected:
        assert connected.ping()
        database.execute(
            "update nodes set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test'"
            " where node_id = $1",
            node.node_id,
        )
        assert is_dropped(connected)
    assert not is_accepted(port, login)
    written = "\n".join(line for lines in stack.lines.values() for line in lines)
    assert login.password not in written
