"""Nodes of tests: rows in Postgres, and requests that their keys sign."""

import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.gateway.signature import Signer
from contracts.node.join import (
    KeyChange,
    NodeKeys,
    encode_join,
    encode_key_change,
    join_proof_message,
    key_change_message,
    parse_join_string,
)
from contracts.node.names import JOIN_PATH, KEY_PATH
from contracts.signed_request import encode_envelope, http_message_type
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_node_id
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane
from tests.support.database import Database
from tests.support.world import World


@dataclass(frozen=True)
class Node:
    """A node with its private keys. `skew` is how far its clock runs ahead."""

    node_id: str = field(default_factory=lambda: new_node_id(SystemClock(), SystemEntropy()))
    pool: str = "edge"
    node_name: str = field(default_factory=lambda: unique("node-"))
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    encryption_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)
    skew: timedelta = timedelta()

    @property
    def keys(self) -> NodeKeys:
        return NodeKeys(self.key.public_key().public_bytes_raw(), self.encryption_key.public_key().public_bytes_raw())

    def headers(
        self, method: str, target: str, body: bytes = b"", *, request_id: str | None = None, at_ms: int | None = None
    ) -> dict[str, str]:
        """The envelope of a request. `target` is the path, with its query if there is one."""
        path, _, query = target.partition("?")
        now_ms = int((time.time() + self.skew.total_seconds()) * 1000)
        return encode_envelope(
            Signer(self.node_id, self.key).sign(
                http_message_type(method, path.encode(), query.encode()),
                body,
                timestamp_ms=now_ms if at_ms is None else at_ms,
                request_id=request_id or unique("request-"),
            )
        )

    def send(
        self, world: World, client: httpx.AsyncClient, method: str, target: str, body: bytes = b"", **signed: Any
    ) -> httpx.Response:
        """Sends a signed request; `signed` are further arguments of `headers`."""
        return send(world, client, method, target, body, self.headers(method, target, body, **signed))

    def join_body(self, join_string: str, software: str | None = None) -> bytes:
        """The body of a join with this join string, as the node signs it."""
        parsed = parse_join_string(join_string)
        message = join_proof_message("" if parsed is None else parsed.join_token_id, self.keys)
        return encode_join(join_string, self.node_name, self.keys, software, self.key.sign(message))

    def join(self, plane: ControlPlane, join_string: str, software: str | None = None) -> httpx.Response:
        """Joins with a join string."""
        return plane.send("POST", JOIN_PATH, self.join_body(join_string, software), {})

    def key_change_body(self) -> bytes:
        """The body of a change to the keys of this node."""
        return encode_key_change(KeyChange(self.keys, self.key.sign(key_change_message(self.node_id, self.keys))))

    def proof_for(self, node_id: str) -> str:
        """The proof of these keys for a change of the node with this id."""
        return b64encode(self.key.sign(key_change_message(node_id, self.keys))).decode()

    def change_key(self, plane: ControlPlane, new: "Node") -> httpx.Response:
        """Changes to the keys of `new`, which has the same node id, signed by the own one."""
        body = new.key_change_body()
        return plane.send("POST", KEY_PATH, body, self.headers("POST", KEY_PATH, body))


def joined(plane: ControlPlane, operator: str, **values: Any) -> Node:
    """A node that has joined with a token of its own, which the operator with this session token made."""
    node = Node(**values)
    answer = node.join(plane, new_join_string(plane, operator, pool=node.pool))
    assert answer.status_code == 200, answer.text
    return replace(node, node_id=answer.json()["node"]["node_id"])


def new_join_string(plane: ControlPlane, operator: str, **asked: Any) -> str:
    """A join string of a new token; by default of one use in the pool `edge`."""
    answer = plane.post("/api/control-plane/node-join-tokens", {"pool": "edge", **asked}, token=operator)
    assert answer.status_code == 200, answer.text
    return answer.json()["secret"]


def send(
    world: World, client: httpx.AsyncClient, method: str, target: str, body: bytes, headers: dict[str, str]
) -> httpx.Response:
    """Sends a request with these headers. A body is JSON."""
    of_body = {"content-type": "application/json"} if body else {}
    return world.call(partial(client.request, method, target, content=body, headers={**headers, **of_body}))


def make_node(database: Database, status: str = "active", **values: Any) -> Node:
    """A node as a row of Postgres."""
    node = Node(**values)
    is_revoked = status == "revoked"
    database.execute("insert into node_pools values ($1, clock_now()) on conflict do nothing", node.pool)
    database.execute(
        "insert into nodes (node_id, pool, node_name, status, created_at, revoked_at, revoke_reason_code)"
        " values ($1, $2, $3, $4, clock_now(), case when $5 then clock_now() end, case when $5 then 'test' end)",
        node.node_id, node.pool, node.node_name, status, is_revoked,
    )  # fmt: skip
    add_key(database, node, 1)
    return node


def add_key(database: Database, node: Node, generation: int) -> None:
    """Gives the keys of `node` to the node with its id, in this generation."""
    database.execute(
        "insert into node_keys values ($1, $2, $3, $4, clock_now())",
        node.keys.public_key, node.node_id, generation, node.keys.encryption_key,
    )  # fmt: skip


def with_new_keys(node: Node) -> Node:
    """The same node with other private keys."""
    return replace(node, key=Ed25519PrivateKey.generate(), encryption_key=X25519PrivateKey.generate())
