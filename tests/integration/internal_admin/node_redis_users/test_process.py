"""A node's user of Redis through the running process: from the library's request to the revocation."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import trio

from clients.node import Configuration, Denial, NodeSettings, RedisLogin, Registered, open_node
from clients.node.disk import Folder
from clients.node.identity import Identity
from contracts.node.names import REDIS_USER_PATH
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.node_redis import KEYS, is_accepted, is_dropped, log_in, opened
from tests.support.nodes import Node, make_node
from tests.support.stack import RunningStack, open_stack, wait_for

TOKEN = "zebra-quagga-break-glass-token-0123456789"


@pytest.fixture(scope="module")
def stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database, AUTHSESSION_NODE_REDIS_USERS="on", CONTROL_PLANE_API_TOKEN=TOKEN) as stack:
        yield stack


def ask(stack: RunningStack, node: Node) -> RedisLogin:
    request_id = unique("request-")
    headers = node.headers("POST", REDIS_USER_PATH, request_id=request_id)
    answer = httpx.post(stack.internal_url + REDIS_USER_PATH, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return opened(answer.content, node, request_id)


def revoke(stack: RunningStack, node: Node) -> None:
    path = f"/api/control-plane/nodes/{node.node_id}/revoke"
    body = {"reason_code": "test", "actor": {"type": "operator", "id": "operator-1"}}
    answer = httpx.post(stack.internal_url + path, json=body, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert answer.status_code == 200, answer.text


def test_a_users_life_from_a_restart_of_redis_to_the_revocation(stack: RunningStack, database: Database) -> None:
    node, port = make_node(database), stack.redis_server.port
    login = ask(stack, node)
    stack.redis_server.kill()
    stack.redis_server.start()
    assert not is_accepted(port, login)
    wait_for(lambda: is_accepted(port, login))
    with closing(log_in(port, login)) as connected:
        assert connected.ping()
        revoke(stack, node)
        assert is_dropped(connected)
    assert not is_accepted(port, login)
    written = "\n".join(line for lines in stack.lines.values() for line in lines)
    assert login.password not in written


def test_the_node_library_gets_a_login_until_the_node_is_revoked(
    stack: RunningStack, database: Database, tmp_path: Path
) -> None:
    private = Identity(Folder(tmp_path / "node")).keys
    node = make_node(database, key=private.signing, encryption_key=private.encryption)
    settings = NodeSettings(
        control_planes=(stack.internal_url,),
        folder=tmp_path / "node",
        node_name=node.node_name,
        registered=Registered(node.node_id, node.pool, KEYS.public_keys()),
    )

    async def apply(_: Configuration) -> None: ...

    async def live() -> RedisLogin | None:
        async with open_node(settings, apply) as running:
            login = await running.redis_user()
            revoke(stack, node)
            with pytest.raises(Denial, match="node_revoked"):
                await running.redis_user()
            return login

    login = trio.run(live)
    assert login is not None
    assert login.username == node.node_id
    wait_for(lambda: not is_accepted(stack.redis_server.port, login))
