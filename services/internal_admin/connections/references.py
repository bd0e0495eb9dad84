"""The secrets that a stored revision refers to."""

import json
from typing import cast

import asyncpg

from contracts.connection_kinds import ConnectionKind
from services.internal_admin.connections.domain import Refs
from services.internal_admin.secrets.domain.secret import StoredVersion
from services.internal_admin.secrets.store import values
from shared.kernel.keyring import KeyRing


def refs_of(revision: asyncpg.Record | None) -> dict[str, StoredVersion]:
    """The references of a row of `connection_revisions`; none for no row."""
    stored = {} if revision is None else cast("dict[str, list[object]]", json.loads(revision["secrets"]))
    return {name: StoredVersion(str(pair[0]), int(cast("int", pair[1]))) for name, pair in stored.items()}


async def open_refs(connection: asyncpg.Connection, keys: KeyRing, kind: ConnectionKind, refs: Refs) -> dict[str, str]:
    """The values in the clear, by field. Raises as `values.read_values` does."""
    if not refs:
        return {}
    opened = await values.read_values(connection, keys, list(refs.values()))
    fields = {field.secret_name: field.name for field in kind.secrets}
    return {fields[name]: opened[version].decode() for name, version in refs.items()}
