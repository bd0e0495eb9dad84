"""Secrets for nodes as rows of Postgres, and their opening by a node's keys."""

from dataclasses import dataclass, field
from typing import Any

from clients.node.identity import PrivateKeys
from clients.node.link import Reply
from clients.node.secrets import read_opened
from contracts.node.secrets import GATEWAY, OpenSecrets, SecretVersion, encode_open_secrets
from services.internal_admin.secrets.domain.sealing import SecretPlace, seal_value
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_secret_id
from shared.kernel.keyring import KeyRing
from tests.support.builders import unique
from tests.support.database import Database
from tests.support.nodes import Node
from tests.support.published import activate
from tests.support.stack import CONFIG_KEYS

CONFIG = ConfigKeys.parse("AUTHSESSION_CONFIG_KEYS", CONFIG_KEYS)
SECRET_KEYS = KeyRing.parse("AUTHSESSION_SECRET_KEYS", "s1:c2VjcmV0cy1hdC1yZXN0LWFyZS1zZWFsZWQtYnktdGhpcyE=")


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
