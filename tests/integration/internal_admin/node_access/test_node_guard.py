"""The guard before the routes of nodes: each check of a signed request, over real Postgres (SPEC §16.2)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from contracts.encoding import encode
from contracts.signed_request import AUTHENTICATION_SCHEME, HEADERS
from services.internal_admin.access.limits import control_plane_limiter
from services.internal_admin.callers.access import Anyone, OperatorOnly, SignedByNode
from services.internal_admin.callers.identity import Identity, NodeCaller
from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNode, Route
from services.internal_admin.node_access.flow import KnownNodes
from services.internal_admin.node_access.guard import NodeGuard
from services.internal_admin.node_access.replays import Replays
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import InvariantBroken
from shared.web.app import quart_app
from shared.web.edge import Edge
from shared.web.exchange import Request, Response
from tests.support.background import background
from tests.support.builders import unique
from tests.support.nodes import Node, add_key, make_node, send, with_new_keys
from tests.support.world import World

PATH = "/api/v1/node/echo"
LIMITED = "/api/v1/node/limited"
OPEN = "/api/v1/node/open"


class EchoApi:
    """Tells whom the guard let in."""

    async def echo(self, request: Request, caller: NodeCaller) -> Response:
        told = {"node_id": caller.node_id, "pool": caller.pool, "generation": caller.key_generation}
        return Response(200, encode({**told, "request_id": caller.request_id, "bytes": len(request.body)}))

    async def open(self, _request: Request, identity: Identity | None) -> Response:
        return Response(200 if identity is None else 500, b"{}")


ROUTES: tuple[NodeRoute[EchoApi] | Route[EchoApi], ...] = (
    NodeRoute("GET", PATH, EchoApi.echo, access=SignedByNode()),
    NodeRoute("PUT", PATH, EchoApi.echo, access=SignedByNode(), accepts_body=True),
    NodeRoute("GET", LIMITED, EchoApi.echo, access=SignedByNode(), limit=PerNode("test", 2, MINUTE)),
    Route("GET", OPEN, EchoApi.open, access=Anyone()),
)


@pytest.fixture(scope="module")
def client(world: World) -> httpx.AsyncClient:
    limiter = control_plane_limiter(world.redis, unique("test-rate-") + ":", ROUTES)
    world.enter(background, lambda task_status: limiter.run(task_status=task_status))
    routes = NodeGuard(KnownNodes(world.internal), Replays(), limiter).protect(ROUTES, EchoApi())
    transport = httpx.ASGITransport(quart_app(routes, Edge(SystemEntropy())), client=("192.0.2.9", 4711))
    return world.enter(httpx.AsyncClient, transport=transport, base_url="http://nodes.example", timeout=30)


@pytest.fixture
def node(world: World) -> Node:
    return make_node(world.database)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_signed_request_of_an_active_node_reaches_the_route(
    world: World, client: httpx.AsyncClient, node: Node
) -> None:
    answer = node.send(world, client, "PUT", PATH, b'{"a":1}', request_id="mine")
    assert answer.json() == {
        "node_id": node.node_id, "pool": "edge", "generation": 1, "request_id": "mine", "bytes": 7,
    }  # fmt: skip


def test_the_query_is_signed(world: World, client: httpx.AsyncClient, node: Node) -> None:
    assert node.send(world, client, "GET", PATH + "?have=1&wait=25").status_code == 200
    headers = node.headers("GET", PATH + "?have=1")
    assert code_of(send(world, client, "GET", PATH + "?have=2", b"", headers)) == (401, "invalid_signature")


@pytest.mark.parametrize("name", HEADERS)
def test_a_request_without_one_header_of_the_envelope_is_refused(
    world: World, client: httpx.AsyncClient, node: Node, name: str
) -> None:
    headers = node.headers("GET", PATH)
    del headers[name]
    expected = "unsupported_protocol_version" if name == HEADERS[0] else "invalid_envelope"
    answer = send(world, client, "GET", PATH, b"", headers)
    assert code_of(answer) == (400, expected)
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("name", HEADERS)
def test_a_repeated_header_of_the_envelope_is_refused(
    world: World, client: httpx.AsyncClient, node: Node, name: str
) -> None:
    headers = [*node.headers("GET", PATH).items()]
    headers.append((name, dict(headers)[name]))
    answer = world.call(client.get, PATH, headers=headers)
    expected = "unsupported_protocol_version" if name == HEADERS[0] else "invalid_envelope"
    assert code_of(answer) == (400, expected)


@pytest.mark.parametrize("node_id", ["node-of-nobody", "device-session-01", "node-" + 26 * "0"])
def test_an_unknown_node_is_refused(world: World, client: httpx.AsyncClient, node: Node, node_id: str) -> None:
    answer = replace(node, node_id=node_id).send(world, client, "GET", PATH)
    assert code_of(answer) == (401, "node_unknown")
    assert answer.headers["www-authenticate"] == AUTHENTICATION_SCHEME


def test_a_revoked_node_is_refused_before_anything_of_it_is_checked(world: World, client: httpx.AsyncClient) -> None:
    revoked = with_new_keys(make_node(world.database, "revoked"))
    answer = revoked.send(world, client, "GET", PATH)
    assert code_of(answer) == (401, "node_revoked")
    assert answer.headers["www-authenticate"] == AUTHENTICATION_SCHEME


def test_a_pending_node_learns_when_to_ask_again(world: World, client: httpx.AsyncClient) -> None:
    answer = make_node(world.database, "pending").send(world, client, "GET", PATH)
    assert code_of(answer) == (403, "node_not_approved")
    assert answer.headers["retry-after"] == "30"


def test_another_body_than_the_signed_one_is_refused(world: World, client: httpx.AsyncClient, node: Node) -> None:
    headers = node.headers("PUT", PATH, b'{"a":1}')
    assert code_of(send(world, client, "PUT", PATH, b'{"a":2}', headers)) == (401, "payload_hash_mismatch")


def test_the_key_of_another_node_signs_nothing_here(world: World, client: httpx.AsyncClient, node: Node) -> None:
    other = make_node(world.database)
    answer = replace(other, node_id=node.node_id).send(world, client, "GET", PATH)
    assert code_of(answer) == (401, "invalid_signature")


@pytest.mark.parametrize(("skew", "status"), [(-28, 200), (28, 200), (-32, 401), (32, 401), (1e9, 401)])
def test_a_request_is_fresh_for_thirty_seconds_either_way(
    world: World, client: httpx.AsyncClient, node: Node, skew: float, status: int
) -> None:
    answer = replace(node, skew=timedelta(seconds=skew)).send(world, client, "GET", PATH)
    assert answer.status_code == status
    if status == 401:
        assert code_of(answer) == (401, "timestamp_out_of_window")


def test_the_largest_time_of_the_contract_is_refused_like_any_other(
    world: World, client: httpx.AsyncClient, node: Node
) -> None:
    answer = node.send(world, client, "GET", PATH, at_ms=10**16 - 1)
    assert code_of(answer) == (401, "timestamp_out_of_window")


def test_one_of_many_equal_requests_is_taken(world: World, client: httpx.AsyncClient, node: Node) -> None:
    headers = node.headers("GET", PATH)

    def ask(_: int) -> int:
        return send(world, client, "GET", PATH, b"", headers).status_code

    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(ask, range(20)))
    assert sorted(statuses) == [200] + [401] * 19
    assert code_of(send(world, client, "GET", PATH, b"", headers)) == (401, "request_replayed")


def test_a_refused_request_does_not_use_up_its_id(world: World, client: httpx.AsyncClient, node: Node) -> None:
    stranger = with_new_keys(node)
    assert stranger.send(world, client, "GET", PATH, request_id="once").status_code == 401
    assert node.send(world, client, "GET", PATH, request_id="once").status_code == 200


def test_a_replaced_key_signs_for_ten_minutes(world: World, client: httpx.AsyncClient, node: Node) -> None:
    newer = with_new_keys(node)
    world.database.execute(
        "update node_keys set valid_until = clock_now() + interval '10 minutes' where node_id = $1", node.node_id
    )
    add_key(world.database, newer, 2)
    assert node.send(world, client, "GET", PATH).json()["generation"] == 1
    assert newer.send(world, client, "GET", PATH).json()["generation"] == 2
    world.database.execute("update node_keys set valid_until = clock_now() where generation = 1")
    assert code_of(node.send(world, client, "GET", PATH)) == (401, "invalid_signature")
    assert newer.send(world, client, "GET", PATH).status_code == 200


def test_a_revocation_acts_on_the_next_request(world: World, client: httpx.AsyncClient, node: Node) -> None:
    assert node.send(world, client, "GET", PATH).status_code == 200
    world.database.execute(
        "update nodes set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'test' where node_id = $1",
        node.node_id,
    )
    assert code_of(node.send(world, client, "GET", PATH)) == (401, "node_revoked")


def test_each_of_many_nodes_gets_its_own_answer(world: World, client: httpx.AsyncClient) -> None:
    nodes = [make_node(world.database) for _ in range(60)]

    def ask(node: Node) -> httpx.Response:
        return node.send(world, client, "GET", PATH)

    with ThreadPoolExecutor(60) as threads:
        answers = list(threads.map(ask, nodes))
    assert [answer.json()["node_id"] for answer in answers] == [node.node_id for node in nodes]


def test_the_limit_of_a_route_counts_a_node_and_not_its_network(world: World, client: httpx.AsyncClient) -> None:
    for node in (make_node(world.database), make_node(world.database)):
        assert [node.send(world, client, "GET", LIMITED).status_code for _ in range(2)] == [200, 200]
        assert with_new_keys(node).send(world, client, "GET", LIMITED).status_code == 401
        refused = node.send(world, client, "GET", LIMITED)
        assert code_of(refused) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0


def test_a_route_for_anyone_needs_no_envelope_and_no_known_host(world: World, client: httpx.AsyncClient) -> None:
    headers = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    assert send(world, client, "GET", OPEN, b"", headers).status_code == 200


def test_a_route_of_operators_is_not_protected_by_this_guard() -> None:
    nobody: Any = SimpleNamespace()
    route = Route("GET", OPEN, EchoApi.open, access=OperatorOnly())
    with pytest.raises(InvariantBroken):
        NodeGuard(nobody, Replays(), nobody).protect([route], EchoApi())
