"""Published configuration as rows of Postgres: signed manifests, their documents, and the head of a pool."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.node.manifest import Document, Manifest, Position, digest_of, encode_manifest
from contracts.node.signed import MANIFEST_MARKER, Signed, signed_fields
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from tests.support import stack
from tests.support.builders import unique
from tests.support.database import Database

CONFIG_KEYS = ConfigKeys.parse("tests", stack.CONFIG_KEYS)
_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Activated:
    """An activation: the manifest that is the head of its pool now, and the digests of its documents by name."""

    pool: str
    position: Position
    digest: str
    signed: Signed
    documents: dict[str, str]


def activate(
    database: Database,
    pool: str,
    *,
    documents: dict[str, bytes] | None = None,
    position: Position | None = None,
    percent: int = 100,
    halts: bool = False,
) -> Activated:
    """Makes a manifest the head of a pool. Without `position` the sequence rises by one. A stage keeps the old head."""
    head = _head(database, pool)
    place = position or (Position(head["epoch"], head["sequence"] + 1) if head else Position(1_700_000_000_000, 1))
    bodies = {unique("edge-"): b"{}"} if documents is None else documents
    kept = {name: _keep_document(database, pool, name, body) for name, body in bodies.items()}
    signed = _signed(pool, place, bodies)
    digest = digest_of(signed.payload)
    _keep_manifest(database, pool, place, digest, signed)
    for name, subject_id in kept.items():
        database.execute(
            "insert into config_documents values ($1, $2, $3, 1)",
            bytes.fromhex(digest), hashlib.sha256(bodies[name]).digest(), subject_id,
        )  # fmt: skip
    stable = head["digest"] if head and (percent < 100 or halts) else None
    database.execute(
        "insert into config_heads values ($1, $2, $3, $4, $4, clock_now(), $5, $6, $7)"
        " on conflict (pool) do update set epoch = excluded.epoch, sequence = excluded.sequence,"
        " digest = excluded.digest, content_digest = excluded.content_digest, activated_at = excluded.activated_at,"
        " stable_digest = excluded.stable_digest, percent = excluded.percent, halts = excluded.halts, halted_at = null",
        pool, place.epoch, place.sequence, bytes.fromhex(digest), stable, percent, halts,
    )  # fmt: skip
    return Activated(pool, place, digest, signed, {name: digest_of(body) for name, body in bodies.items()})


def _head(database: Database, pool: str) -> Any:
    rows = database.execute("select epoch, sequence, digest from config_heads where pool = $1", pool)
    return rows[0] if rows else None


def _keep_document(database: Database, pool: str, name: str, body: bytes) -> str:
    """Stores the document as version 1 of a subject of its own, and returns the id of the subject."""
    subject_id = unique("gateway-config-")
    database.execute("insert into node_pools values ($1, clock_now()) on conflict do nothing", pool)
    database.execute(
        "insert into subjects (subject_id, kind, name, pools, draft, revision, last_version, created_at, updated_at)"
        " values ($1, 'gateway_config', $2, array[$3], '{}', 1, 1, clock_now(), clock_now())",
        subject_id, f"{name}-{subject_id}", pool,
    )  # fmt: skip
    database.execute(
        "insert into subject_versions (subject_id, version, revision, pools, draft, document, digest, created_by,"
        " created_at) values ($1, 1, 1, array[$2], '{}', $3, $4, 'tests', clock_now())",
        subject_id, pool, body, hashlib.sha256(body).digest(),
    )  # fmt: skip
    return subject_id


def _signed(pool: str, position: Position, bodies: dict[str, bytes]) -> Signed:
    now: datetime = SystemClock().now()
    documents = tuple(Document("gateway_config", name, 1, digest_of(body), len(body)) for name, body in bodies.items())
    manifest = Manifest(pool, position, now, now + _LIFE, 1, CONFIG_KEYS.public_keys(), documents)
    payload = encode_manifest(manifest)
    return Signed(payload, CONFIG_KEYS.sign(MANIFEST_MARKER, payload))


def _keep_manifest(database: Database, pool: str, position: Position, digest: str, signed: Signed) -> None:
    database.execute("insert into node_pools values ($1, clock_now()) on conflict do nothing", pool)
    database.execute(
        "insert into config_manifests values ($1, $2, $3, $4, $5, $6, clock_now(), clock_now() + interval '30 days')",
        bytes.fromhex(digest), pool, position.epoch, position.sequence, signed.payload,
        json.dumps(signed_fields(signed)["signatures"]),
    )  # fmt: skip
