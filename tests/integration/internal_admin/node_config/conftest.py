"""The node API of one process, with Redis."""

from collections.abc import Iterator

import pytest

from tests.support.builders import unique
from tests.support.node_api import NodeApi, open_node_api
from tests.support.nodes import Node, make_node
from tests.support.world import World


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[NodeApi]:
    with open_node_api(world) as node_api:
        yield node_api


@pytest.fixture
def node(world: World) -> Node:
    """A node in a pool of its own."""
    return make_node(world.database, pool=unique("pool-"))
