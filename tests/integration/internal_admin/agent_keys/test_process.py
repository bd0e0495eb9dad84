"""An agent's key through running processes: the node library registers it, and Redis has its record."""

from collections.abc import Generator
from pathlib import Path

import pytest
import redis as redis_py
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.node import Configuration, Denial, NodeSettings, Registered, open_node
from clients.node.disk import Folder
from clients.node.identity import Identity
from contracts.gateway import GatewayKeys, decode_record
from tests.support.agents import store_agent
from tests.support.database import Database
from tests.support.node_redis import KEYS
from tests.support.nodes import make_node
from tests.support.redis_bytes import stored
from tests.support.stack import REDIS_PASSWORD, RunningStack, open_stack


@pytest.fixture(scope="module")
def stack(database: Database) -> Generator[RunningStack]:
    with open_stack(database) as stack:
        yield stack


def test_the_node_library_registers_a_key_once_and_gateways_know_it(
    stack: RunningStack, database: Database, tmp_path: Path
) -> None:
    agent, elsewhere = store_agent(database), store_agent(database)
    private = Identity(Folder(tmp_path / "node")).keys
    node = make_node(database, pool=agent.pool, key=private.signing, encryption_key=private.encryption)
    settings = NodeSettings(
        control_planes=(stack.internal_url,),
        folder=tmp_path / "node",
        node_name=node.node_name,
        registered=Registered(node.node_id, node.pool, KEYS.public_keys()),
    )
    public_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

    async def apply(_: Configuration) -> None: ...

    async def live() -> str:
        async with open_node(settings, apply) as running:
            first, second = [await running.register_agent_key(agent.agent_id, public_key) for _ in range(2)]
            assert first == second
            with pytest.raises(Denial, match="agent_not_active"):
                await running.register_agent_key(elsewhere.agent_id, public_key)
            with pytest.raises(Denial, match="invalid_client_public_key"):
                await running.register_agent_key(agent.agent_id, bytes(32))
            with pytest.raises(ValueError, match="agent_id"):
                await running.register_agent_key("../redis-user", public_key)
            return first

    session_id = trio.run(live)
    with redis_py.Redis(port=stack.redis_server.port, username="gateway", password=REDIS_PASSWORD) as client:
        record = stored(client, GatewayKeys().record(session_id))
    assert record is not None
    decoded = decode_record(record)
    assert (decoded.user_id, decoded.status) == (agent.agent_id, "active")
