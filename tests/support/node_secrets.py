"""Secrets for nodes as rows of Postgres, and their opening by a node's keys."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from clients.node.identity import PrivateKeys
from clients.node.link import Reply
from clients.node.secrets import read_opened
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import GATEWAY, OpenSecrets, SecretVersion, encode_open_secrets
from services.internal_admin.access.limits import control_plane_limiter
from services.internal_admin.node_access.flow import KnownNodes
from services.internal_admin.node_access.guard import NodeGuard
from services.internal_admin.node_access.replays import Replays
from services.internal_admin.node_secrets.api import ROUTES, NodeSecretsApi
from services.internal_admin.node_secrets.flow import SecretOpener
from services.internal_admin.secrets.domain.sealing import SecretPlace, seal_value
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_secret_id
from shared.kernel.keyring import KeyRing
from shared.web.app import quart_app
from shared.web.edge import Edge
from tests.support import stack
from tests.support.background import background
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.nodes import Node
from tests.support.published import activate
from tests.support.world import World

CONFIG = ConfigKeys.parse("AUTHSESSION_CONFIG_KEYS", stack.CONFIG_KEYS)
SECRET_KEYS = KeyRing.parse("AUTHSESSION_SECRET_KEYS", stack.SECRET_KEYS)


@dataclass(frozen=True, slots=True)
class Stored:
    """A secret in Postgres with its newest version and value."""

    version: SecretVersion
    value: bytes = field(repr=False)

    @property
    def secret_id(self) -> str:
        return self.version.secret_id


def store(
    database: Database,
    value: bytes | None = None,
    *,
    scope: tuple[str, str] = ("pool", "edge"),
    keys: KeyRing = SECRET_KEYS,
) -> Stored:
    """A new secret with one enabled version."""
    secret_id, name = new_secret_id(SystemClock(), SystemEntropy()), unique("N").upper().replace("-", "_")
    database.execute(
        "insert into secrets (secret_id, scope_kind, scope_id, name, usage, current_version, last_version, created_at,"
        " updated_at) values ($1, $2, $3, $4, 'grantable', 1, 1, clock_now(), clock_now())",
        secret_id, *scope, name,
    )  # fmt: skip
    kept = value if value is not None else unique("value-").encode()
    insert_version(database, SecretPlace(secret_id, *scope, name, 1), kept, keys)
    return Stored(SecretVersion(secret_id, 1), kept)


def add_version(database: Database, stored: Stored, value: bytes, *, is_current: bool = True) -> Stored:
    """A further version of the secret."""
    (row,) = database.execute(
        "update secrets set last_version = last_version + 1,"
        " current_version = case when $2 then last_version + 1 else current_version end"
        " where secret_id = $1 returning *",
        stored.secret_id, is_current,
    )  # fmt: skip
    place = SecretPlace(stored.secret_id, row["scope_kind"], row["scope_id"], row["name"], row["last_version"])
    insert_version(database, place, value, SECRET_KEYS)
    return Stored(SecretVersion(stored.secret_id, row["last_version"]), value)


def insert_version(database: Database, place: SecretPlace, value: bytes, keys: KeyRing) -> None:
    sealed = seal_value(keys, place, value, SystemEntropy())
    database.execute(
        "insert into secret_versions values ($1, $2, 'enabled', $3, $4, $5, 'tests', clock_now())",
        place.secret_id, place.version, sealed.key_id, sealed.wrapped_key, sealed.ciphertext,
    )  # fmt: skip


def name_in_manifest(database: Database, pool: str, *stored: Stored, reader: str = GATEWAY) -> None:
    """Makes a manifest that names these secrets for the reader the head of the pool."""
    digest = bytes.fromhex(activate(database, pool, documents={}).digest)
    for each in stored:
        database.execute("insert into config_secrets values ($1, $2, $3, $4)", digest, each.secret_id, reader, 1)


def grant(database: Database, stored: Stored, kind: str, grantee: str) -> None:
    database.execute(
        "insert into secret_grants values ($1, $2, $3, 'tests', clock_now())", stored.secret_id, kind, grantee
    )


def asked_for(*stored: Stored, reader: str = GATEWAY, task_id: str | None = None) -> OpenSecrets:
    return OpenSecrets(tuple(each.version for each in stored), reader, task_id)


def body_for(*stored: Stored, **asked: Any) -> bytes:
    """The body of a request for these secrets."""
    return encode_open_secrets(asked_for(*stored, **asked))


def opened(body: bytes, asked: OpenSecrets, node: Node, request_id: str) -> dict[SecretVersion, bytes]:
    """The values in an answer, as the library opens them. Raises `NotTrusted`."""
    reply = Reply(body, request_id, 0, 0, is_by_next_keys=False)
    private = [PrivateKeys(node.key, node.encryption_key)]
    return read_opened(reply, asked, node.node_id, CONFIG.public_keys(), private)


def open_api(world: World, secret_keys: KeyRing = SECRET_KEYS, config_keys: ConfigKeys = CONFIG) -> httpx.AsyncClient:
    limiter = control_plane_limiter(world.redis, unique("test-rate-") + ":", ROUTES)
    world.enter(background, lambda task_status: limiter.run(task_status=task_status))
    guard = NodeGuard(KnownNodes(world.internal), Replays(), limiter)
    routes = guard.protect(ROUTES, NodeSecretsApi(SecretOpener(world.internal, secret_keys, config_keys)))
    transport = httpx.ASGITransport(quart_app(routes, Edge(SystemEntropy())), client=("192.0.2.9", 4711))
    return world.enter(httpx.AsyncClient, transport=transport, base_url="http://nodes.example", timeout=30)


class Ask:
    """Asks for secrets as a node, and opens what comes."""

    def __init__(self, world: World, client: httpx.AsyncClient, node: Node) -> None:
        self.world, self.client, self.node = world, client, node

    def raw(self, *stored: Stored, **asked: Any) -> httpx.Response:
        return self.node.send(self.world, self.client, "POST", SECRETS_PATH, body_for(*stored, **asked))

    def refusal(self, *stored: Stored, **asked: Any) -> tuple[int, str]:
        answer = self.raw(*stored, **asked)
        return answer.status_code, answer.json()["error"]["code"]

    def values(self, *stored: Stored, **asked: Any) -> list[bytes]:
        answer = self.raw(*stored, **asked)
        assert answer.status_code == 200, answer.text
        request_id = answer.request.headers["galaxy-request-id"]
        values = opened(answer.content, asked_for(*stored, **asked), self.node, request_id)
        return list(values.values())


def rows(world: World, *stored: Stored) -> list[tuple[str, str]]:
    """The rows of the trail about these secrets: secret id and outcome."""
    found = world.database.execute(
        "select subject, outcome from audit_events where event = 'security.open_secret' and subject = any ($1)"
        " order by audit_id",
        [each.secret_id for each in stored],
    )
    return [(row["subject"], row["outcome"]) for row in found]
