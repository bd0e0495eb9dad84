"""Documents by digest: only those of the node's own pool, and for ever (SPEC §16.3)."""

import pytest

from tests.support.builders import unique
from tests.support.node_api import NodeApi, refused_with
from tests.support.nodes import Node, make_node
from tests.support.published import activate
from tests.support.world import World

NOT_FOUND = (404, "document_not_found")


@pytest.fixture
def body() -> bytes:
    return f'{{"mode":"fail_closed","name":"{unique("edge-")}"}}'.encode()


def test_a_document_of_the_pool_may_be_kept_for_ever(world: World, api: NodeApi, node: Node, body: bytes) -> None:
    head = activate(world.database, node.pool, documents={"edge": body})
    for _ in range(2):
        answer = api.document(node, head.documents["edge"])
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
        assert answer.headers["content-type"] == "application/json"


def test_a_document_of_another_pool_is_not_found(world: World, api: NodeApi, node: Node, body: bytes) -> None:
    head = activate(world.database, node.pool, documents={"edge": body})
    assert api.document(node, head.documents["edge"]).status_code == 200
    stranger = make_node(world.database, pool=unique("pool-"))
    activate(world.database, stranger.pool)
    answer = api.document(stranger, head.documents["edge"])
    assert refused_with(answer) == NOT_FOUND
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("digest", ["0" * 64, "A" * 64, "x"])
def test_an_unknown_digest_is_not_found(world: World, api: NodeApi, node: Node, digest: str) -> None:
    activate(world.database, node.pool)
    assert refused_with(api.document(node, digest)) == NOT_FOUND


def test_a_document_before_the_newest_can_still_be_fetched(world: World, api: NodeApi, node: Node, body: bytes) -> None:
    head = activate(world.database, node.pool, documents={"edge": body})
    activate(world.database, node.pool)
    assert api.document(node, head.documents["edge"]).content == body
    world.database.execute("delete from config_manifests where digest = $1", bytes.fromhex(head.digest))


def test_in_a_stage_both_sets_of_documents_are_served(world: World, api: NodeApi, node: Node, body: bytes) -> None:
    stable = activate(world.database, node.pool, documents={"edge": body})
    staged = activate(world.database, node.pool, documents={"edge": body + b" "}, percent=10)
    assert api.document(node, stable.documents["edge"]).content == body
    assert api.document(node, staged.documents["edge"]).content == body + b" "
